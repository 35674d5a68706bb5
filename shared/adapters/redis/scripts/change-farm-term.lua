-- Says which farm this Redis holds, if that is still what it was.
-- KEYS  1 farm
-- ARGV  what is expected ('' for nothing), what follows
-- returns 1 if it was as expected, else 0
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
