-- What persons say is not theirs, by their GUID, until somebody takes it off the list:
--   reported          hash: sign-ins
--   reported_numbers  hash: numbers, each as the digest of the number, a blank and the record
-- And sweeps, a sorted set: the counts of sweeps by when they were made.
local operation = {}

function operation.put_reported(guid, record)
  redis.call('HSET', prefix .. 'reported', guid, record)
end

function operation.reported()
  return redis.call('HVALS', prefix .. 'reported')
end

function operation.settle_reported(guid)
  return redis.call('HDEL', prefix .. 'reported', guid)
end

function operation.put_number(guid, number, record)
  local found = redis.call('HGET', prefix .. 'reported_numbers', guid)
  if found and string.sub(found, 1, #number + 1) == number .. ' ' then
    return 0
  end
  redis.call('HSET', prefix .. 'reported_numbers', guid, number .. ' ' .. record)
  return 1
end

function operation.numbers()
  local found = {}
  for _, each in ipairs(redis.call('HVALS', prefix .. 'reported_numbers')) do
    found[#found + 1] = string.sub(each, string.find(each, ' ', 1, true) + 1)
  end
  return found
end

function operation.drop_number(guid, number)
  local found = redis.call('HGET', prefix .. 'reported_numbers', guid)
  if not found or string.sub(found, 1, #number + 1) ~= number .. ' ' then
    return 0
  end
  return redis.call('HDEL', prefix .. 'reported_numbers', guid)
end

function operation.put_sweep(made_at, record, most)
  redis.call('ZREMRANGEBYSCORE', prefix .. 'sweeps', made_at, made_at)
  redis.call('ZADD', prefix .. 'sweeps', made_at, record)
  redis.call('ZREMRANGEBYRANK', prefix .. 'sweeps', 0, -tonumber(most) - 1)
end

function operation.sweeps()
  return redis.call('ZRANGE', prefix .. 'sweeps', 0, -1)
end

return operation[ARGV[1]](unpack(ARGV, 2))
