-- Pending second factors, messages and tickets. Of each:
--   challenge:ID   hash: record, session, digest, expires_at, attempts_left, last_sent_at
--   sending:ID     when it is forgotten, a line feed, the record
--   sendings:ID    list of the ids of one challenge's messages
--   sent           list of the ids of the latest messages, the latest first
--   ticket:DIGEST  the session's id, a line feed, the record
local operation = {}

-- Made by a clock that was further ahead than clocks may differ: it would live for longer than it was given.
local function is_from_the_future(record, now)
  return cjson.decode(record).created_at > tonumber(now) + SKEW_SECONDS
end

local function live(challenge_id, session_id, now)
  local found = redis.call(
    'HMGET', key('challenge', challenge_id),
    'session', 'expires_at', 'record', 'digest', 'attempts_left', 'last_sent_at'
  )
  if found[1] ~= session_id or is_over(found[2], now) or is_from_the_future(found[3], now) then
    return false
  end
  return found
end

local function factor_of(record)
  return cjson.decode(record).factor or 'sms'
end

-- The id of the newest live one, or ''. Of two with the same instant, the one that was put later is the newer one.
-- One of a factor or channel that the caller does not know is none to it, so it must be none here too.
local function newest_of(session, now, known)
  local newest, newest_at = '', nil
  for _, id in ipairs(redis.call('LRANGE', key('challenges', session), 0, -1)) do
    local challenge = live(id, session, now)
    local record = challenge and cjson.decode(challenge[3])
    if record and known:find(' factor:' .. factor_of(challenge[3]) .. ' ', 1, true)
      and known:find(' kind:' .. (record.kind or '') .. ' ', 1, true)
      and (not newest_at or record.created_at >= newest_at)
    then
      newest, newest_at = id, record.created_at
    end
  end
  return newest
end

-- Nothing is written if its session ended meanwhile: nobody could answer it. With `newest`, neither is it if another one
-- is the session's newest by then. It gets no more attempts than the session's live ones have left, and takes the place
-- of those for the same factor.
function operation.put(id, session, record, digest, expires_at, attempts_left, last_sent_at, ttl, now, newest, known)
  if redis.call('EXISTS', key('session', session)) == 0 or (newest and newest_of(session, now, known) ~= newest) then
    return 0
  end
  for _, challenge in ipairs(operation.of_session(session, now)) do
    attempts_left = math.min(tonumber(attempts_left), tonumber(challenge[5]))
  end
  redis.call(
    'HSET', key('challenge', id), 'record', record, 'session', session, 'digest', digest,
    'expires_at', expires_at, 'attempts_left', attempts_left, 'last_sent_at', last_sent_at
  )
  redis.call('PEXPIRE', key('challenge', id), ttl)
  expires('challenge', id, expires_at)
  redis.call('LREM', key('challenges', session), 0, id)
  for _, each in ipairs(redis.call('LRANGE', key('challenges', session), 0, -1)) do
    local other = redis.call('HGET', key('challenge', each), 'record')
    if not other or factor_of(other) == factor_of(record) then
      drop('challenge', each)
      redis.call('LREM', key('challenges', session), 0, each)
    end
  end
  redis.call('RPUSH', key('challenges', session), id)
  redis.call('PEXPIRE', key('challenges', session), ttl)
  return 1
end

function operation.read(id, session, now)
  return live(id, session, now)
end

-- All live ones, in the order in which they were put.
function operation.of_session(session, now)
  local found = {}
  for _, id in ipairs(redis.call('LRANGE', key('challenges', session), 0, -1)) do
    local challenge = live(id, session, now)
    if challenge then
      found[#found + 1] = challenge
    end
  end
  return found
end

-- Both digests are hashed with a number that nobody can foresee before they are compared, so that how long it takes
-- says nothing about how far they are alike; what is equal then is compared once more as it is.
function operation.answer(id, session, digest, now, unforeseen)
  local found = live(id, session, now)
  if not found then
    return {'gone', 0}
  end
  local is_alike = redis.sha1hex(unforeseen .. found[4]) == redis.sha1hex(unforeseen .. digest)
  local attempts_left = tonumber(found[5])
  if is_alike and found[4] == digest then
    drop('challenge', id)
    redis.call('LREM', key('challenges', session), 0, id)
    return {'accepted', attempts_left}
  end
  for _, each in ipairs(redis.call('LRANGE', key('challenges', session), 0, -1)) do
    if live(each, session, now) and redis.call('HINCRBY', key('challenge', each), 'attempts_left', -1) < 1 then
      drop('challenge', each)
      redis.call('LREM', key('challenges', session), 0, each)
    end
  end
  return {attempts_left > 1 and 'wrong' or 'exhausted', math.max(0, attempts_left - 1)}
end

function operation.mark_sent(id, now, not_before)
  local found = redis.call('HMGET', key('challenge', id), 'last_sent_at', 'expires_at')
  if not found[1] or tonumber(found[1]) > tonumber(not_before) or is_over(found[2], now) then
    return 0
  end
  redis.call('HSET', key('challenge', id), 'last_sent_at', now)
  return 1
end

function operation.put_sending(id, challenge, expires_at, record, ttl, most)
  if redis.call('EXISTS', key('sending', id)) == 0 then
    redis.call('RPUSH', key('sendings', challenge), id)
    redis.call('LPUSH', prefix .. 'sent', id)
    redis.call('LTRIM', prefix .. 'sent', 0, tonumber(most) - 1)
  end
  redis.call('SET', key('sending', id), expires_at .. '\n' .. record, 'PX', ttl)
  expires('sending', id, expires_at)
  redis.call('PEXPIRE', key('sendings', challenge), ttl)
  expires('sendings', challenge, expires_at)
end

local function remembered(id, now)
  local found = redis.call('GET', key('sending', id))
  if not found then
    return false
  end
  local expires_at, record = string.match(found, '^([^\n]*)\n(.*)$')
  return not is_over(expires_at, now) and record
end

function operation.sending(id, now)
  return remembered(id, now)
end

local function remembered_of(list, now)
  local found = {}
  for _, id in ipairs(redis.call('LRANGE', list, 0, -1)) do
    local record = remembered(id, now)
    if record then
      found[#found + 1] = record
    end
  end
  return found
end

function operation.sendings_of(challenge, now)
  return remembered_of(key('sendings', challenge), now)
end

function operation.latest_sendings(now)
  return remembered_of(prefix .. 'sent', now)
end

-- Nothing is written if its session ended meanwhile: it would hand over nothing.
function operation.put_ticket(digest, session, record, expires_at, ttl)
  if redis.call('EXISTS', key('session', session)) == 1 then
    redis.call('SET', key('ticket', digest), session .. '\n' .. record, 'PX', ttl)
    expires('ticket', digest, expires_at)
  end
end

-- A ticket whose session ended hands over nothing, whether or not it was removed yet.
function operation.take_ticket(digest)
  local found = redis.call('GET', key('ticket', digest))
  if not found then
    return false
  end
  drop('ticket', digest)
  local session, record = string.match(found, '^([^\n]*)\n(.*)$')
  return redis.call('EXISTS', key('session', session)) == 1 and record
end

return operation[ARGV[1]](unpack(ARGV, 2))
