-- Replaces records of one job that are all at the expected version, with everything that hangs on them;
-- or changes nothing.
-- KEYS  1 job  2 tasks  3 task order  4 frames  5 frame order  6 counters  7 leases  8 picky  9 sequence  10 outbox
--       11 outbox order  12 events  13 journal  14 open jobs  15 counts of workers  16 farm; of a new job 17 jobs
--       18 jobs of owner  19 jobs of scene  20 open jobs of owner
-- ARGV  now, job id, '1' if the job is open after this, its member of 17 and 18 ('' if the job is not new),
--       events kept, '1' for a recovery, a counter that must be below the number after it ('' for none);
--       then lists, each after its length: records (number of their KEY, id, expected version, json or '' to remove
--       or '=' to compare only), counters (name, change), leases (member, expiry or '' to end), picky (task id,
--       '1' or '0'), effects (json), events (json), credits (field of 15, change), marks for the journal (number of
--       a KEY, id)
-- returns {1, effect ids, counters as a flat list}, {0, id of what was not as expected},
--       {-1, counter that had no room}, or an error without a farm
local now, job_id, open, member, kept, at = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], 8
local function take() at = at + 1; return ARGV[at] end
-- Versions go on from where no earlier term can have come.
local term, closed = string.match(redis.call('GET', KEYS[16]) or '', '^(%d+)( ?)')
if not term or (closed == ' ') ~= (ARGV[6] == '1') then return redis.error_reply('GONE') end
local before = (term - 1) * 1000000000
if member == '' and redis.call('EXISTS', KEYS[1]) == 0 then return { 0, job_id } end
local records, ids = {}, {}
for i = 1, tonumber(take()) do
  local hash, id, expected, json = tonumber(take()), take(), take(), take()
  local version = string.match(redis.call('HGET', KEYS[hash], id) or '0', '^%d+')
  if version ~= expected then return { 0, id } end
  records[i] = { hash, id, version, json }
end
local limited, limit = ARGV[7], ARGV[8]
if limited ~= '' and tonumber(redis.call('HGET', KEYS[6], limited) or 0) >= tonumber(limit) then
  return { -1, limited }
end
for _, record in ipairs(records) do
  local hash, id, version, json = record[1], record[2], record[3], record[4]
  local order = hash > 1 and KEYS[hash + 1]
  if json == '' then
    redis.call('HDEL', KEYS[hash], id)
    if order then redis.call('ZREM', order, id) end
  elseif json ~= '=' then
    redis.call('HSET', KEYS[hash], id, string.format('%d\n', (version == '0' and before or version) + 1) .. json)
    if order and version == '0' then redis.call('ZADD', order, hash == 4 and id or 0, id) end
  end
end
for _ = 1, tonumber(take()) do redis.call('HINCRBY', KEYS[6], take(), take()) end
for _ = 1, tonumber(take()) do
  local lease, expiry = take(), take()
  if expiry == '' then redis.call('ZREM', KEYS[7], lease) else redis.call('ZADD', KEYS[7], expiry, lease) end
end
for _ = 1, tonumber(take()) do
  local task, listed = take(), take()
  if listed == '1' then
    redis.call('ZADD', KEYS[8], 'NX', redis.call('INCR', KEYS[9]), task)
  else
    redis.call('ZREM', KEYS[8], task)
  end
end
for i = 1, tonumber(take()) do
  ids[i] = string.format('%012d', redis.call('INCR', KEYS[9]))
  redis.call('HSET', KEYS[10], ids[i], take())
  redis.call('ZADD', KEYS[11], now, ids[i])
end
for _ = 1, tonumber(take()) do redis.call('XADD', KEYS[12], 'MAXLEN', '~', kept, '*', 'event', take()) end
for _ = 1, tonumber(take()) do redis.call('HINCRBY', KEYS[15], take(), take()) end
for _ = 1, tonumber(take()) do redis.call('ZADD', KEYS[13], redis.call('INCR', KEYS[9]), take() .. ' ' .. take()) end
if open == '1' then redis.call('ZADD', KEYS[14], 'NX', now, job_id) end
if member ~= '' then
  redis.call('ZADD', KEYS[17], 0, member)
  redis.call('ZADD', KEYS[18], 0, member)
  for key = 19, open == '1' and 20 or 19 do redis.call('SADD', KEYS[key], job_id) end
end
return { 1, ids, redis.call('HGETALL', KEYS[6]) }
