import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { compiled } from '../../../shared/protocol/compiled.ts'
import { JobRecord } from '../../../shared/protocol/job.ts'
import { WorkerMessage } from '../../../shared/protocol/messages.ts'
import { SceneRecord } from '../../../shared/protocol/scene.ts'
import { FrameRecord, TaskRecord } from '../../../shared/protocol/task.ts'
import { WorkerRecord } from '../../../shared/protocol/worker.ts'
import { aHello } from '../../support/hello.ts'
import { aFile, aFrame, aJob, anAttempt, aScene, aTask, aWorker, leasedTo, worker } from '../domain/records.ts'

const ANNA = worker('anna')
const FILES = [aFile('final'), aFile('raw')]
const LEASE = { jobId: aJob().id, taskId: aTask().id, epoch: 1 }

/** What passes the border of every commit, every read and every message, each with something good. */
const BORDERS: readonly [name: string, schema: z.ZodType, good: unknown][] = [
  ['job', JobRecord, aJob({ cap: 2, failure: { code: 'poison_scene', message: 'it broke' } })],
  ['task', TaskRecord, leasedTo(ANNA, { avoid: [ANNA], attempts: [anAttempt(1, ANNA, { files: FILES })] })],
  ['frame', FrameRecord, aFrame({ stitched: { bytes: 1, sha256: aFile('raw').sha256 } })],
  ['scene', SceneRecord, aScene()],
  ['worker', WorkerRecord, aWorker('anna')],
  ['hello', WorkerMessage, aHello('anna')],
  ['result', WorkerMessage, { type: 'result', ...LEASE, files: FILES, renderSeconds: 0.1, peakMemoryBytes: 1 }],
]
const WRONG = [undefined, null, true, -1, 0.5, 1e300, Number.NaN, '', '.', 'x'.repeat(5_000), [], {}, [[]], Array(70)]

/** The value once for each place in it and each wrong thing that can be there instead. */
function* spoiled(value: unknown): Generator {
  yield* WRONG
  if (typeof value !== 'object' || value === null) return
  if (!Array.isArray(value)) yield { ...value, stranger: 1 }
  for (const [key, inner] of Object.entries(value))
    for (const bad of spoiled(inner))
      yield Array.isArray(value) ? value.with(Number(key), bad) : { ...value, [key]: bad }
}

function outcome(schema: z.ZodType, value: unknown) {
  const { success, data, error } = schema.safeParse(value)
  return { success, data, issues: error?.issues }
}

describe('a compiled schema', () => {
  test.each(BORDERS)('of a %s is faster indeed: all of it can be compiled', (_, schema) => {
    expect(z.compile(schema, { strict: true })).not.toBe(schema)
  })

  test.each(BORDERS)('says of every spoiled %s what the schema itself says', (_, schema, good) => {
    expect(outcome(compiled(schema), good)).toEqual({ success: true, data: good, issues: undefined })
    let refused = 0
    for (const value of spoiled(good)) {
      const own = outcome(schema, value)
      expect(outcome(compiled(schema), value)).toEqual(own)
      expect(z.validate(compiled(schema), value)).toBe(own.success)
      refused += own.success ? 0 : 1
    }
    expect(refused).toBeGreaterThan(100)
  })

  test('is made once of each', () => {
    expect(compiled(TaskRecord)).toBe(compiled(TaskRecord))
    expect(compiled(TaskRecord)).not.toBe(compiled(FrameRecord))
  })
})
