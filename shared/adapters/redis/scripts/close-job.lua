-- Takes a job from the list of open jobs if its record is still the one that was seen
-- and neither an effect nor the journal is outstanding.
-- KEYS  1 job  2 outbox order  3 open jobs  4 journal; if there was a record 5 open jobs of its owner
-- ARGV  job id, version seen ('0' if there was no record)
-- returns 1 if the job is not in the list now, else 0
local stored = redis.call('HGET', KEYS[1], ARGV[1])
local version = stored and string.match(stored, '^%d+') or '0'
if version ~= ARGV[2] or redis.call('ZCARD', KEYS[2]) > 0 or redis.call('ZCARD', KEYS[4]) > 0 then return 0 end
redis.call('ZREM', KEYS[3], ARGV[1])
if KEYS[5] then redis.call('SREM', KEYS[5], ARGV[1]) end
return 1
