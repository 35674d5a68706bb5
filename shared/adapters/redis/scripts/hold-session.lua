-- Makes a session the worker's only one, from now until its time to live is over.
-- KEYS  1 sessions  2 session holders
-- ARGV  worker id, session id, time to live in ms
-- returns 1
local time = redis.call('TIME')
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[1], time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[3], ARGV[1])
return 1
