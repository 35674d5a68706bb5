-- Takes back marks of records that were not written again meanwhile.
-- KEYS  1 journal
-- ARGV  mark, its number, mark, its number …
-- returns how many were taken back
local taken = 0
for i = 1, #ARGV, 2 do
  if redis.call('ZSCORE', KEYS[1], ARGV[i]) == ARGV[i + 1] then taken = taken + redis.call('ZREM', KEYS[1], ARGV[i]) end
end
return taken
