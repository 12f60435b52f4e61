-- What is known of the canaries: a hash `canaries` by their names, each its version, a blank and the record.
local operation = {}

function operation.put_canary(name, version, record)
  local found = redis.call('HGET', prefix .. 'canaries', name)
  if found and tonumber(string.match(found, '^%d+')) ~= tonumber(version) - 1 then
    return 0
  end
  redis.call('HSET', prefix .. 'canaries', name, version .. ' ' .. record)
  return 1
end

return operation[ARGV[1]](unpack(ARGV, 2))
