/*
 * `npm run fuzz -- --minutes 10 --seed 1 [--target exr] [--only N]`: spoiled input for everything that reads what
 * strangers send. Prints how far it is every ten seconds; what fails is written to .fuzz/ and named with its seed and
 * number; the exit code is 1 then. Looked for: exceptions that are no refusal, inputs that take long, memory and file
 * handles that grow. A thread looks on and ends a run that hangs, naming the input.
 */
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { corpusOf, take, tryInput } from './fuzz.ts'
import { fileTargets } from './targets-files.ts'
import { protocolTargets } from './targets-protocol.ts'

const HANGS_AFTER_MS = 30_000
const PROGRESS_MS = 10_000
/** Inputs of one target before it is the next one's turn. */
const TURN = 50
/** Growth of the heap over what it was after the first round of looks, in bytes, that is taken for a leak. */
const GROWTH_MAX = 96 * 1024 ** 2
const HANDLES_GROWTH_MAX = 8
const FAILURES_MAX = 20

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
    target: { type: 'string' },
    only: { type: 'string' },
  },
})
const seed = Number(values.seed)
const folder = await mkdtemp(join(tmpdir(), 'tilework-fuzz-'))
const targets = [...(await fileTargets(folder)), ...(await protocolTargets())].filter(
  ({ name }) => values.target === undefined || name === values.target,
)
if (targets.length === 0) throw new Error(`there is no target ${values.target}`)
let failures = 0
const words = new Map<string, Map<string, number>>(targets.map(({ name }) => [name, new Map()]))
const done = new Map<string, number>(targets.map(({ name }) => [name, 0]))

process.on(
  'unhandledRejection',
  (error) => void fail('unhandled', 0, Buffer.alloc(0), error instanceof Error ? (error.stack ?? '') : String(error)),
)
process.on('uncaughtException', (error) => void fail('uncaught', 0, Buffer.alloc(0), error.stack ?? ''))

async function fail(target: string, n: number, input: Buffer, why: string): Promise<void> {
  failures += 1
  await mkdir('.fuzz', { recursive: true })
  const path = join('.fuzz', `${target}.${seed}-${n}`)
  await writeFile(path, input)
  console.log(`FAILED ${target}, seed ${seed}, input ${n} (kept as ${path}):\n${why.slice(0, 3_000)}`)
}

/** Where the run is, for the thread that looks on: target, input, and a count that moves. */
const place = new Int32Array(new SharedArrayBuffer(12))
const watcher = new Worker(
  `const { workerData: { place, names, seed, after } } = require('node:worker_threads')
   let last = -1
   setInterval(() => {
     if (Atomics.load(place, 2) === last) {
       require('node:fs').writeSync(2, 'HANGS: ' + names[place[0]] + ', seed ' + seed + ', input ' + place[1] + '\\n')
       process.kill(process.pid, 'SIGKILL')
     }
     last = Atomics.load(place, 2)
   }, after)`,
  { eval: true, workerData: { place, names: targets.map(({ name }) => name), seed, after: HANGS_AFTER_MS } },
)

async function one(index: number, n: number): Promise<void> {
  const target = targets[index]
  if (target === undefined) return
  place[0] = index
  place[1] = n
  Atomics.add(place, 2, 1)
  const word = await tryInput(target, seed, n)
  if (typeof word !== 'string') return fail(word.target, n, word.input, word.why)
  const counts = words.get(target.name)
  counts?.set(word, (counts.get(word) ?? 0) + 1)
  done.set(target.name, n + 1)
}

interface Level {
  heap: number
  handles: number
}

async function level(): Promise<Level> {
  for (const target of targets)
    await target
      .settle?.()
      .catch((error: unknown) =>
        fail(
          target.name,
          done.get(target.name) ?? 0,
          Buffer.alloc(0),
          error instanceof Error ? (error.stack ?? '') : String(error),
        ),
      )
  for (let turn = 0; turn < 3; turn++) {
    globalThis.gc?.()
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return {
    heap: process.memoryUsage().heapUsed + process.memoryUsage().external,
    handles: (await readdir('/proc/self/fd').catch(() => [])).length,
  }
}

if (values.only !== undefined) {
  for (const index of targets.keys()) await one(index, Number(values.only))
  console.log(
    JSON.stringify(Object.fromEntries([...words].map(([name, counts]) => [name, Object.fromEntries(counts)]))),
  )
} else {
  for (const target of targets) {
    for (const { name, input } of corpusOf(target)) {
      const word = await take(target, 0, input)
      if (typeof word !== 'string') await fail(target.name, 0, input, `${name} of the corpus: ${word.why}`)
    }
  }
  const until = performance.now() + Number(values.minutes) * 60_000
  let told = performance.now()
  let first: Level | null = null
  let checks = 0
  for (let n = 0; performance.now() < until && failures < FAILURES_MAX; n += TURN) {
    for (const index of targets.keys()) for (let offset = 0; offset < TURN; offset++) await one(index, n + offset)
    if (performance.now() - told < PROGRESS_MS) continue
    told = performance.now()
    const now = await level()
    checks += 1
    // What is made once (code that gets hot, caches with a bound) is there after a few looks.
    if (checks === 3) first = now
    console.log(
      `${[...done].map(([name, count]) => `${name} ${count}`).join(', ')}; heap ` +
        `${Math.round(now.heap / 2 ** 20)} MiB, ${now.handles} handles, ${failures} failed`,
    )
    if (first !== null && now.heap - first.heap > GROWTH_MAX)
      await fail('memory', n, Buffer.alloc(0), `the heap grew from ${first.heap} to ${now.heap} bytes`)
    if (first !== null && now.handles - first.handles > HANDLES_GROWTH_MAX)
      await fail('handles', n, Buffer.alloc(0), `file handles grew from ${first.handles} to ${now.handles}`)
  }
  for (const [name, counts] of words)
    console.log(
      `${name}: ${[...counts]
        .sort((a, b) => b[1] - a[1])
        .slice(0, 12)
        .map(([word, count]) => `${word} ${count}`)
        .join(', ')}`,
    )
}
for (const target of targets)
  await target.close().catch((error: unknown) => fail(target.name, -1, Buffer.alloc(0), String(error)))
await watcher.terminate()
await rm(folder, { recursive: true, force: true })
console.log(failures === 0 ? `seed ${seed}: nothing failed` : `seed ${seed}: ${failures} failed`)
process.exit(failures === 0 ? 0 : 1)
