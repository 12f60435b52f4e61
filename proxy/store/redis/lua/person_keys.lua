-- Keys of persons. Of each month:
--   person-keys:MONTH  hash: the owner (hexadecimal) to the id and what is wrapped, with a colon between
-- and of all: person-key-ids, a hash of ids to the month and owner, with a colon between; person-key-months, a sorted
-- set without scores.
local operation = {}
local ids, months = prefix .. 'person-key-ids', prefix .. 'person-key-months'

local function read(owner, month)
  local found = redis.call('HGET', key('person-keys', month), owner)
  return found and {string.sub(found, 1, 32), owner, month, string.sub(found, 34)}
end

function operation.keep(id, owner, month, wrapped)
  local found = read(owner, month)
  if found then
    return found
  end
  redis.call('HSET', key('person-keys', month), owner, id .. ':' .. wrapped)
  redis.call('HSET', ids, id, month .. ':' .. owner)
  redis.call('ZADD', months, 0, month)
  return {id, owner, month, wrapped}
end

local function by_id(id)
  local found = redis.call('HGET', ids, id)
  return found and read(string.sub(found, 9), string.sub(found, 1, 7))
end

function operation.by_ids(...)
  local found = {}
  for _, id in ipairs({...}) do
    found[#found + 1] = by_id(id) or nil
  end
  return found
end

function operation.months()
  return redis.call('ZRANGE', months, 0, -1)
end

function operation.all(owner, month)
  local found = {}
  for _, each in ipairs(month ~= '' and {month} or operation.months()) do
    if owner ~= '' then
      found[#found + 1] = read(owner, each) or nil
    else
      for _, one in ipairs(redis.call('HKEYS', key('person-keys', each))) do
        found[#found + 1] = read(one, each)
      end
    end
  end
  return found
end

function operation.erase(owner, month)
  local found = operation.all(owner, month)
  for _, each in ipairs(found) do
    redis.call('HDEL', ids, each[1])
    redis.call('HDEL', key('person-keys', each[3]), each[2])
    if redis.call('EXISTS', key('person-keys', each[3])) == 0 then
      redis.call('ZREM', months, each[3])
    end
  end
  return #found
end

function operation.rewrap(id, was, wrapped)
  local found = by_id(id)
  if not found or found[4] ~= was then
    return 0
  end
  redis.call('HSET', key('person-keys', found[3]), found[2], id .. ':' .. wrapped)
  return 1
end

return operation[ARGV[1]](unpack(ARGV, 2))
