-- What persons have enrolled. None of it ends by itself, so nothing here has a TTL. Of each:
--   enrolment:ID    hash: record, guid, factor, name, used_at ('': never), sealed, counter, lookup ('': none)
--   enrolments:GUID sorted set of a person's ids by when they were made
--   lookup:HEX      the id of the enrolment with this lookup
-- and of all: enrolled (sorted set of the GUIDs that have any, by when the newest was put).
local operation = {}

local function read(id)
  local found = redis.call(
    'HMGET', key('enrolment', id), 'record', 'factor', 'name', 'used_at', 'sealed', 'counter', 'lookup'
  )
  return found[1] and {id, unpack(found)}
end

local function remove(guid, id)
  local found = redis.call('HMGET', key('enrolment', id), 'guid', 'lookup')
  if found[1] ~= guid then
    return 0
  end
  if found[2] ~= '' then
    redis.call('DEL', key('lookup', found[2]))
  end
  redis.call('DEL', key('enrolment', id))
  redis.call('ZREM', key('enrolments', guid), id)
  if redis.call('EXISTS', key('enrolments', guid)) == 0 then
    redis.call('ZREM', prefix .. 'enrolled', guid)
  end
  return 1
end

-- seen: a list of ids as JSON, or ''. Nine arguments for each: id, record, factor, name, made_at, used_at, sealed,
-- counter, lookup.
function operation.put(guid, in_place_of, seen, ...)
  local new, replaced, unseen = {...}, {}, {}
  local realm = cjson.decode(new[2]).realm
  for _, id in ipairs(seen ~= '' and cjson.decode(seen) or {}) do
    unseen[id] = true
  end
  for _, id in ipairs(redis.call('ZRANGE', key('enrolments', guid), 0, -1)) do
    local found = redis.call('HMGET', key('enrolment', id), 'factor', 'record')
    local is_of_realm = cjson.decode(found[2]).realm == realm
    replaced[id] = found[1] == in_place_of and is_of_realm or nil
    if seen ~= '' and found[1] == new[3] and is_of_realm then
      if not unseen[id] then
        return 0
      end
      unseen[id] = nil
    end
  end
  if next(unseen) then
    return 0
  end
  for i = 1, #new, 9 do
    local holder = new[i + 8] ~= '' and redis.call('GET', key('lookup', new[i + 8]))
    if holder and not replaced[holder] then
      return 0
    end
  end
  for id in pairs(replaced) do
    remove(guid, id)
  end
  for i = 1, #new, 9 do
    redis.call(
      'HSET', key('enrolment', new[i]), 'record', new[i + 1], 'guid', guid, 'factor', new[i + 2], 'name', new[i + 3],
      'used_at', new[i + 5], 'sealed', new[i + 6], 'counter', new[i + 7], 'lookup', new[i + 8]
    )
    redis.call('ZADD', key('enrolments', guid), new[i + 4], new[i])
    redis.call('ZADD', prefix .. 'enrolled', new[i + 4], guid)
    if new[i + 8] ~= '' then
      redis.call('SET', key('lookup', new[i + 8]), new[i])
    end
  end
  return 1
end

function operation.of(guid)
  local found = {}
  for _, id in ipairs(redis.call('ZRANGE', key('enrolments', guid), 0, -1)) do
    found[#found + 1] = read(id) or nil
  end
  return found
end

function operation.by_lookup(lookup)
  local id = lookup ~= '' and redis.call('GET', key('lookup', lookup))
  return id and read(id)
end

function operation.use(id, counter, now)
  local before = tonumber(redis.call('HGET', key('enrolment', id), 'counter') or nil)
  local new = tonumber(counter)
  if not before or not (new > before or (new == 0 and before == 0)) then
    return 0
  end
  redis.call('HSET', key('enrolment', id), 'counter', counter, 'used_at', now)
  return 1
end

function operation.rename(guid, id, name)
  if redis.call('HGET', key('enrolment', id), 'guid') ~= guid then
    return 0
  end
  redis.call('HSET', key('enrolment', id), 'name', name)
  return 1
end

function operation.remove(guid, which, ...)
  local ids, removed = which == 'all' and redis.call('ZRANGE', key('enrolments', guid), 0, -1) or {...}, 0
  for _, id in ipairs(ids) do
    removed = removed + remove(guid, id)
  end
  return removed
end

function operation.reseal(id, was, sealed)
  if redis.call('HGET', key('enrolment', id), 'sealed') ~= was then
    return 0
  end
  redis.call('HSET', key('enrolment', id), 'sealed', sealed)
  return 1
end

return operation[ARGV[1]](unpack(ARGV, 2))
