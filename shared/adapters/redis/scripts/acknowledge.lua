-- Forgets effects that were carried out.
-- KEYS  1 outbox  2 outbox order
-- ARGV  effect ids
-- returns how many were still there
local forgotten = 0
for _, id in ipairs(ARGV) do
  forgotten = forgotten + redis.call('HDEL', KEYS[1], id)
  redis.call('ZREM', KEYS[2], id)
end
return forgotten
