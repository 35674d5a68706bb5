-- Stores a scene, or forgets it, and keeps its place in the list by time of upload.
-- KEYS  1 scenes  2 scene order
-- ARGV  sha256, member of the order ('' to forget), json
-- returns 1
local stored = redis.call('HGET', KEYS[1], ARGV[1])
if stored then redis.call('ZREM', KEYS[2], string.match(stored, '^[^\n]+')) end
if ARGV[2] == '' then
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. '\n' .. ARGV[3])
  redis.call('ZADD', KEYS[2], 0, ARGV[2])
end
return 1
