/*
 * How many commits a second the farm store takes over one connection, and how many tasks a second go through the queue,
 * on a real Redis with an append-only file: npm run bench:state
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bullWorkQueue } from '../../shared/adapters/bullmq/work-queue.ts'
import { redisFarmStore } from '../../shared/adapters/redis/farm-store.ts'
import { connectRedis } from '../../shared/adapters/redis/link.ts'
import { startRedisServer } from '../../shared/adapters/redis/server.ts'
import type { FarmStore } from '../../shared/ports/farm-store.ts'
import { renderTaskId } from '../../shared/protocol/ids.ts'
import { aCommit, aJob, aTask, aWorker, storeJob } from '../conformance/farm-store-records.ts'

const COMMITS = 10_000
const TASKS = 5_000

const folder = await mkdtemp(join(tmpdir(), 'tilework-benchmark-'))
const server = await startRedisServer({ folder })
const redis = connectRedis(server.url)
const store = redisFarmStore(redis)
const queue = bullWorkQueue({ redisUrl: server.url })
try {
  await store.changeFarmTerm(null, { term: 1, open: true })
  for (const concurrency of [1, 32, 128]) await commitOneTask(store, concurrency)
  const jobId = await storeJob(store, aJob(9), 1_000)
  await measure(
    'read one task, 32 at once',
    COMMITS,
    32,
    async (at) => void (await store.tasks(jobId, [renderTaskId(at % 1_000)])),
  )
  await measure('commit of 500 new tasks', 20, 1, async (at) => void (await plan(store, at)))
  for (const concurrency of [1, 32, 128]) await takeAndFinish(concurrency)
} finally {
  await queue.close()
  redis.disconnect()
  await server.stop()
  await rm(folder, { recursive: true, force: true })
}

/** One task, one counter, one lease, one event and one effect in each commit, and the effect acknowledged. */
async function commitOneTask(to: FarmStore, concurrency: number): Promise<void> {
  const jobId = await storeJob(to, aJob(concurrency), 1_000)
  const versions = new Map<number, number>()
  await measure(`commit, then acknowledge, ${concurrency} at once`, COMMITS, concurrency, async (at) => {
    const task = at % 1_000
    const taskId = renderTaskId(task)
    const version = versions.get(task) ?? 1
    versions.set(task, version + 1)
    const attempt = {
      epoch: version,
      workerId: aWorker('fast').id,
      outcome: 'running' as const,
      startedAt: at,
      verdict: 'unverified' as const,
    }
    const committed = await to.commit(
      jobId,
      aCommit({
        tasks: [
          {
            id: taskId,
            expected: version,
            value: aTask(taskId, { state: 'leased', epoch: version, attempts: [attempt] }),
          },
        ],
        counters: { 'render.queued': -1, 'render.leased': 1 },
        leases: [{ taskId, epoch: version, expiresAt: at }],
        events: [{ at, type: 'second_attempt', message: 'leased to a worker', taskId }],
        effects: [{ type: 'announce_work' }],
      }),
      at,
    )
    if (!committed.ok) throw new Error(`not committed: ${JSON.stringify(committed)}`)
    await to.acknowledge(jobId, committed.effectIds)
  })
}

async function plan(to: FarmStore, at: number): Promise<void> {
  await storeJob(to, aJob(1_000 + at), 500)
}

async function takeAndFinish(concurrency: number): Promise<void> {
  const jobId = aJob(100 + concurrency).id
  const tasks = Array.from({ length: TASKS }, (_, at) => ({ taskId: renderTaskId(at), epoch: 0 }))
  await measure('add tasks', TASKS, 1, async (at) => (at === 0 ? await queue.addTasks(jobId, tasks) : undefined))
  await measure(`take a task and finish it, ${concurrency} at once`, TASKS, concurrency, async () => {
    const taken = await queue.takeTask(jobId)
    if (taken === null) throw new Error('a task is missing')
    await taken.done()
  })
}

/**
 * Prints the rate, and the processor time that this process and Redis spent on each: the one number that a busy machine
 * leaves alone.
 */
async function measure(
  name: string,
  times: number,
  concurrency: number,
  act: (at: number) => Promise<void>,
): Promise<void> {
  let next = 0
  const redisBefore = await redisCpuMs()
  const cpuBefore = process.cpuUsage()
  const startedAt = performance.now()
  const lane = async () => {
    while (next < times) await act(next++)
  }
  await Promise.all(Array.from({ length: concurrency }, lane))
  const seconds = (performance.now() - startedAt) / 1000
  const cpu = process.cpuUsage(cpuBefore)
  const ours = Math.round((cpu.user + cpu.system) / times)
  const theirs = Math.round(((await redisCpuMs()) - redisBefore) * (1_000 / times))
  process.stdout.write(
    `${name}: ${Math.round(times / seconds)} a second; processor time ` +
      `of each: ${ours} us here, ${theirs} us in Redis\n`,
  )
}

async function redisCpuMs(): Promise<number> {
  const info = await redis.info('cpu')
  const part = (name: string) => Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(info)?.[1] ?? 0)
  return (part('used_cpu_sys') + part('used_cpu_user')) * 1_000
}
