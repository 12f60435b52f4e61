-- What all scripts share. KEYS[1] is the prefix of every key: it holds the hash tag, so that all lie in one slot of a
-- cluster. ARGV[1] names the operation. Instants and durations come as decimal text and are kept as that text, because
-- Lua would round them when it writes them; they are made numbers only to be compared. The TTLs (in milliseconds) are a
-- net for a server that nobody cleans up: what is over is decided by the instants.
local prefix = KEYS[1]

local function key(kind, name)
  return prefix .. kind .. ':' .. name
end

-- Note when something is over, for `expire`.
local function expires(kind, name, at)
  redis.call('ZADD', prefix .. 'expiry', at, kind .. ':' .. name)
end

local function drop(kind, name)
  redis.call('ZREM', prefix .. 'expiry', kind .. ':' .. name)
  return redis.call('DEL', key(kind, name))
end

local SKEW_SECONDS = 60

local function is_over(at, now)
  return tonumber(at) <= tonumber(now)
end
