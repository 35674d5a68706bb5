import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { bullWorkQueue } from '../../shared/adapters/bullmq/work-queue.ts'
import { MemoryBulletin } from '../../shared/adapters/memory/bulletin.ts'
import { DirectoryObjectStore } from '../../shared/adapters/object-store/directory.ts'
import { redisFarmStore } from '../../shared/adapters/redis/farm-store.ts'
import { SystemRandom } from '../../shared/adapters/system/random.ts'
import { type Engine, ENGINE_TIMES } from '../../shared/engine/context.ts'
import { Dispatcher } from '../../shared/engine/dispatch/dispatcher.ts'
import { eraseJob } from '../../shared/engine/jobs/ended-jobs.ts'
import { type HeldLease, takeDelivery, takeResult } from '../../shared/engine/results/hand-in.ts'
import { deleteJob } from '../../shared/engine/jobs/job-actions.ts'
import { eraseLate } from '../../shared/engine/journal/farm-journal.ts'
import { journalFarm } from '../../shared/engine/loops/journal.ts'
import { Rounds } from '../../shared/engine/loops/rounds.ts'
import { eraseLateAttempts } from '../../shared/engine/loops/sweep.ts'
import type { ConnectedWorker } from '../../shared/engine/dispatch/connected-worker.ts'
import { planTasks } from '../../shared/engine/jobs/plan-tasks.ts'
import { submitJob } from '../../shared/engine/jobs/submit-job.ts'
import type { JobId } from '../../shared/protocol/ids.ts'
import type { Lease } from '../../shared/protocol/messages.ts'
import { attemptKey, blobKey, finalKey, ObjectPrefix, workKey } from '../../shared/protocol/object-keys.ts'
import { useRedis } from '../support/redis.ts'
import { aScene, aSceneInspection, aWorker, HASH } from '../unit/domain/records.ts'

const server = useRedis()
let folder: string
let engine: Engine
let prefix: string
let now = 1_800_000_000_000

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tilework-deletion-'))
  prefix = server.prefix()
  const store = redisFarmStore(server.redis, { prefix })
  await store.changeFarmTerm(null, { term: 1, open: true })
  now = Date.now()
  const objects = new DirectoryObjectStore({
    root: folder,
    signingSecret: Buffer.alloc(32, 1),
    publicUrl: () => 'http://127.0.0.1',
    nowMs: () => now,
  })
  engine = {
    store,
    queue: bullWorkQueue({ redisUrl: server.url, prefix }),
    bulletin: new MemoryBulletin(),
    objects,
    clock: { now: () => now },
    random: new SystemRandom(),
    log: pino({ level: 'silent' }),
    secret: 'a secret of the test',
    times: ENGINE_TIMES,
  }
  await store.putScene(aScene({}, { inspections: [aSceneInspection()] }))
  await put(blobKey(HASH))
  await store.putWorker(aWorker('anna'))
})

afterEach(async () => {
  await engine.queue.close()
  await rm(folder, { recursive: true, force: true })
})

const put = (key: Parameters<typeof engine.objects.put>[0]) =>
  engine.objects.put(key, Buffer.from('x'.repeat(10)), { contentType: 'text/plain' })

/** All keys and all objects; turns that somebody took run out by themselves, and the queue of steps is everybody's. */
async function everything(): Promise<string[]> {
  const keys = (await server.keys(prefix)).filter((key) => !key.includes(':turn') && !key.includes(':steps:'))
  const objects: string[] = []
  for (const top of ['blobs/', 'jobs/', 'farm/'])
    objects.push(...(await engine.objects.list(ObjectPrefix.parse(top), { limit: 1_000 })).keys.map(({ key }) => key))
  return [...keys, ...objects].sort()
}

/** A worker that takes whatever it is given. */
function greedy(leases: Lease[]): ConnectedWorker {
  const { id, capabilities } = aWorker('anna')
  return {
    workerId: id,
    capabilities,
    open: () => true,
    takes: () => true,
    room: () => 3 - leases.length,
    held: () => leases.length,
    busy: () => leases.length > 0,
    reserve: () => () => undefined,
    give: (lease) => (leases.push(lease), true),
  }
}

/**
 * A job in the midst of its life: one task handed in, one being delivered, others leased and queued, files at every
 * place.
 */
async function livedJob(): Promise<JobId> {
  const submitted = await submitJob(engine, 'ada', { scene: HASH, frames: '1-40', auditRate: 0, video: 'none' })
  if (!submitted.ok) throw new Error(submitted.detail)
  const { id } = submitted.job
  await planTasks(engine, id)
  const leases: Lease[] = []
  const dispatcher = new Dispatcher(engine)
  await dispatcher.refresh(id)
  dispatcher.addWorker(greedy(leases))
  await expect.poll(() => leases.length, { timeout: 10_000 }).toBe(3)
  dispatcher.stop()
  for (const [index, { jobId, taskId, epoch, work }] of leases.slice(0, 2).entries()) {
    const lease: HeldLease = { jobId, taskId, epoch, workerId: aWorker('anna').id }
    const frame = work.kind === 'render' ? (work.frames[0] ?? 0) : 0
    const file = (role: 'final' | 'raw') => ({ name: `${frame}.${role}`, frame, role, bytes: 10, sha256: HASH })
    expect(
      await takeResult(engine, lease, { files: [file('final'), file('raw')], renderSeconds: 1, peakMemoryBytes: 1 }),
    ).toMatchObject({ ok: true })
    await put(attemptKey(jobId, taskId, epoch, `${frame}.final`))
    if (index === 0) expect(await takeDelivery(engine, lease)).toMatchObject({ ok: true })
  }
  await put(workKey(id, '0001.exr'))
  await put(finalKey(id, 'frames', '0001.png'))
  await journalFarm(engine)
  return id
}

/** Scene, worker and farm are known before the first job and after the last. */
test('a job that is deleted leaves no key and no byte, and what it shares with another job stays', async () => {
  const before = await everything()
  const kept = await livedJob()
  const withOne = await everything()
  expect(withOne.length).toBeGreaterThan(before.length + 40)

  const deleted = await livedJob()
  expect((await everything()).filter((name) => name.includes(deleted)).length).toBeGreaterThan(50)
  expect(await deleteJob(engine, deleted)).toEqual({ ok: true })
  await new Rounds(engine, new Dispatcher(engine)).round()
  await eraseJob(engine, deleted)
  // An upload that was under way ends after that.
  await put(attemptKey(deleted, 'r0000001', 1, '2.final'))
  now += 3 * ENGINE_TIMES.urlTtlMs
  await eraseLate(engine)
  await eraseLateAttempts(engine)

  expect((await everything()).filter((name) => name.includes(deleted))).toEqual([])
  const left = await everything()
  expect(left.filter((name) => !withOne.includes(name) && !name.includes(kept))).toEqual([])
  expect(left).toContain(blobKey(HASH))
  expect(await engine.store.jobsOfScene(HASH)).toEqual([kept])

  await deleteJob(engine, kept)
  await eraseJob(engine, kept)
  now += 3 * ENGINE_TIMES.urlTtlMs
  await eraseLate(engine)
  expect((await everything()).filter((name) => !before.includes(name) && !name.startsWith('farm/workers'))).toEqual([])
})
