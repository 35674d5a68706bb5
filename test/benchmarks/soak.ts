// Wears a farm for 100,000 tasks and looks whether anything of it grows: jobs are submitted, rendered by simulated
// workers over WebSockets, delivered, and deleted, batch after batch, on a real coordinator and a real Redis. Between
// two batches, when nothing is left to do, everything is counted. Exits with 1 unless all of it is flat. --tasks N;
// --minutes M begins no batch after that.
//
// What takes hours otherwise is hurried: the sweeps run after each batch as if their time had come. Images are a line
// of text, and the object store is in memory; that stitching and files leave nothing behind, their own tests show.

import { fork } from 'node:child_process'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Redis } from 'ioredis'
import { pino } from 'pino'
import { stepConsumer } from '../../shared/adapters/bullmq/step-consumer.ts'
import { startRedisServer } from '../../shared/adapters/redis/server.ts'
import type { Engine } from '../../shared/engine/context.ts'
import { ENGINE_TIMES } from '../../shared/engine/context.ts'
import { eraseJob } from '../../shared/engine/jobs/ended-jobs.ts'
import { eraseLate } from '../../shared/engine/journal/farm-journal.ts'
import { eraseLateAttempts, forgetWorkers } from '../../shared/engine/loops/sweep.ts'
import { reportDelivered, reportEncoded } from '../../shared/engine/results/step-reports.ts'
import { renderTasksOfFrame } from '../../shared/domain/splitting/job-tasks.ts'
import type { BackgroundStep } from '../../shared/domain/effect.ts'
import { Sha256 } from '../../shared/protocol/ids.ts'
import { finalKey, ObjectPrefix } from '../../shared/protocol/object-keys.ts'
import { call, submit, uploadSample } from './bench-client.ts'
import { startBenchCoordinator } from './bench-coordinator.ts'
import { BenchWorker } from './bench-worker.ts'

const TASKS_PER_JOB = 500
const JOBS_AT_ONCE = 4
const BATCHES = 10
const WORKERS = 16
/** Workers that come once in each batch and are never seen again. */
const STRANGERS = 20
const YEARS_MS = 400 * 24 * 3600_000

/** What is counted between two batches. */
interface Sample {
  readonly tasks: number
  readonly redisBytes: number
  readonly redisKeys: number
  readonly heapBytes: number
  readonly rssBytes: number
  readonly handles: number
  readonly sockets: number
  readonly objects: number
}

/**
 * How much more there may be at the end than after the second batch, when code is warm and pools are filled. A leak in
 * each task would show: 1 MiB of Redis over the 80,000 tasks in between is 13 bytes a task, 8 MiB of heap are 105.
 */
const GROWTH_MAX: Readonly<Record<Exclude<keyof Sample, 'tasks'>, number>> = {
  redisBytes: 1024 ** 2,
  redisKeys: 3,
  heapBytes: 8 * 1024 ** 2,
  // Pages that the allocator keeps come and go; only a large growth says something.
  rssBytes: 96 * 1024 ** 2,
  handles: 3,
  sockets: 3,
  objects: 3,
}

// --- the coordinator's process, which is the assembler, too
// ------------------------------------------------------------

async function perform(engine: Engine, step: BackgroundStep): Promise<void> {
  if (step.step === 'erase') return eraseJob(engine, step.jobId)
  if (step.step === 'encode') return reportEncoded(engine, step.jobId, [])
  if (step.step !== 'deliver') throw new Error(`no ${step.step} here`)
  const [job, [frame]] = await Promise.all([
    engine.store.job(step.jobId),
    engine.store.frames(step.jobId, [step.frame]),
  ])
  if (job === null || frame == null) return
  const [source] = await engine.store.tasks(step.jobId, renderTasksOfFrame(job.value.plan, frame.value.position))
  if (source == null) return
  const path = `${String(step.frame).padStart(4, '0')}.png`
  const stored = await engine.objects.put(finalKey(step.jobId, 'frames', path), Buffer.from('image'), {
    contentType: 'image/png',
  })
  if (!stored.ok) throw new Error(stored.message)
  await reportDelivered(
    engine,
    step.jobId,
    step.frame,
    [{ path: `frames/${path}`, bytes: stored.bytes, sha256: Sha256.parse(stored.sha256), contentType: 'image/png' }],
    source.value,
  )
}

async function serve(redisUrl: string, folder: string): Promise<void> {
  const coordinator = await startBenchCoordinator({ redisUrl, folder })
  const { engine } = coordinator
  const consumer = stepConsumer({
    redisUrl,
    queue: 'assemble',
    concurrency: 8,
    log: pino({ level: 'error' }),
    run: (step) => perform(engine, step),
  })
  await consumer.start()
  const answers = {
    /** As the rounds do it, by a clock that says that it is time. */
    async sweep() {
      const later = (ms: number): Engine => ({ ...engine, clock: { now: () => engine.clock.now() + ms } })
      await eraseLate(later(3 * ENGINE_TIMES.urlTtlMs))
      await eraseLateAttempts(later(3 * ENGINE_TIMES.urlTtlMs))
      await forgetWorkers(later(YEARS_MS))
    },
    async sample(): Promise<Omit<Sample, 'tasks' | 'redisBytes' | 'redisKeys'>> {
      for (let turn = 0; turn < 3; turn++) {
        globalThis.gc?.()
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
      const { heapUsed, external, rss } = process.memoryUsage()
      const sockets = process.getActiveResourcesInfo().filter((name) => /^(TCP|Pipe)/.test(name)).length
      return {
        heapBytes: heapUsed + external,
        rssBytes: rss,
        handles: (await readdir('/proc/self/fd')).length,
        sockets,
        objects: await countObjects(engine),
      }
    },
    async stop() {
      await consumer.stop()
      await coordinator.stop()
    },
  }
  process.on('message', (question: keyof typeof answers) => {
    void answers[question]().then((answer) =>
      process.send?.({ answer: answer ?? null }, () => question === 'stop' && process.exit(0)),
    )
  })
  process.send?.({ answer: coordinator.url })
}

async function countObjects({ objects }: Engine): Promise<number> {
  let count = 0
  for (const prefix of ['jobs/', 'farm/', 'blobs/']) {
    for (let startAfter: string | null = ''; startAfter !== null;) {
      const page: Awaited<ReturnType<typeof objects.list>> = await objects.list(ObjectPrefix.parse(prefix), {
        limit: 1_000,
        startAfter,
      })
      count += page.keys.length
      startAfter = page.next
    }
  }
  return count
}

// --- the process that drives
// -------------------------------------------------------------------------------------------

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

async function runJob(url: string, scene: string, tasks: number): Promise<void> {
  const jobId = await submit(url, scene, tasks)
  for (;;) {
    const job = await call(url, `/v1/jobs/${jobId}`)
    if (job.state === 'completed') break
    if (job.state === 'failed' || job.state === 'canceled')
      throw new Error(`a job ended as ${job.state}: ${JSON.stringify(job.failure)}`)
    await pause(100)
  }
  await call(url, `/v1/jobs/${jobId}`, { method: 'DELETE' })
}

async function runBatch(url: string, scene: string, batch: number, tasks: number): Promise<void> {
  const workers = Array.from(
    { length: WORKERS },
    (_, index) => new BenchWorker({ url, index, heartbeatMs: ENGINE_TIMES.heartbeatMs }),
  )
  const strangers = Array.from(
    { length: STRANGERS },
    (_, at) => new BenchWorker({ url, index: 1_000 + batch * STRANGERS + at }),
  )
  for (const worker of [...workers, ...strangers]) worker.start()
  const jobs = Array.from({ length: Math.ceil(tasks / TASKS_PER_JOB) }, (_, at) =>
    Math.min(TASKS_PER_JOB, tasks - at * TASKS_PER_JOB),
  )
  const lane = async () => {
    for (let next = jobs.pop(); next !== undefined; next = jobs.pop()) await runJob(url, scene, next)
  }
  await Promise.all(Array.from({ length: JOBS_AT_ONCE }, lane))
  await Promise.all([...workers, ...strangers].map((worker) => worker.stop()))
  while ((await call(url, '/v1')).jobsOpen > 0 || (await call(url, '/v1')).workersConnected > 0) await pause(100)
}

async function measure(): Promise<void> {
  const { values } = parseArgs({
    options: { tasks: { type: 'string', default: '100000' }, minutes: { type: 'string', default: '60' } },
  })
  const perBatch = Math.ceil(Number(values.tasks) / BATCHES)
  const folder = await mkdtemp(join(tmpdir(), 'soak-'))
  const server = await startRedisServer({ folder: join(folder, 'redis') })
  const redis = new Redis(server.url)
  const child = fork(fileURLToPath(import.meta.url), ['serve', server.url, folder], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    execArgv: ['--expose-gc'],
  })
  child.once('exit', (code) => code === 0 || process.exit(1))
  const next = <T>() =>
    new Promise<T>((resolve) => child.once('message', (message) => resolve((message as { answer: T }).answer)))
  const ask = <T>(question: string) => {
    const answer = next<T>()
    child.send(question)
    return answer
  }
  const samples: Sample[] = []
  try {
    const url = await next<string>()
    const scene = await uploadSample(url)
    const begun = performance.now()
    console.log(
      '| tasks | seconds | Redis | keys | heap | RSS | handles | sockets | ' +
        'objects |\n|---:|---:|---:|---:|---:|---:|---:|---:|---:|',
    )
    for (let batch = 0; batch < BATCHES && performance.now() - begun < Number(values.minutes) * 60_000; batch++) {
      await runBatch(url, scene, batch, perBatch)
      await ask('sweep')
      await redis.call('MEMORY', 'PURGE')
      const own = await ask<Omit<Sample, 'tasks' | 'redisBytes' | 'redisKeys'>>('sample')
      const sample: Sample = {
        tasks: (batch + 1) * perBatch,
        redisBytes: Number(/^used_memory:(\d+)/m.exec(await redis.info('memory'))?.[1]),
        redisKeys: await redis.dbsize(),
        ...own,
      }
      samples.push(sample)
      const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(2)} MiB`
      console.log(
        `| ${sample.tasks} | ${((performance.now() - begun) / 1000).toFixed(0)} | ${mib(sample.redisBytes)} ` +
          `| ${sample.redisKeys} | ${mib(sample.heapBytes)} | ${mib(sample.rssBytes)} ` +
          `| ${sample.handles} | ${sample.sockets} | ${sample.objects} |`,
      )
    }
    await ask('stop')
  } finally {
    child.removeAllListeners('exit')
    child.kill()
    redis.disconnect()
    await server.stop()
    await rm(folder, { recursive: true, force: true })
  }
  const grown = judge(samples)
  await mkdir('.benchmarks', { recursive: true })
  await writeFile('.benchmarks/soak.json', `${JSON.stringify({ samples, grown }, null, 1)}\n`)
  console.log(grown.length === 0 ? 'flat' : `grows: ${grown.join('; ')}`)
  process.exitCode = grown.length === 0 ? 0 : 1
}

/**
 * What is more at the end (the least of the last three batches, so that one odd sample does not decide) than after the
 * second batch.
 */
function judge(samples: readonly Sample[]): string[] {
  const [, warm] = samples
  if (warm === undefined) return ['nothing was measured']
  return (Object.keys(GROWTH_MAX) as (keyof typeof GROWTH_MAX)[]).flatMap((name) => {
    const last = Math.min(...samples.slice(-3).map((sample) => sample[name]))
    return last - warm[name] > GROWTH_MAX[name] ? [`${name} from ${warm[name]} to ${last}`] : []
  })
}

if (process.argv[2] === 'serve') await serve(process.argv[3] ?? '', process.argv[4] ?? '')
else await measure()
