-- Sessions. Of each:
--   session:ID     hash: principal, record, guid, owner (the GUID once signed in, else empty), cookie:DIGEST -> host
--   cookie:DIGEST  the session's id
--   challenges:ID  list of its challenges (see challenges.lua)
-- and of all: created, used, unfinished (sorted sets of ids by instant; unfinished: not signed in), guid:GUID (a
-- person's ids by instant), persons (GUIDs by their newest session's instant), persons-changed (the GUIDs that changed
-- last, by the number of the change), persons-version (the newest number), persons-forgotten (the newest that is not
-- kept any more), hearers (who listens, by when they last said so). Every change is told to all workers in the same
-- step that makes it.
-- And `store`, a hash: id, made_at, all_ended_at, doubted; and flushes, a hash: how often each worker has written.
local MOST_CHANGES = 10000
local HEARER_SECONDS = 300
local FORMER_TTL = 7200000
local OF_CREDENTIALS = {app_password = true, service_token = true}
local operation = {}

local function person_changed(guid)
  local newest = redis.call('ZRANGE', key('guid', guid), -1, -1, 'WITHSCORES')
  if newest[1] then
    redis.call('ZADD', prefix .. 'persons', newest[2], guid)
  else
    redis.call('ZREM', prefix .. 'persons', guid)
  end
  local changes = prefix .. 'persons-changed'
  redis.call('ZADD', changes, redis.call('INCR', prefix .. 'persons-version'), guid)
  local spare = redis.call('ZCARD', changes) - MOST_CHANGES
  if spare > 0 then
    local last = redis.call('ZRANGE', changes, spare - 1, spare - 1, 'WITHSCORES')
    redis.call('SET', prefix .. 'persons-forgotten', last[2])
    redis.call('ZREMRANGEBYRANK', changes, 0, spare - 1)
  end
end

local function tell(kind, teller, notice, ids)
  return redis.call('PUBLISH', prefix .. 'notices', table.concat({kind, teller, notice, unpack(ids)}, '\n'))
end

local function add_cookie(id, cookie, host)
  redis.call('SET', key('cookie', cookie), id)
  redis.call('HSET', key('session', id), 'cookie:' .. cookie, host)
end

-- Before `create`: what a server held before it was given an id may be a copy, unless that was nothing.
local function note_empty(now)
  if redis.call('EXISTS', prefix .. 'created') == 0 then
    redis.call('HSETNX', prefix .. 'store', 'made_at', now)
  end
end

local function create(id, guid, owner, created_at, used_at, principal, record, cookie, host)
  note_empty(created_at)
  redis.call('HSET', key('session', id), 'principal', principal, 'record', record, 'guid', guid, 'owner', owner)
  add_cookie(id, cookie, host)
  redis.call('ZADD', prefix .. 'created', created_at, id)
  redis.call('ZADD', prefix .. 'used', used_at, id)
  if owner == '' then
    redis.call('ZADD', prefix .. 'unfinished', created_at, id)
  end
  redis.call('ZADD', key('guid', guid), created_at, id)
  person_changed(guid)
end

local function finish(id, former_until, ttl)
  local fields = redis.call('HGETALL', key('session', id))
  if #fields == 0 then
    return false
  end
  local of = {}
  for i = 1, #fields, 2 do
    of[fields[i]] = fields[i + 1]
  end
  for name, host in pairs(of) do
    if string.sub(name, 1, 7) == 'cookie:' then
      local cookie = string.sub(name, 8)
      redis.call('DEL', key('cookie', cookie))
      if of.owner ~= '' then
        redis.call('SET', key('former', cookie), table.concat({former_until, of.owner, host}, '\n'), 'PX', ttl)
        expires('former', cookie, former_until)
      end
    end
  end
  for _, challenge in ipairs(redis.call('LRANGE', key('challenges', id), 0, -1)) do
    drop('challenge', challenge)
  end
  redis.call('DEL', key('session', id), key('challenges', id))
  for _, index in ipairs({'created', 'used', 'unfinished'}) do
    redis.call('ZREM', prefix .. index, id)
  end
  redis.call('ZREM', key('guid', of.guid), id)
  person_changed(of.guid)
  return true
end

local function read(id)
  local found = redis.call('HMGET', key('session', id), 'principal', 'record')
  if not found[1] then
    return false
  end
  return {id, found[1], found[2], redis.call('ZSCORE', prefix .. 'used', id)}
end

function operation.create(...)
  create(...)
end

-- Repeated after an answer was lost, it says what it said before.
function operation.create_first(id, ...)
  local cookie = select(7, ...)
  local standing = redis.call('GET', key('cookie', cookie))
  if standing then
    return standing == id and 1 or 0
  end
  create(id, ...)
  return 1
end

-- `most` may be ''. Ends the oldest signed-in ones of this person beside `kept`, so that at most so many stand with it;
-- those of credentials do not count.
local function finish_surplus(former_until, ttl, most, kept, guid, owner)
  local others, ended = {}, {}
  if most == '' or owner == '' then
    return ended
  end
  for _, id in ipairs(redis.call('ZRANGE', key('guid', guid), 0, -1)) do
    local found = redis.call('HMGET', key('session', id), 'owner', 'record')
    if id ~= kept and found[1] ~= '' and not OF_CREDENTIALS[cjson.decode(found[2]).way] then
      others[#others + 1] = id
    end
  end
  for i = 1, #others + 1 - tonumber(most) do
    finish(others[i], former_until, ttl)
    ended[#ended + 1] = others[i]
  end
  return ended
end

function operation.replace(teller, notice, former_until, ttl, old, most, ...)
  if not finish(old, former_until, ttl) then
    return {-1}
  end
  create(...)
  local ended = {old, unpack(finish_surplus(former_until, ttl, most, ...))}
  local told = tell('end', teller, notice, ended)
  return {#ended > 1 and math.max(told, redis.call('ZCARD', prefix .. 'hearers')) or told, unpack(ended)}
end

-- As `create`, where there may be too many then.
function operation.create_of_most(teller, notice, former_until, ttl, most, ...)
  create(...)
  local ended = finish_surplus(former_until, ttl, most, ...)
  if #ended == 0 then
    return {0}
  end
  local told = tell('end', teller, notice, ended)
  return {math.max(told, redis.call('ZCARD', prefix .. 'hearers')), unpack(ended)}
end

-- Returns how many should hear of it, and which sessions there were to end. Who listened lately and is not there just
-- now counts too: when the server is back, somebody may end a session before all others have come back.
local function finish_all(teller, notice, former_until, ttl, ids)
  local ended = {}
  for _, id in ipairs(ids) do
    if finish(id, former_until, ttl) then
      ended[#ended + 1] = id
    end
  end
  if #ended == 0 then
    return {0}
  end
  local told = tell('end', teller, notice, ended)
  return {math.max(told, redis.call('ZCARD', prefix .. 'hearers')), unpack(ended)}
end

-- Ends nothing; it is heard after everything that ended before. Returns how many should hear it.
function operation.nothing_ended(teller, notice)
  return {math.max(tell('end', teller, notice, {''}), redis.call('ZCARD', prefix .. 'hearers'))}
end

function operation.finish(teller, notice, former_until, ttl, id)
  return finish_all(teller, notice, former_until, ttl, {id})
end

-- The oldest hundred of a person's: more are left to the next call.
function operation.finish_of(teller, notice, former_until, ttl, guid)
  return finish_all(teller, notice, former_until, ttl, redis.call('ZRANGE', key('guid', guid), 0, 99))
end

-- The oldest hundred of all: more are left to the next call.
function operation.finish_oldest(teller, notice, former_until, ttl)
  return finish_all(teller, notice, former_until, ttl, redis.call('ZRANGE', prefix .. 'created', 0, 99))
end

-- Five for each session: its id, its record as it was read, and the record and the instants that count instead.
function operation.count_from(...)
  local counted = {...}
  for i = 1, #counted, 5 do
    local id, record, created_at, used_at = counted[i], counted[i + 2], counted[i + 3], counted[i + 4]
    local found = redis.call('HMGET', key('session', id), 'record', 'guid')
    if found[1] == counted[i + 1] then
      redis.call('HSET', key('session', id), 'record', record)
      redis.call('ZADD', prefix .. 'created', created_at, id)
      redis.call('ZADD', prefix .. 'used', used_at, id)
      redis.call('ZADD', prefix .. 'unfinished', 'XX', created_at, id)
      redis.call('ZADD', key('guid', found[2]), created_at, id)
      person_changed(found[2])
    end
  end
end

-- Pairs of an id and the last use that made it over: those that were used since stay.
function operation.finish_unused(teller, notice, former_until, ttl, ...)
  local unused, over = {}, {...}
  for i = 1, #over, 2 do
    local used_at = redis.call('ZSCORE', prefix .. 'used', over[i])
    if used_at and tonumber(used_at) == tonumber(over[i + 1]) then
      unused[#unused + 1] = over[i]
    end
  end
  return finish_all(teller, notice, former_until, ttl, unused)
end

function operation.by_cookie(cookie, host)
  local id = redis.call('GET', key('cookie', cookie))
  if not id then
    return false
  end
  local found = redis.call('HMGET', key('session', id), 'principal', 'record', 'cookie:' .. cookie)
  if found[3] ~= host then
    return false
  end
  return {id, found[1], found[2], redis.call('ZSCORE', prefix .. 'used', id)}
end

function operation.read(...)
  local found = {}
  for _, id in ipairs({...}) do
    local session = read(id)
    if session then
      found[#found + 1] = session
    end
  end
  return found
end

function operation.add_cookie(id, cookie, host)
  local session = read(id)
  if session then
    add_cookie(id, cookie, host)
  end
  return session
end

function operation.update_principal(teller, id, principal)
  if redis.call('EXISTS', key('session', id)) == 1 then
    redis.call('HSET', key('session', id), 'principal', principal)
    tell('change', teller, '', {id})
  end
end

function operation.hosts(...)
  local found = {}
  for _, id in ipairs({...}) do
    local fields, hosts = redis.call('HGETALL', key('session', id)), {}
    for i = 1, #fields, 2 do
      if string.sub(fields[i], 1, 7) == 'cookie:' then
        hosts[#hosts + 1] = fields[i + 1]
      end
    end
    found[#found + 1] = {id, hosts}
  end
  return found
end

-- The owner of the signed-in session that this cookie points to, or has pointed to.
function operation.former_owner(cookie, host, now)
  local id = redis.call('GET', key('cookie', cookie))
  if id then
    local found = redis.call('HMGET', key('session', id), 'owner', 'cookie:' .. cookie)
    return found[2] == host and found[1] or ''
  end
  local former = redis.call('GET', key('former', cookie))
  if not former then
    return ''
  end
  local ends_at, guid, its_host = string.match(former, '^([^\n]*)\n([^\n]*)\n(.*)$')
  return its_host == host and not is_over(ends_at, now) and guid or ''
end

-- The newest number, and what changed since `known`; 'all' if that is not known here.
function operation.persons(known)
  local version = redis.call('GET', prefix .. 'persons-version') or '0'
  if known == version then
    return {version}
  end
  local forgotten = redis.call('GET', prefix .. 'persons-forgotten') or '0'
  if known == '' or tonumber(known) > tonumber(version) or tonumber(known) < tonumber(forgotten) then
    return {version, 'all'}
  end
  local found = {version, 'some'}
  for _, guid in ipairs(redis.call('ZRANGEBYSCORE', prefix .. 'persons-changed', '(' .. known, '+inf')) do
    found[#found + 1] = guid
    found[#found + 1] = redis.call('ZSCORE', prefix .. 'persons', guid) or ''
  end
  return found
end

-- Part of a sorted set, as one text, which a client reads many times faster than as many: member, score, member, ...
function operation.scan(index, cursor, count)
  local found = redis.call('ZSCAN', prefix .. index, cursor, 'COUNT', count)
  return {found[1], table.concat(found[2], '\n')}
end

-- What the store says of itself. One without an id is given this one; what stood in it before may be a copy.
local function marks(id, now)
  local store = prefix .. 'store'
  if redis.call('HEXISTS', store, 'id') == 0 then
    note_empty(now)
    redis.call('HSETNX', store, 'made_at', '0')
    redis.call('HSETNX', store, 'all_ended_at', '0')
    redis.call('HSET', store, 'id', id)
  end
  local found = redis.call('HMGET', store, 'id', 'made_at', 'all_ended_at', 'doubted')
  return {
    found[1], found[2], found[3], found[4] or '', redis.call('GET', prefix .. 'persons-version') or '0',
    redis.call('HGETALL', prefix .. 'flushes')
  }
end

operation.marks = marks

function operation.flush(worker, id, now)
  redis.call('HINCRBY', prefix .. 'flushes', worker, 1)
  return marks(id, now)
end

-- Unless all sessions were ended since it was judged: then nothing is left to be doubted.
function operation.doubt(judged_at)
  local store = prefix .. 'store'
  if tonumber(redis.call('HGET', store, 'all_ended_at') or '0') <= tonumber(judged_at) then
    redis.call('HSET', store, 'doubted', '1')
  end
end

-- Later than before, whatever the clocks say.
function operation.all_are_ended(now)
  local store = prefix .. 'store'
  local before = redis.call('HGET', store, 'all_ended_at')
  if before and tonumber(before) >= tonumber(now) then
    now = string.format('%.3f', tonumber(before) + 1)
  end
  redis.call('HSET', store, 'all_ended_at', now)
  redis.call('HDEL', store, 'doubted')
end

-- Of these, whose ends were told before, those that stand all the same; how many.
function operation.end_again(former_until, ...)
  local again = 0
  for _, id in ipairs({...}) do
    if finish(id, former_until, FORMER_TTL) then
      again = again + 1
    end
  end
  return again
end

function operation.listens(name, now)
  redis.call('ZADD', prefix .. 'hearers', now, name)
  redis.call('ZREMRANGEBYSCORE', prefix .. 'hearers', '-inf', tonumber(now) - HEARER_SECONDS)
end

function operation.leaves(name)
  redis.call('ZREM', prefix .. 'hearers', name)
end

function operation.heard(notice, ttl, name, now)
  redis.call('RPUSH', key('heard', notice), name)
  redis.call('PEXPIRE', key('heard', notice), ttl)
  redis.call('ZADD', prefix .. 'hearers', now, name)
end

-- Pairs of a name and when it was last known to listen. Those that have said nothing since are not waited for any more;
-- the others, in such pairs, are the answer.
function operation.silent(...)
  local silent, hearers = {...}, prefix .. 'hearers'
  for i = 1, #silent, 2 do
    if redis.call('ZSCORE', hearers, silent[i]) == silent[i + 1] then
      redis.call('ZREM', hearers, silent[i])
    end
  end
  return redis.call('ZRANGE', hearers, 0, -1, 'WITHSCORES')
end

return operation[ARGV[1]](unpack(ARGV, 2))
