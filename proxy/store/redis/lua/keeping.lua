-- Counters, kept requests, what is remembered of persons, leases, and what is over of all these.
--   counter:KEY     hash: value, window_ends_at
--   kept:DIGEST     when it is over, a line feed, the sealed request
--   familiar:PERSON sorted set of addresses by when they are forgotten
--   number:GUID     hash: digest, sealed, used_at
--   lease:NAME      hash: holder, ends_at
--   failures        sorted set of failed deliveries by instant
--   arrivals:NAME   list of a channel's measured times, the latest first
--   accesses        hash: by session, what its person has elsewhere
--   throttled       hash: by person and limit, whom a limit has stopped recently
local operation = {}

-- The value and the end of the window that is open at `now`, or of the one that a count would open.
local function counted(name, now, would_end_at)
  local found = redis.call('HMGET', key('counter', name), 'value', 'window_ends_at')
  if not found[1] or is_over(found[2], now) then
    return 0, would_end_at
  end
  return tonumber(found[1]), found[2]
end

local function write_counter(name, value, window_ends_at, ttl)
  redis.call('HSET', key('counter', name), 'value', value, 'window_ends_at', window_ends_at)
  redis.call('PEXPIRE', key('counter', name), ttl)
  expires('counter', name, window_ends_at)
end

function operation.add(name, now, would_end_at, ttl)
  local value, window_ends_at = counted(name, now, would_end_at)
  write_counter(name, value + 1, window_ends_at, ttl)
  return {value + 1, window_ends_at}
end

-- Opens no window, and leaves the end of one and the TTL as they are.
function operation.give_back(name, now, amount)
  local value = counted(name, now)
  if value > 0 then
    redis.call('HSET', key('counter', name), 'value', math.max(value - tonumber(amount), 0))
  end
end

-- Five arguments for each counter: name, limit, would_end_at, whether it slides, ttl.
function operation.reserve(now, ...)
  local counters = {...}
  for i = 1, #counters, 5 do
    local value, window_ends_at = counted(counters[i], now, counters[i + 2])
    if value >= tonumber(counters[i + 1]) then
      return {(i - 1) / 5, window_ends_at}
    end
  end
  for i = 1, #counters, 5 do
    local value, window_ends_at = counted(counters[i], now, counters[i + 2])
    if counters[i + 3] == '1' and tonumber(window_ends_at) < tonumber(counters[i + 2]) then
      window_ends_at = counters[i + 2]
    end
    write_counter(counters[i], value + 1, window_ends_at, counters[i + 4])
  end
  return false
end

function operation.reset_count(name)
  drop('counter', name)
end

function operation.keep_request(digest, sealed, expires_at, ttl)
  redis.call('SET', key('kept', digest), expires_at .. '\n' .. sealed, 'PX', ttl)
  expires('kept', digest, expires_at)
end

function operation.take_request(digest)
  local found = redis.call('GET', key('kept', digest))
  if found then
    drop('kept', digest)
  end
  return found
end

-- Of more than `most` the one goes that was stopped longest ago.
function operation.put_throttled(name, record, most)
  local throttled = prefix .. 'throttled'
  redis.call('HSET', throttled, name, record)
  if redis.call('HLEN', throttled) <= tonumber(most) then
    return
  end
  local found, oldest, oldest_at = redis.call('HGETALL', throttled), nil, nil
  for i = 1, #found, 2 do
    local at = cjson.decode(found[i + 1]).at
    if not oldest_at or at < oldest_at then
      oldest, oldest_at = found[i], at
    end
  end
  redis.call('HDEL', throttled, oldest)
end

function operation.drop_throttled(name)
  redis.call('HDEL', prefix .. 'throttled', name)
end

local function forget_familiar(person, now)
  return redis.call('ZREMRANGEBYSCORE', key('familiar', person), '-inf', now)
end

local function note_familiar(person)
  local earliest = redis.call('ZRANGE', key('familiar', person), 0, 0, 'WITHSCORES')
  if earliest[1] then
    expires('familiar', person, earliest[2])
  else
    redis.call('ZREM', prefix .. 'expiry', 'familiar:' .. person)
  end
end

function operation.add_familiar(person, address, now, expires_at, most, ttl)
  local addresses = key('familiar', person)
  forget_familiar(person, now)
  redis.call('ZADD', addresses, expires_at, address)
  redis.call('PEXPIRE', addresses, ttl)
  redis.call('ZREMRANGEBYRANK', addresses, 0, -tonumber(most) - 1)
  note_familiar(person)
end

function operation.put_number(guid, digest, sealed, used_at, forgotten_at, ttl)
  redis.call('HSET', key('number', guid), 'digest', digest, 'sealed', sealed, 'used_at', used_at)
  redis.call('PEXPIRE', key('number', guid), ttl)
  expires('number', guid, forgotten_at)
end

function operation.put_failure(failed_at, over, record, most, ttl)
  local failures = prefix .. 'failures'
  redis.call('ZREMRANGEBYSCORE', failures, '-inf', over)
  redis.call('ZADD', failures, failed_at, record)
  redis.call('ZREMRANGEBYRANK', failures, 0, -tonumber(most) - 1)
  redis.call('PEXPIRE', failures, ttl)
end

-- The whole list is forgotten when nothing came for long.
function operation.put_arrival(channel, record, most, forgotten_at, ttl)
  local arrivals = key('arrivals', channel)
  redis.call('LPUSH', arrivals, record)
  redis.call('LTRIM', arrivals, 0, tonumber(most) - 1)
  redis.call('PEXPIRE', arrivals, ttl)
  expires('arrivals', channel, forgotten_at)
end

-- Nobody holds a lease longer than it is given for: an end beyond that was written before the clock was set back.
function operation.put_access(session_id, record, ttl)
  redis.call('HSET', prefix .. 'accesses', session_id, record)
  redis.call('PEXPIRE', prefix .. 'accesses', ttl)
end

function operation.accesses(which, ...)
  if which == 'all' then
    return redis.call('HVALS', prefix .. 'accesses')
  end
  local found = {}
  for _, session_id in ipairs({...}) do
    found[#found + 1] = redis.call('HGET', prefix .. 'accesses', session_id) or nil
  end
  return found
end

function operation.drop_access(session_id)
  redis.call('HDEL', prefix .. 'accesses', session_id)
end

function operation.take_lease(name, holder, now, ends_at, ttl)
  local found = redis.call('HMGET', key('lease', name), 'holder', 'ends_at')
  local is_held = found[1] and not is_over(found[2], now) and tonumber(found[2]) <= tonumber(ends_at)
  if is_held and found[1] ~= holder then
    return 0
  end
  redis.call('HSET', key('lease', name), 'holder', holder, 'ends_at', ends_at)
  redis.call('PEXPIRE', key('lease', name), ttl)
  return 1
end

function operation.is_leased(name, now, latest)
  local ends_at = redis.call('HGET', key('lease', name), 'ends_at')
  return ends_at and not is_over(ends_at, now) and tonumber(ends_at) <= tonumber(latest) and 1 or 0
end

function operation.drop_lease(name, holder)
  if redis.call('HGET', key('lease', name), 'holder') == holder then
    redis.call('DEL', key('lease', name))
  end
end

-- At most `most` entries of the index: how many were looked at, and how many records were removed.
function operation.expire(now, most)
  local over = redis.call('ZRANGEBYSCORE', prefix .. 'expiry', '-inf', now, 'LIMIT', 0, most)
  local removed = 0
  for _, entry in ipairs(over) do
    local kind, name = string.match(entry, '^([^:]*):(.*)$')
    if kind == 'familiar' then
      removed = removed + forget_familiar(name, now)
      note_familiar(name)
    else
      local dropped = drop(kind, name)
      removed = removed + (kind == 'former' and 0 or dropped)
    end
  end
  return {#over, removed}
end

return operation[ARGV[1]](unpack(ARGV, 2))
