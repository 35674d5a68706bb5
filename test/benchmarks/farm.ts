// A large farm on this machine: 10,000 simulated workers on one coordinator (memory, processor time when idle, all cut
// off at once), then tasks per second with 1, 2 and 4 coordinators over one Redis. Coordinators, workers and Redis
// are processes of their own, so that the coordinator's figures are its own; the processors are shared by all of them.
// Written to .benchmarks/farm.json.
import { type ChildProcess, fork } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Redis } from 'ioredis'
import { startRedisServer } from '../../shared/adapters/redis/server.ts'
import { ENGINE_TIMES } from '../../shared/engine/context.ts'
import { call, submit, uploadSample } from './bench-client.ts'
import { startBenchCoordinator } from './bench-coordinator.ts'
import { BenchWorker } from './bench-worker.ts'

/** Two heartbeats of everybody. */
const IDLE_MS = 30_000
const BACK_DEADLINE_MS = 90_000
const THROUGHPUT_MS = 12_000
const THROUGHPUT_WARM_UP_MS = 3_000
const THROUGHPUT_WORKERS = 400
const THROUGHPUT_TASKS = 60_000
/** Workers of one simulating process, and those that call from one address. */
const PER_PROCESS = 2_500
const PER_ADDRESS = 1_250
/** File handles that a process needs besides its sockets. */
const OTHER_HANDLES = 300

interface Reading {
  readonly cpuMs: number
  readonly rss: number
  readonly connected: number
  readonly delayMs: { readonly p50: number; readonly p99: number; readonly max: number }
}

// --- processes ------------------------------------------------------------------------------------------------------

async function coordinate(redisUrl: string, folder: string): Promise<void> {
  const coordinator = await startBenchCoordinator({ redisUrl, folder })
  const delay = monitorEventLoopDelay({ resolution: 5 })
  delay.enable()
  answering(coordinator.url, {
    read: async (): Promise<Reading> => {
      globalThis.gc?.()
      const { user, system } = process.cpuUsage()
      const ms = (ns: number) => Math.round(ns / 1e4) / 100
      const reading = {
        cpuMs: (user + system) / 1000,
        rss: process.memoryUsage().rss,
        connected: coordinator.gateway.connected(),
        delayMs: { p50: ms(delay.percentile(50)), p99: ms(delay.percentile(99)), max: ms(delay.max) },
      }
      delay.reset()
      return reading
    },
    stop: () => coordinator.stop(),
  })
}

/** Workers `from` to `from + count`, each on one of the coordinators in turn. */
async function runWorkers(urls: readonly string[], from: number, count: number): Promise<void> {
  let done = 0
  const workers = Array.from({ length: count }, (_, at) => {
    const index = from + at
    return new BenchWorker({
      url: urls[index % urls.length] ?? '',
      index,
      localAddress: `127.0.0.${2 + Math.floor(index / PER_ADDRESS)}`,
      heartbeatMs: ENGINE_TIMES.heartbeatMs,
      onReleased: () => (done += 1),
    })
  })
  answering('', {
    // Over a second, so that heartbeats come spread as in a farm that has run for a while.
    start: async () => workers.forEach((worker, at) => setTimeout(() => worker.start(), (at / count) * 5_000)),
    read: async () => ({ welcomed: workers.filter((worker) => worker.welcomed).length, done }),
    cut: async () => workers.forEach((worker) => worker.cut()),
    stop: async () => void (await Promise.all(workers.map((worker) => worker.stop()))),
  })
}

/** Says where it is, then answers what it is asked until it is told to stop. */
function answering(url: string, answers: Record<string, () => Promise<unknown>>): void {
  process.on('message', (question: string) => {
    void answers[question]?.().then((answer) => {
      process.send?.({ answer: answer ?? null }, () => {
        if (question === 'stop') process.exit(0)
      })
    })
  })
  process.send?.({ answer: url })
}

class Child {
  readonly #process: ChildProcess
  readonly started: Promise<string>

  constructor(...args: string[]) {
    this.#process = fork(fileURLToPath(import.meta.url), args, {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      execArgv: ['--expose-gc'],
    })
    this.started = this.#next()
  }

  async ask<T>(question: 'read' | 'start' | 'cut' | 'stop'): Promise<T> {
    const answer = this.#next<T>()
    this.#process.send(question)
    return answer
  }

  #next<T>(): Promise<T> {
    return new Promise((resolve, reject) => {
      const ended = (code: number | null) => reject(new Error(`a process of the benchmark ended with ${code}`))
      this.#process.once('exit', ended)
      this.#process.once('message', (message) => {
        this.#process.off('exit', ended)
        resolve((message as { answer: T }).answer)
      })
    })
  }
}

// --- the measuring process ------------------------------------------------------------------------------------------

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

async function workersOn(urls: readonly string[], total: number): Promise<Child[]> {
  const children: Child[] = []
  for (let from = 0; from < total; from += PER_PROCESS)
    children.push(new Child('workers', urls.join(','), String(from), String(Math.min(PER_PROCESS, total - from))))
  await Promise.all(children.map((child) => child.started))
  return children
}

async function sum(children: readonly Child[]): Promise<{ welcomed: number; done: number }> {
  const all = await Promise.all(children.map((child) => child.ask<{ welcomed: number; done: number }>('read')))
  return {
    welcomed: all.reduce((total, each) => total + each.welcomed, 0),
    done: all.reduce((total, each) => total + each.done, 0),
  }
}

/** Seconds until so many are welcomed; NaN when some are not within the deadline. */
async function secondsUntil(children: readonly Child[], total: number): Promise<number> {
  const begun = performance.now()
  while (performance.now() - begun < BACK_DEADLINE_MS) {
    if ((await sum(children)).welcomed >= total) return (performance.now() - begun) / 1000
    await pause(100)
  }
  return Number.NaN
}

async function redisCpuMs(url: string): Promise<number> {
  const redis = new Redis(url)
  const info = await redis.info('cpu')
  redis.disconnect()
  return ['used_cpu_sys', 'used_cpu_user'].reduce(
    (total, name) => total + Number(new RegExp(`^${name}:(.*)$`, 'm').exec(info)?.[1] ?? 0) * 1000,
    0,
  )
}

async function measureCrowd(redisUrl: string, folder: string, total: number) {
  const coordinator = new Child('coordinator', redisUrl, folder)
  const url = await coordinator.started
  const empty = await coordinator.ask<Reading>('read')
  const workers = await workersOn([url], total)
  for (const child of workers) await child.ask('start')
  const connectSeconds = await secondsUntil(workers, total)
  await pause(2_000)
  const before = await coordinator.ask<Reading>('read')
  const redisBefore = await redisCpuMs(redisUrl)
  await pause(IDLE_MS)
  const idle = await coordinator.ask<Reading>('read')
  const redisAfter = await redisCpuMs(redisUrl)
  for (const child of workers) await child.ask('cut')
  const backSeconds = await secondsUntil(workers, total)
  const storm = await coordinator.ask<Reading>('read')
  await Promise.all(workers.map((child) => child.ask('stop')))
  await coordinator.ask('stop')
  return {
    workers: idle.connected,
    connectSeconds,
    rssMiB: Math.round(idle.rss / 2 ** 20),
    kibForEachWorker: Math.round((idle.rss - empty.rss) / total / 102.4) / 10,
    idleCpuPercent: Math.round(((idle.cpuMs - before.cpuMs) / IDLE_MS) * 1000) / 10,
    redisIdleCpuPercent: Math.round(((redisAfter - redisBefore) / IDLE_MS) * 1000) / 10,
    idleDelayMs: idle.delayMs,
    storm: {
      backSeconds,
      connectedAfter: storm.connected,
      cpuSeconds: Math.round((storm.cpuMs - idle.cpuMs) / 100) / 10,
      delayMs: storm.delayMs,
    },
  }
}

async function measureThroughput(redisUrl: string, folder: string, coordinators: number) {
  const all = Array.from(
    { length: coordinators },
    (_, at) => new Child('coordinator', redisUrl, join(folder, `c${coordinators}-${at}`)),
  )
  const urls = await Promise.all(all.map((child) => child.started))
  const first = urls[0] ?? ''
  const scene = await uploadSample(first)
  const jobId = await submit(first, scene, THROUGHPUT_TASKS)
  const workers = await workersOn(urls, THROUGHPUT_WORKERS)
  for (const child of workers) await child.ask('start')
  while ((await sum(workers)).done < 500) await pause(100)
  await pause(THROUGHPUT_WARM_UP_MS)
  for (const child of all) await child.ask('read')
  const cpuBefore = await Promise.all(all.map((child) => child.ask<Reading>('read')))
  const before = await sum(workers)
  const begun = performance.now()
  await pause(THROUGHPUT_MS)
  const after = await sum(workers)
  const seconds = (performance.now() - begun) / 1000
  const cpuAfter = await Promise.all(all.map((child) => child.ask<Reading>('read')))
  await call(first, `/v1/jobs/${jobId}/cancel`, { json: {} })
  await Promise.all(workers.map((child) => child.ask('stop')))
  await Promise.all(all.map((child) => child.ask('stop')))
  const cpuMs = cpuAfter.reduce((total, each, at) => total + each.cpuMs - (cpuBefore[at]?.cpuMs ?? 0), 0)
  return {
    coordinators,
    tasksPerSecond: Math.round((after.done - before.done) / seconds),
    cpuMsPerTask: Math.round((cpuMs / (after.done - before.done)) * 100) / 100,
    delayMsMax: Math.max(...cpuAfter.map((each) => each.delayMs.max)),
  }
}

async function checkHandles(workers: number): Promise<void> {
  const limits = await readFile('/proc/self/limits', 'utf8').catch(() => '')
  const most = Number(/^Max open files +(\d+)/m.exec(limits)?.[1] ?? Infinity)
  if (most < workers + OTHER_HANDLES)
    throw new Error(
      `a coordinator with ${workers} workers needs ${workers + OTHER_HANDLES} file handles and may have ` +
        `${most}: run "ulimit -n ${Math.max(65_536, workers * 2)}" before, or measure fewer with --workers`,
    )
}

async function measureAll(): Promise<void> {
  const { values } = parseArgs({
    options: { workers: { type: 'string', default: '10000' }, coordinators: { type: 'string', default: '1,2,4' } },
  })
  const total = Number(values.workers)
  await checkHandles(total)
  const folder = await mkdtemp(join(tmpdir(), 'bf-'))
  try {
    const crowdRedis = await startRedisServer({ folder: join(folder, 'r0') })
    const crowd = total === 0 ? null : await measureCrowd(crowdRedis.url, join(folder, 'crowd'), total)
    await crowdRedis.stop()
    if (crowd !== null) {
      console.log('| one coordinator | |\n|---|---:|')
      console.log(
        `| workers connected, seconds to connect them | ${crowd.workers}, ${crowd.connectSeconds.toFixed(1)} s |`,
      )
      console.log(`| memory (RSS), of that for each worker | ${crowd.rssMiB} MiB, ${crowd.kibForEachWorker} KiB |`)
      console.log(
        `| processor, idle: coordinator, Redis | ${crowd.idleCpuPercent} %, ${crowd.redisIdleCpuPercent} % of one |`,
      )
      console.log(
        `| delay of the event loop, idle: p50, p99, longest | ${crowd.idleDelayMs.p50}, ` +
          `${crowd.idleDelayMs.p99}, ${crowd.idleDelayMs.max} ms |`,
      )
      console.log(`| all cut off at once: seconds until all are back | ${crowd.storm.backSeconds.toFixed(1)} s |`)
      console.log(
        `| meanwhile: processor, delay of the event loop p99, longest | ${crowd.storm.cpuSeconds} ` +
          `s, ${crowd.storm.delayMs.p99}, ${crowd.storm.delayMs.max} ms |`,
      )
    }
    const throughput = []
    const counts = values.coordinators
      .split(',')
      .map(Number)
      .filter((count) => count > 0)
    if (counts.length > 0)
      console.log(
        `\n| coordinators (${THROUGHPUT_WORKERS} workers) | tasks/s | processor ` +
          `for a task | longest delay |\n|---:|---:|---:|---:|`,
      )
    for (const count of counts) {
      const redis = await startRedisServer({ folder: join(folder, `r${count}`) })
      const row = await measureThroughput(redis.url, folder, count)
      await redis.stop()
      throughput.push(row)
      console.log(`| ${row.coordinators} | ${row.tasksPerSecond} | ${row.cpuMsPerTask} ms | ${row.delayMsMax} ms |`)
    }
    await mkdir('.benchmarks', { recursive: true })
    await writeFile('.benchmarks/farm.json', `${JSON.stringify({ crowd, throughput }, null, 1)}\n`)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const [role, first = '', second = '', third = ''] = process.argv.slice(2)
if (role === 'coordinator') await coordinate(first, second)
else if (role === 'workers') await runWorkers(first.split(','), Number(second), Number(third))
else await measureAll()
