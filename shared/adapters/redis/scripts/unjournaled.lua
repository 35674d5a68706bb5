-- Records that the journal lacks, oldest mark first, as they are now.
-- KEYS  1 job  2 tasks  3 task order  4 frames  5 journal
-- ARGV  how many
-- returns a flat list: mark, its number, the record ('' if it was removed)
local marks = redis.call('ZRANGE', KEYS[5], 0, ARGV[1] - 1, 'WITHSCORES')
local found = {}
for i = 1, #marks, 2 do
  local hash, id = string.match(marks[i], '^(%d+) (.+)$')
  found[#found + 1] = marks[i]
  found[#found + 1] = marks[i + 1]
  found[#found + 1] = redis.call('HGET', KEYS[tonumber(hash)], id) or ''
end
return found
