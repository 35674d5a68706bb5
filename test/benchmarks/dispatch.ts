// Tasks per second and latency of one coordinator: simulated workers over real WebSockets, real Redis with an append-only file.
//
// The coordinator runs in a process of its own, this one is all the workers. A worker renders in no time: it commits to two
// files, is asked for one, says that it is uploaded, and has room again. The object store is the one part that is not real here
// (it says of every file that it is there), because no byte of a file passes the coordinator when the store is S3.
// Latency: from the moment a worker has room (its result was sent) to its next lease. Written to .benchmarks/dispatch.json.

import { type ChildProcess, fork } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { pino } from 'pino'
import { WebSocket } from 'ws'
import { buildApp } from '../../services/coordinator/app.ts'
import { farmActions } from '../../services/coordinator/engine-actions.ts'
import { WorkerGateway } from '../../services/coordinator/worker-gateway.ts'
import { bullWorkQueue } from '../../shared/adapters/bullmq/work-queue.ts'
import { MemoryObjectStore } from '../../shared/adapters/memory/object-store.ts'
import { redisBulletin } from '../../shared/adapters/redis/bulletin.ts'
import { redisFarmStore } from '../../shared/adapters/redis/farm-store.ts'
import { connectRedis } from '../../shared/adapters/redis/link.ts'
import { startRedisServer } from '../../shared/adapters/redis/server.ts'
import { SceneFileReader } from '../../shared/adapters/scene-files/scene-reader.ts'
import { FarmClock } from '../../shared/adapters/system/clock.ts'
import { SystemRandom } from '../../shared/adapters/system/random.ts'
import { ENGINE_TIMES } from '../../shared/engine/context.ts'
import { Dispatcher } from '../../shared/engine/dispatcher.ts'
import { Rounds } from '../../shared/engine/loops/rounds.ts'
import type { ObjectInfo } from '../../shared/ports/object-store.ts'
import { CoordinatorMessage } from '../../shared/protocol/messages.ts'

const TOKEN = 'benchmark-token-benchmark-token'
const FILE_BYTES = 1_000
const SHA = createHash('sha256').update('x').digest('hex')
/** What a worker would say of the sample scene, as far as the coordinator asks. */
const INSPECTION = {
  scene: 'sea of tiles', blenderVersion: '3.4.1', engine: 'CYCLES', image: { width: 480, height: 270, region: { x: 0, y: 0, width: 480, height: 270 }, cropsToBorder: false },
  hasCamera: true, tiling: { exact: true, overscanPx: 0, reasons: [] }, history: [], missingFiles: [], fileOutputs: [], blockedScripts: [],
  denoising: false, stereo: false, motionBlur: false, burnsStamp: false, timeLimitSeconds: 0, cut: false,
}
/** A case ends after this long or when its tasks are done, whichever comes first. */
const CASE_MS = 8_000
/** Tasks left out at the begin of a case, half of them at most: they come while workers still connect. */
const WARM_UP_TASKS = 50

// --- the coordinator's process --------------------------------------------------------------------------------------

class TrustingStore extends MemoryObjectStore {
  override async head(): Promise<ObjectInfo | null> {
    return { bytes: FILE_BYTES }
  }
}

async function serve(folder: string): Promise<void> {
  const log = pino({ level: 'error' })
  const server = await startRedisServer({ folder: join(folder, 'redis') })
  const redis = connectRedis(server.url)
  const store = redisFarmStore(redis)
  await store.changeStanding(null, { term: 1, open: true })
  const clock = new FarmClock(store)
  await clock.start()
  const engine = { store, queue: bullWorkQueue({ redisUrl: server.url }), bulletin: redisBulletin(redis, { log }), objects: new TrustingStore({ nowMs: () => clock.now() }), clock, random: new SystemRandom(), log, secret: 'benchmark'.repeat(5), times: { ...ENGINE_TIMES, heartbeatMs: 15_000 } }
  const dispatcher = new Dispatcher(engine)
  const rounds = new Rounds(engine, dispatcher)
  const gateway = new WorkerGateway(engine, dispatcher)
  const app = await buildApp({ farm: farmActions(engine, (jobId) => rounds.plan(jobId)), store, objects: engine.objects, scenes: new SceneFileReader(), log, dataDir: folder, version: 'benchmark' })
  await gateway.register(app)
  await engine.bulletin.subscribe((notice) => gateway.hear(notice))
  await store.putToken(createHash('sha256').update(TOKEN).digest('hex'), { name: 'benchmark', scopes: ['user', 'worker', 'admin'] })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  rounds.start()
  process.send?.({ url })
  process.on('message', (message) => {
    if (message === 'cpu') return void process.send?.({ cpuMs: (process.cpuUsage().user + process.cpuUsage().system) / 1000 })
    void (async () => {
      await gateway.close()
      await rounds.stop()
      await app.close()
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
  const { values } = parseArgs({ options: { queued: { type: 'string', default: '100,1000,10000,100000' }, workers: { type: 'string', default: '1,16,100,1000' } } })
  const folder = await mkdtemp(join(tmpdir(), 'bd-'))
  const child = fork(fileURLToPath(import.meta.url), ['serve', folder], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], execArgv: process.execArgv })
  const rows: Row[] = []
  try {
    const url = await new Promise<string>((resolve, reject) => {
      child.once('message', (message) => resolve((message as { url: string }).url))
      child.once('exit', (code) => reject(new Error(`the coordinator ended with ${code}`)))
    })
    // A coordinator runs for weeks; what its first thousand tasks cost says nothing. Its workers inspect the scene, too.
    const scene = await upload(url)
    await measureCase(child, url, scene, 5_000, 16, 'warm up')
    console.log('| queued | workers | tasks | tasks/s | latency p50 | p99 | coordinator CPU per task |\n|---:|---:|---:|---:|---:|---:|---:|')
    for (const queued of values.queued.split(',').map(Number)) {
      for (const workers of values.workers.split(',').map(Number)) {
        const row = await measureCase(child, url, scene, queued, workers)
        rows.push(row)
        console.log(`| ${queued} | ${workers} | ${row.tasks} | ${row.tasksPerSecond.toFixed(0)} | ${milliseconds(row.latencyMsMedian)} | ${milliseconds(row.latencyMsP99)} | ${row.cpuMsPerTask.toFixed(2)} ms |`)
      }
    }
  } finally {
    await end(child)
    await rm(folder, { recursive: true, force: true })
  }
  await mkdir('.benchmarks', { recursive: true })
  await writeFile('.benchmarks/dispatch.json', `${JSON.stringify({ rows }, null, 1)}\n`)
}

async function measureCase(child: ChildProcess, url: string, scene: string, queued: number, workerCount: number, what: 'warm up' | 'measure' = 'measure'): Promise<Row> {
  const jobId = await submit(url, scene, queued)
  if (what === 'measure') await planned(url, jobId)
  try {
    return await drive(url, queued, workerCount, () => cpuMs(child))
  } finally {
    await call(url, `/v1/jobs/${jobId}/cancel`, '{}', 'application/json')
    // The next case shall not pay for taking this one's tasks back.
    while ((await call(url, '/v1')).jobsOpen > 0) await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** Where no worker got a second lease there is nothing to measure. */
function milliseconds(value: number): string {
  return Number.isNaN(value) ? '–' : `${value.toFixed(1)} ms`
}

async function cpuMs(child: ChildProcess): Promise<number> {
  const answer = new Promise<number>((resolve) => child.once('message', (message) => resolve((message as { cpuMs: number }).cpuMs)))
  child.send('cpu')
  return answer
}

async function end(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.send('stop')
  await ended
}

async function call(url: string, path: string, body?: string | FormData, type?: string): Promise<any> {
  const answer = await fetch(url + path, { method: body === undefined ? 'GET' : 'POST', headers: { authorization: `Bearer ${TOKEN}`, ...(type === undefined ? {} : { 'content-type': type }) }, ...(body === undefined ? {} : { body }) })
  if (!answer.ok) throw new Error(await answer.text())
  return answer.json()
}

async function upload(url: string): Promise<string> {
  const form = new FormData()
  form.append('scene', new Blob([await readFile('services/cli/sample/sample.blend')]), 'sample.blend')
  return (await call(url, '/v1/scenes', form)).sha256
}

async function submit(url: string, scene: string, tasks: number): Promise<string> {
  const job = await call(url, '/v1/jobs', JSON.stringify({ scene, frames: `1-${tasks}`, auditRate: 0, video: 'none' }), 'application/json')
  return job.id
}

async function planned(url: string, jobId: string): Promise<void> {
  while ((await call(url, `/v1/jobs/${jobId}`)).state !== 'active') await new Promise((resolve) => setTimeout(resolve, 50))
}

/** Connects the workers, lets them work, and counts. */
async function drive(url: string, queued: number, workerCount: number, cpu: () => Promise<number>): Promise<Row> {
  const latencies: number[] = []
  let done = 0
  let begun = 0
  let finish: () => void = () => {}
  const finished = new Promise<void>((resolve) => (finish = resolve))
  const sockets = await Promise.all(
    Array.from({ length: workerCount }, async (_, index) => {
      const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/worker`, { headers: { authorization: `Bearer ${TOKEN}` } })
      await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
      const roomSince: number[] = []
      socket.on('message', (bytes) => {
        const message = JSON.parse(String(bytes)) as CoordinatorMessage
        if (message.type === 'lease') {
          const since = roomSince.shift()
          if (since !== undefined) latencies.push(performance.now() - since)
          const { jobId, taskId, epoch, work } = message
          if (work.kind === 'inspect') return socket.send(JSON.stringify({ type: 'inspected', jobId, taskId, epoch, inspection: INSPECTION, seconds: 1 }))
          const frame = work.kind === 'render' ? (work.frames[0] ?? 0) : work.frame
          const file = (role: string) => ({ name: `${frame}.${role}`, frame, role, bytes: FILE_BYTES, sha256: SHA })
          socket.send(JSON.stringify({ type: 'result', jobId, taskId, epoch, files: [file('final'), file('raw')], renderSeconds: 0.1, peakMemoryBytes: 1 }))
          roomSince.push(performance.now())
        } else if (message.type === 'upload') {
          const { jobId, taskId, epoch } = message
          socket.send(JSON.stringify({ type: 'uploaded', jobId, taskId, epoch }))
        } else if (message.type === 'release') {
          done += 1
          if (done === Math.min(WARM_UP_TASKS, queued / 2)) begun = performance.now()
          if (done === queued) finish()
        } else if (message.type === 'refused') throw new Error(message.message)
      })
      return { socket, hello: { type: 'hello', protocolVersion: 1, agentVersion: 'benchmark', workerId: `wrk_bench_${index}`, name: `bench ${index}`, capabilities: { blender: { version: '3.4.1', buildHash: 'x', path: 'x', engines: ['CYCLES'] }, devices: [{ kind: 'CPU', name: 'cpu' }], memoryBytes: 1e9, cpuThreads: 1, os: 'linux', slots: 1, tags: [] }, leases: [] } }
    }),
  )
  const cpuBefore = await cpu()
  for (const { socket, hello } of sockets) socket.send(JSON.stringify(hello))
  const limit = setTimeout(finish, CASE_MS)
  await finished
  clearTimeout(limit)
  const seconds = (performance.now() - begun) / 1000
  const cpuMsPerTask = ((await cpu()) - cpuBefore) / done
  const tasks = done - Math.min(WARM_UP_TASKS, queued / 2)
  await Promise.all(sockets.map(({ socket }) => new Promise((resolve) => socket.once('close', resolve) && socket.close())))
  const sorted = latencies.sort((a, b) => a - b)
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
  return { queued, workers: workerCount, tasks, tasksPerSecond: tasks / seconds, latencyMsMedian: at(0.5), latencyMsP99: at(0.99), cpuMsPerTask }
}

if (process.argv[2] === 'serve') await serve(process.argv[3] ?? '')
else await measureAll()
