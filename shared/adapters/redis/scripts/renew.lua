-- Moves the end of leases that are still held.
-- KEYS  1 leases
-- ARGV  new expiry; then leases as taskId@epoch
-- returns those that are not held any more
local lost = {}
for i = 2, #ARGV do
  if redis.call('ZSCORE', KEYS[1], ARGV[i]) then
    redis.call('ZADD', KEYS[1], ARGV[1], ARGV[i])
  else
    lost[#lost + 1] = ARGV[i]
  end
end
return lost
