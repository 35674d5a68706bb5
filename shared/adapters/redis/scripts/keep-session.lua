-- Prolongs a session unless a newer one of the worker was opened, or it was ended. One that only ran out comes back,
-- and so does one that a Redis which lost its memory never heard of.
-- KEYS  1 sessions  2 session holders
-- ARGV  worker id, session id, time to live in ms
-- returns 1 if it is the worker's session, else 0
local holder = redis.call('HGET', KEYS[2], ARGV[1])
if holder and holder ~= ARGV[2] then return 0 end
local time = redis.call('TIME')
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[1], time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[3], ARGV[1])
return 1
