-- Ends a session, unless a newer one of the worker was opened. The empty holder keeps the ended one from being kept.
-- KEYS  1 sessions  2 session holders
-- ARGV  worker id, session id
-- returns 1 if it was the worker's session, else 0
if redis.call('HGET', KEYS[2], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[2], ARGV[1], '')
redis.call('ZREM', KEYS[1], ARGV[1])
return 1
