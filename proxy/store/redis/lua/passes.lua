-- Passes. Of each:
--   pass:ID      hash: record, digest, confirmed ('': nobody has), guid, ends_at
--   passes:GUID  a person's ids by when they end
-- and of all: passes (sorted set of ids by when they end). Of what managers are asked for:
--   vouch:GUID   hash: record, id, answer ('': it waits), expires_at
-- and of all: vouches (sorted set of GUIDs by when they are over).
local operation = {}

local function read(index, now)
  local found = {}
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', index, '(' .. now, '+inf')) do
    local fields = redis.call('HMGET', key('pass', id), 'record', 'digest', 'confirmed')
    found[#found + 1] = fields[1] and fields or nil
  end
  return found
end

function operation.put(id, guid, given_at, ends_at, ttl, record, digest, confirmed)
  redis.call('ZREMRANGEBYSCORE', prefix .. 'passes', '-inf', given_at)
  redis.call('ZREMRANGEBYSCORE', key('passes', guid), '-inf', given_at)
  if redis.call('EXISTS', key('passes', guid)) == 1 then
    return 0
  end
  redis.call(
    'HSET', key('pass', id), 'record', record, 'digest', digest, 'confirmed', confirmed, 'guid', guid, 'ends_at', ends_at
  )
  redis.call('PEXPIRE', key('pass', id), ttl)
  expires('pass', id, ends_at)
  redis.call('ZADD', key('passes', guid), ends_at, id)
  redis.call('PEXPIRE', key('passes', guid), ttl)
  redis.call('ZADD', prefix .. 'passes', ends_at, id)
  return 1
end

function operation.all(now)
  return read(prefix .. 'passes', now)
end

function operation.of(guid, now)
  return read(key('passes', guid), now)
end

function operation.confirm(id, confirmed, now)
  local found = redis.call('HMGET', key('pass', id), 'confirmed', 'ends_at')
  if found[1] ~= '' or is_over(found[2], now) then
    return 0
  end
  redis.call('HSET', key('pass', id), 'confirmed', confirmed)
  return 1
end

function operation.finish(id)
  local guid = redis.call('HGET', key('pass', id), 'guid')
  if guid then
    redis.call('ZREM', key('passes', guid), id)
  end
  redis.call('ZREM', prefix .. 'passes', id)
  return drop('pass', id)
end

function operation.put_vouch(guid, id, asked_at, expires_at, ttl, record)
  redis.call('ZREMRANGEBYSCORE', prefix .. 'vouches', '-inf', asked_at)
  redis.call('HSET', key('vouch', guid), 'record', record, 'id', id, 'answer', '', 'expires_at', expires_at)
  redis.call('PEXPIRE', key('vouch', guid), ttl)
  expires('vouch', guid, expires_at)
  redis.call('ZADD', prefix .. 'vouches', expires_at, guid)
end

function operation.vouches(now, guid)
  local found = {}
  for _, whose in ipairs(guid and { guid } or redis.call('ZRANGEBYSCORE', prefix .. 'vouches', '(' .. now, '+inf')) do
    local fields = redis.call('HMGET', key('vouch', whose), 'record', 'answer', 'expires_at')
    if fields[1] and not is_over(fields[3], now) then
      found[#found + 1] = { fields[1], fields[2] }
    end
  end
  return found
end

function operation.answer_vouch(guid, id, answer, now)
  local found = redis.call('HMGET', key('vouch', guid), 'id', 'answer', 'expires_at')
  if found[1] ~= id or found[2] ~= '' or is_over(found[3], now) then
    return 0
  end
  redis.call('HSET', key('vouch', guid), 'answer', answer)
  return 1
end

return operation[ARGV[1]](unpack(ARGV, 2))
