// Tasks per second and latency of one coordinator: simulated workers over real WebSockets, real Redis with an
// append-only file.
//
// The coordinator runs in a process of its own, this one is all the workers. A worker renders in no time: it commits to
// two files, is asked for one, says that it is uploaded, and has room again. The object store is the one part that is
// not real here (it says of every file that it is there), because no byte of a file passes the coordinator when the
// store is S3. Latency: from the moment a worker has room (its result was sent) to its next lease. Written to
// .benchmarks/dispatch.json.

import { type ChildProcess, fork } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { startRedisServer } from '../../shared/adapters/redis/server.ts'
import { call, submit, uploadSample } from './bench-client.ts'
import { startBenchCoordinator } from './bench-coordinator.ts'
import { BenchWorker } from './bench-worker.ts'

/** A case ends after this long or when its tasks are done, whichever comes first. */
const CASE_MS = 8_000
/** Tasks left out at the begin of a case, half of them at most: they come while workers still connect. */
const WARM_UP_TASKS = 50

// --- the coordinator's process --------------------------------------------------------------------------------------

async function serve(folder: string): Promise<void> {
  const server = await startRedisServer({ folder: join(folder, 'redis') })
  const coordinator = await startBenchCoordinator({ redisUrl: server.url, folder })
  process.send?.({ url: coordinator.url })
  process.on('message', (message) => {
    if (message === 'cpu')
      return void process.send?.({ cpuMs: (process.cpuUsage().user + process.cpuUsage().system) / 1000 })
    void (async () => {
      await coordinator.stop()
      await server.stop()
      process.exit(0)
    })()
  })
}

// --- the workers' process -------------------------------------------------------------------------------------------

interface Row {
  readonly queued: number
  readonly workers: number
  readonly tasks: number
  readonly tasksPerSecond: number
  readonly latencyMsMedian: number
  readonly latencyMsP99: number
  /** Processor time of the coordinator for one task: what stays the same when the machine is busy with other things. */
  readonly cpuMsPerTask: number
}

async function measureAll(): Promise<void> {
  const { values } = parseArgs({
    options: {
      queued: { type: 'string', default: '100,1000,10000,100000' },
      workers: { type: 'string', default: '1,16,100,1000' },
    },
  })
  const folder = await mkdtemp(join(tmpdir(), 'bd-'))
  const child = fork(fileURLToPath(import.meta.url), ['serve', folder], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    execArgv: process.execArgv,
  })
  const rows: Row[] = []
  try {
    const url = await new Promise<string>((resolve, reject) => {
      child.once('message', (message) => resolve((message as { url: string }).url))
      child.once('exit', (code) => reject(new Error(`the coordinator ended with ${code}`)))
    })
    // A coordinator runs for weeks; what its first thousand tasks cost says nothing. Its workers inspect the scene,
    // too.
    const scene = await uploadSample(url)
    await measureCase(child, url, scene, 5_000, 16, 'warm up')
    console.log(
      '| queued | workers | tasks | tasks/s | latency p50 | p99 | coordinator ' +
        'CPU per task |\n|---:|---:|---:|---:|---:|---:|---:|',
    )
    for (const queued of values.queued.split(',').map(Number)) {
      for (const workers of values.workers.split(',').map(Number)) {
        const row = await measureCase(child, url, scene, queued, workers)
        rows.push(row)
        console.log(
          `| ${queued} | ${workers} | ${row.tasks} | ${row.tasksPerSecond.toFixed(0)} | ` +
            `${milliseconds(row.latencyMsMedian)} | ${milliseconds(row.latencyMsP99)} ` +
            `| ${row.cpuMsPerTask.toFixed(2)} ms |`,
        )
      }
    }
  } finally {
    await end(child)
    await rm(folder, { recursive: true, force: true })
  }
  await mkdir('.benchmarks', { recursive: true })
  await writeFile('.benchmarks/dispatch.json', `${JSON.stringify({ rows }, null, 1)}\n`)
}

async function measureCase(
  child: ChildProcess,
  url: string,
  scene: string,
  queued: number,
  workerCount: number,
  what: 'warm up' | 'measure' = 'measure',
): Promise<Row> {
  const jobId = await submit(url, scene, queued)
  if (what === 'measure') await planned(url, jobId)
  try {
    return await drive(url, queued, workerCount, () => cpuMs(child))
  } finally {
    await call(url, `/v1/jobs/${jobId}/cancel`, { json: {} })
    // The next case shall not pay for taking this one's tasks back.
    while ((await call(url, '/v1')).jobsOpen > 0) await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** Where no worker got a second lease there is nothing to measure. */
function milliseconds(value: number): string {
  return Number.isNaN(value) ? '–' : `${value.toFixed(1)} ms`
}

async function cpuMs(child: ChildProcess): Promise<number> {
  const answer = new Promise<number>((resolve) =>
    child.once('message', (message) => resolve((message as { cpuMs: number }).cpuMs)),
  )
  child.send('cpu')
  return answer
}

async function end(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.send('stop')
  await ended
}

async function planned(url: string, jobId: string): Promise<void> {
  while ((await call(url, `/v1/jobs/${jobId}`)).state !== 'active')
    await new Promise((resolve) => setTimeout(resolve, 50))
}

/** Connects the workers, lets them work, and counts. */
async function drive(url: string, queued: number, workerCount: number, cpu: () => Promise<number>): Promise<Row> {
  const latencies: number[] = []
  let done = 0
  let begun = 0
  let finish: () => void = () => {}
  const finished = new Promise<void>((resolve) => (finish = resolve))
  const workers = Array.from({ length: workerCount }, (_, index) => {
    const roomSince: number[] = []
    return new BenchWorker({
      url,
      index,
      onLease: () => {
        const since = roomSince.shift()
        if (since !== undefined) latencies.push(performance.now() - since)
      },
      onResult: () => roomSince.push(performance.now()),
      onReleased: () => {
        done += 1
        if (done === Math.min(WARM_UP_TASKS, queued / 2)) begun = performance.now()
        if (done === queued) finish()
      },
    })
  })
  const cpuBefore = await cpu()
  for (const worker of workers) worker.start()
  const limit = setTimeout(finish, CASE_MS)
  await finished
  clearTimeout(limit)
  const seconds = (performance.now() - begun) / 1000
  const cpuMsPerTask = ((await cpu()) - cpuBefore) / done
  const tasks = done - Math.min(WARM_UP_TASKS, queued / 2)
  await Promise.all(workers.map((worker) => worker.stop()))
  const sorted = latencies.sort((a, b) => a - b)
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
  return {
    queued,
    workers: workerCount,
    tasks,
    tasksPerSecond: tasks / seconds,
    latencyMsMedian: at(0.5),
    latencyMsP99: at(0.99),
    cpuMsPerTask,
  }
}

if (process.argv[2] === 'serve') await serve(process.argv[3] ?? '')
else await measureAll()
