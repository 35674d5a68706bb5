import { Worker } from 'bullmq'
import pino from 'pino'
import { afterEach, expect, it, vi } from 'vitest'
import { stepConsumer } from '../../shared/adapters/bullmq/step-consumer.ts'
import { bullWorkQueue } from '../../shared/adapters/bullmq/work-queue.ts'
import { redisFarmStore } from '../../shared/adapters/redis/farm-store.ts'
import { redisKeys } from '../../shared/adapters/redis/keys.ts'
import type { WorkQueue } from '../../shared/ports/work-queue.ts'
import { renderTaskId } from '../../shared/protocol/ids.ts'
import { useRedis } from '../support/redis.ts'
import { NOW, aCommit, aJob, aJobId, storeJob } from './farm-store-records.ts'
import { workQueueSuite } from './work-queue.ts'

const server = useRedis()
const log = pino({ level: 'silent' })
const opened: WorkQueue[] = []

function openQueue(prefix: string): WorkQueue {
  const queue = bullWorkQueue({ redisUrl: server.url, prefix, lockMs: 300, stalledCheckMs: 50, stepBackoffMs: 2 })
  opened.push(queue)
  return queue
}

afterEach(async () => {
  await Promise.all(opened.splice(0).map((queue) => queue.close()))
})

workQueueSuite('BullMQ', async () => {
  const prefix = server.prefix()
  return {
    queue: openQueue(prefix),
    other: openQueue(prefix),
    // real locks run out by themselves; whoever waits for it asks again
    letLocksRunOut: async () => {},
    consumer: (queue, run, concurrency = 1) =>
      stepConsumer({ redisUrl: server.url, prefix, queue, concurrency, log, run, stopGraceMs: 50 }),
  }
})

it('leaves no key of a job behind that was dropped and erased', async () => {
  const prefix = server.prefix()
  const queue = openQueue(prefix)
  const store = redisFarmStore(server.redis, { prefix })
  const jobId = await storeJob(store, aJob(1), 1_200)
  const everything = aCommit({
    leases: [{ taskId: renderTaskId(0), epoch: 1, expiresAt: NOW }],
    picky: [{ taskId: renderTaskId(1), listed: true }],
    effects: [{ type: 'announce_work' }],
    events: [{ at: NOW, type: 'job_started', message: 'x' }],
  })
  await store.commit(jobId, everything, NOW)
  await queue.addTasks(
    jobId,
    Array.from({ length: 1_200 }, (_, at) => ({ taskId: renderTaskId(at), epoch: 0 })),
  )
  const taken = await queue.takeTask(jobId)
  expect((await server.keys(prefix)).length).toBeGreaterThan(1_200)

  await queue.dropJob(jobId)
  await store.eraseJob(jobId)
  await taken?.done()
  expect(await queue.takeTask(jobId)).toBeNull()
  expect(await queue.waitingTasks(jobId)).toBe(0)
  expect(await server.keys(prefix)).toEqual([])
})

it('opens one connection, however many jobs it serves', async () => {
  const connections = async () => new Set(String(await server.redis.client('LIST')).match(/^id=\d+/gm))
  const before = await connections()
  const queue = openQueue(server.prefix())
  for (let number = 0; number < 50; number++)
    await queue.addTasks(aJobId(number), [{ taskId: renderTaskId(0), epoch: 0 }])
  for (let number = 0; number < 50; number++) expect(await queue.takeTask(aJobId(number))).not.toBeNull()
  expect([...(await connections())].filter((id) => !before.has(id))).toHaveLength(1)
})

it('brings a step back whose process died over it', async () => {
  const prefix = server.prefix()
  const queue = openQueue(prefix)
  await queue.addStep({ step: 'encode', jobId: aJobId(1) })
  const dying = new Worker('assemble', null, {
    connection: server.redis,
    prefix: redisKeys(prefix).stepsPrefix,
    lockDuration: 100,
  })
  expect((await dying.getNextJob('a process that dies', { block: false }))?.name).toBe('encode')
  await dying.close(true)

  const tries: number[] = []
  const consumer = stepConsumer({
    redisUrl: server.url,
    prefix,
    queue: 'assemble',
    concurrency: 1,
    log,
    lockMs: 200,
    run: async (_step, { tryNumber }) => void tries.push(tryNumber),
  })
  await consumer.start()
  await vi.waitFor(() => expect(tries).toEqual([1]), 10_000)
  await consumer.stop()
}, 15_000)

it('aborts a step that outlives the grace of a stop', async () => {
  const prefix = server.prefix()
  const reasons: boolean[] = []
  const queue = openQueue(prefix)
  let entered = false
  const consumer = stepConsumer({
    redisUrl: server.url,
    prefix,
    queue: 'assemble',
    concurrency: 1,
    log,
    stopGraceMs: 20,
    run: async (_step, { signal }) => {
      entered = true
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
      reasons.push(signal.aborted)
    },
  })
  await consumer.start()
  await queue.addStep({ step: 'encode', jobId: aJobId(1) })
  await vi.waitFor(() => expect(entered).toBe(true), 5_000)
  await consumer.stop()
  expect(reasons).toEqual([true])
})
