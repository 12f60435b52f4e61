-- The rungs of `[[degrade]]` that somebody put in force, by name:
--   rungs  hash: records
local operation = {}

function operation.put(name, record, seen)
  if (redis.call('HGET', prefix .. 'rungs', name) or '') ~= seen then
    return 0
  end
  redis.call('HSET', prefix .. 'rungs', name, record)
  return 1
end

function operation.all()
  return redis.call('HVALS', prefix .. 'rungs')
end

return operation[ARGV[1]](unpack(ARGV, 2))
