-- App passwords and service tokens. Of each:
--   credential:ID      hash: record, guid, digest (hexadecimal), made_at, ends_at, used_at ('': never)
--   credential-of:HEX  the id of the one with this digest
--   credentials:GUID   a person's ids by when they end
-- and of all: credentials (sorted set of ids by when they end).
local operation = {}

local function read(id)
  local found = redis.call('HMGET', key('credential', id), 'record', 'guid', 'digest', 'made_at', 'ends_at', 'used_at')
  return found[1] and {id, unpack(found)}
end

local function read_all(index, now)
  local found = {}
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', index, '(' .. now, '+inf')) do
    found[#found + 1] = read(id) or nil
  end
  return found
end

function operation.put(id, guid, digest, made_at, ends_at, ttl, most, record)
  local of_person, of_all = key('credentials', guid), prefix .. 'credentials'
  redis.call('ZREMRANGEBYSCORE', of_all, '-inf', made_at)
  redis.call('ZREMRANGEBYSCORE', of_person, '-inf', made_at)
  if redis.call('ZCARD', of_person) >= tonumber(most) then
    return 0
  end
  redis.call(
    'HSET', key('credential', id), 'record', record, 'guid', guid, 'digest', digest, 'made_at', made_at,
    'ends_at', ends_at, 'used_at', ''
  )
  redis.call('PEXPIRE', key('credential', id), ttl)
  expires('credential', id, ends_at)
  redis.call('SET', key('credential-of', digest), id, 'PX', ttl)
  expires('credential-of', digest, ends_at)
  redis.call('ZADD', of_person, ends_at, id)
  redis.call('ZADD', of_all, ends_at, id)
  for _, index in ipairs({of_person, of_all}) do
    -- As long as the one that ends last, which may be another: `ttl` is that of this one.
    local last = redis.call('ZREVRANGE', index, 0, 0, 'WITHSCORES')
    redis.call('PEXPIRE', index, math.ceil(ttl + (last[2] - ends_at) * 1000))
  end
  return 1
end

function operation.by_digest(digest)
  local id = redis.call('GET', key('credential-of', digest))
  return id and read(id)
end

function operation.all(now)
  return read_all(prefix .. 'credentials', now)
end

function operation.of(guid, now)
  return read_all(key('credentials', guid), now)
end

function operation.use(id, now)
  local used_at = redis.call('HGET', key('credential', id), 'used_at')
  if used_at and (used_at == '' or tonumber(used_at) < tonumber(now)) then
    redis.call('HSET', key('credential', id), 'used_at', now)
  end
end

function operation.remove(...)
  local removed = 0
  for _, id in ipairs({...}) do
    local found = redis.call('HMGET', key('credential', id), 'guid', 'digest')
    if found[1] then
      redis.call('ZREM', key('credentials', found[1]), id)
      drop('credential-of', found[2])
    end
    redis.call('ZREM', prefix .. 'credentials', id)
    removed = removed + drop('credential', id)
  end
  return removed
end

return operation[ARGV[1]](unpack(ARGV, 2))
