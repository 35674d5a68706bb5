/*
 * `npm run simulate`: plays seeds and tells which of them break a promise. See README beside this file.
 */
import { execFileSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { playSeeds } from './play-seeds.ts'
import { simulate } from './simulate.ts'

/** Between two lines of progress, in ms. */
const PROGRESS_MS = 5_000

const USAGE = `npm run simulate -- [--seeds 300] [--seed-start 0] [--minutes 10] [--threads 2]   plays many seeds
npm run simulate -- --seed 4711                            plays one and tells everything that happened`

function whole(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const number = Number(text)
  if (!Number.isSafeInteger(number) || number < 0)
    throw new RangeError(`--${name} ${text}: a whole number from 0 is needed`)
  return number
}

async function replay(seed: number): Promise<boolean> {
  const run = await simulate(seed, { keepTrace: true })
  process.stdout.write(`${run.lines.join('\n')}\n\n`)
  process.stdout.write(
    `seed ${seed}: ${run.events} events in ${minutes(run.virtualMs)} of virtual ` +
      `time, trace ${run.trace}, jobs ${JSON.stringify(run.jobs)}\n`,
  )
  for (const { checker, message } of run.failures) process.stdout.write(`FAILED ${checker}: ${message}\n`)
  return run.failures.length === 0
}

async function playMany(from: number, count: number, endsAt: number, threads: number): Promise<boolean> {
  const startedAt = performance.now()
  const failing: { seed: number; checker: string; message: string }[] = []
  const jobs: Record<string, number> = {}
  let [played, virtualMs, events, told, interrupted] = [0, 0, 0, startedAt, false]
  process.once('SIGINT', () => (interrupted = true))
  let asked = 0
  const next = () => (interrupted || performance.now() >= endsAt || asked === count ? null : from + asked++)
  await playSeeds(next, threads, (run) => {
    played += 1
    virtualMs += run.virtualMs
    events += run.events
    for (const [state, number] of Object.entries(run.jobs)) jobs[state] = (jobs[state] ?? 0) + number
    const first = run.failures[0]
    if (first !== undefined) {
      failing.push({ seed: run.seed, ...first })
      process.stdout.write(`seed ${run.seed} FAILED ${first.checker}: ${first.message}\n`)
    }
    if (performance.now() - told > PROGRESS_MS) {
      told = performance.now()
      const seconds = (told - startedAt) / 1000
      process.stdout.write(
        `${played} of ${count} seeds, ${failing.length} failed, ${(played / seconds).toFixed(1)} a second\n`,
      )
    }
  })
  const seconds = (performance.now() - startedAt) / 1000
  process.stdout.write(
    `${played} seeds from ${from} in ${seconds.toFixed(0)} s on ${threads} threads ` +
      `(${(process.cpuUsage().user / 1e6).toFixed(0)} s of processor): ${minutes(virtualMs)} ` +
      `of virtual time, ${events} events, jobs ${JSON.stringify(jobs)}\n`,
  )
  if (interrupted) process.stdout.write(`interrupted; go on with --seed-start ${from + asked}\n`)
  if (failing.length === 0) {
    process.stdout.write('no promise was broken\n')
    return true
  }
  process.stdout.write(`${failing.length} seeds FAILED at commit ${commit()}:\n`)
  for (const { seed, checker } of failing)
    process.stdout.write(`  npm run simulate -- --seed ${seed}    # ${checker}\n`)
  return false
}

function minutes(ms: number): string {
  return ms < 3_600_000 ? `${(ms / 60_000).toFixed(1)} min` : `${(ms / 3_600_000).toFixed(1)} h`
}

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
  } catch {
    return 'unknown'
  }
}

try {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      seeds: { type: 'string' },
      'seed-start': { type: 'string' },
      minutes: { type: 'string' },
      threads: { type: 'string' },
      help: { type: 'boolean' },
    },
  })
  const one = whole('seed', values.seed)
  const endsAt = values.minutes === undefined ? Infinity : performance.now() + Number(values.minutes) * 60_000
  if (Number.isNaN(endsAt)) throw new RangeError(`--minutes ${values.minutes}: a number is needed`)
  const threads = whole('threads', values.threads) ?? availableParallelism()
  if (threads === 0) throw new RangeError('--threads 0: at least one must play')
  if (values.help === true) process.stdout.write(`${USAGE}\n`)
  else {
    const fine =
      one !== undefined
        ? await replay(one)
        : await playMany(
            whole('seed-start', values['seed-start']) ?? 0,
            whole('seeds', values.seeds) ?? (endsAt === Infinity ? 300 : Number.MAX_SAFE_INTEGER),
            endsAt,
            threads,
          )
    process.exitCode = fine ? 0 : 1
  }
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${USAGE}\n`)
  process.exitCode = 2
}
