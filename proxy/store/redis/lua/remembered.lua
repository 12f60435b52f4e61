-- Remembered browsers. Of each:
--   browser:NAME    hash: guid, digest, former, used_at, record
--   browsers:GUID   sorted set of a person's names by when they were made; one that is over may still be in it
-- Of all: remembering (sorted set of the GUIDs that have any; all of somebody's may be over).
local operation = {}

local function read(name)
  local found = redis.call('HMGET', key('browser', name), 'guid', 'used_at', 'record')
  return found[1] and {name, unpack(found)}
end

local function forget(guid, name)
  if redis.call('HGET', key('browser', name), 'guid') ~= guid then
    return 0
  end
  redis.call('ZREM', key('browsers', guid), name)
  if redis.call('EXISTS', key('browsers', guid)) == 0 then
    redis.call('ZREM', prefix .. 'remembering', guid)
  end
  return drop('browser', name)
end

function operation.put(name, guid, digest, made_at, expires_at, record, most, ttl, longest_ttl)
  local names = key('browsers', guid)
  redis.call(
    'HSET', key('browser', name), 'guid', guid, 'digest', digest, 'former', '', 'used_at', made_at, 'record', record
  )
  redis.call('PEXPIRE', key('browser', name), ttl)
  expires('browser', name, expires_at)
  redis.call('ZADD', names, made_at, name)
  redis.call('PEXPIRE', names, longest_ttl)
  redis.call('ZADD', prefix .. 'remembering', made_at, guid)
  for _, each in ipairs(redis.call('ZRANGE', names, 0, -tonumber(most) - 1)) do
    forget(guid, each)
    redis.call('ZREM', names, each)
  end
end

function operation.read(name)
  return read(name)
end

function operation.of(guid)
  local found = {}
  for _, name in ipairs(redis.call('ZRANGE', key('browsers', guid), 0, -1)) do
    found[#found + 1] = read(name) or nil
  end
  if #found == 0 then
    redis.call('ZREM', prefix .. 'remembering', guid)
  end
  return found
end

-- The digests are compared as they are: nobody can choose one that is nearly right.
function operation.turn(name, digest, becomes, now, change_seconds)
  local found = redis.call('HMGET', key('browser', name), 'digest', 'former', 'used_at')
  if not found[1] then
    return {'gone', ''}
  end
  local is_recent = tonumber(now) < tonumber(found[3]) + tonumber(change_seconds)
  if is_recent and (found[1] == digest or found[2] == digest) then
    return {'stands', found[1]}
  end
  if found[1] == digest then
    redis.call('HSET', key('browser', name), 'former', digest, 'digest', becomes, 'used_at', now)
    return {'turned', becomes}
  end
  return {'stolen', ''}
end

function operation.forget(guid, which, ...)
  local names, forgotten = which == 'all' and redis.call('ZRANGE', key('browsers', guid), 0, -1) or {...}, 0
  for _, name in ipairs(names) do
    forgotten = forgotten + forget(guid, name)
  end
  return forgotten
end

return operation[ARGV[1]](unpack(ARGV, 2))
