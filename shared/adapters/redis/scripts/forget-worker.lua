-- Forgets a worker that was not seen since a time and is not connected.
-- KEYS  1 workers  2 worker counts  3 workers seen  4 sessions  5 session holders
-- ARGV  worker id, time; then count names
-- returns 1 if it is not known now, else 0
local time = redis.call('TIME')
local seen, session = redis.call('ZSCORE', KEYS[3], ARGV[1]), redis.call('ZSCORE', KEYS[4], ARGV[1])
if seen and tonumber(seen) >= tonumber(ARGV[2]) then return 0 end
if session and tonumber(session) > time[1] * 1000 + math.floor(time[2] / 1000) then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
redis.call('HDEL', KEYS[5], ARGV[1])
for i = 3, #ARGV do redis.call('HDEL', KEYS[2], ARGV[1] .. ':' .. ARGV[i]) end
return 1
