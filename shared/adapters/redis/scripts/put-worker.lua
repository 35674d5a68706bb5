-- Stores what is known of a worker. Its counts and its quarantine begin with those of the first record; later only
-- commits and setQuarantined change them.
-- KEYS  1 workers  2 worker counts  3 workers seen
-- ARGV  worker id, json, time it was last seen; then count name, number, count name, number …
-- returns 1
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[3], ARGV[3], ARGV[1])
for i = 4, #ARGV, 2 do redis.call('HSETNX', KEYS[2], ARGV[1] .. ':' .. ARGV[i], ARGV[i + 1]) end
return 1
