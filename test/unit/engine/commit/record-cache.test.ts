import { expect, test } from 'vitest'
import { RecordCache } from '../../../../shared/engine/commit/record-cache.ts'
import { renderTaskId } from '../../../../shared/protocol/ids.ts'
import type { TaskRecord } from '../../../../shared/protocol/task.ts'
import { aJobId, aTask } from '../../../conformance/farm-store-records.ts'

const JOB = aJobId(1)
const FILE = { name: '1.raw', frame: 1, role: 'raw', bytes: 1, sha256: 'a'.repeat(64) } as const

function task(index: number, files = 0): { version: number; value: TaskRecord } {
  const attempt = {
    epoch: 1,
    workerId: 'wrk_anna',
    outcome: 'running',
    startedAt: 1,
    verdict: 'unverified',
    files: Array.from({ length: files }, () => FILE),
  }
  return { version: 1, value: aTask(renderTaskId(index), { attempts: [attempt] } as unknown as Partial<TaskRecord>) }
}

const known = (cache: RecordCache, count: number) =>
  Array.from({ length: count }, (_, at) => at).filter((at) => cache.task(JOB, renderTaskId(at)) !== undefined)

test('the oldest tasks make room for new ones', () => {
  const cache = new RecordCache(12) // a task with an attempt counts 4
  for (let at = 0; at < 5; at++) cache.keepTask(JOB, task(at))
  expect(known(cache, 5)).toEqual([2, 3, 4])
  cache.keepTask(JOB, task(2))
  cache.keepTask(JOB, task(5))
  expect(known(cache, 6)).toEqual([2, 4, 5])
})

test('a task with many files takes the room of many tasks', () => {
  const cache = new RecordCache(12)
  for (let at = 0; at < 3; at++) cache.keepTask(JOB, task(at))
  cache.keepTask(JOB, task(3, 6))
  expect(known(cache, 4)).toEqual([3])
  cache.keepTask(JOB, task(4, 100))
  expect(known(cache, 5)).toEqual([])
  cache.forgetTask(JOB, renderTaskId(4))
  for (let at = 5; at < 9; at++) cache.keepTask(JOB, task(at))
  expect(known(cache, 9)).toEqual([6, 7, 8])
})
