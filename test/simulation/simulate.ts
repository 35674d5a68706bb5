import { nobodyRuns } from './process.ts'
import { drained, takeOverTimers } from './timers.ts'
import { type Planted, World } from './world.ts'

/** What became of one seed. */
export interface Run {
  readonly seed: number
  readonly failures: readonly { readonly checker: string; readonly message: string }[]
  /** The same for the same seed, in every process. */
  readonly trace: string
  readonly events: number
  readonly virtualMs: number
  /** Jobs by the state they ended in. */
  readonly jobs: Readonly<Record<string, number>>
  readonly lines: readonly string[]
}

/** Between two looks of the checkers that recount everything, in ms of virtual time. */
const SWEEP_MS = 10_000
/** Between two looks whether all is done, in ms. */
const LOOK_MS = 2_000
/**
 * When faults have stopped, everything must be done within this time, in ms: the slowest jobs here need some minutes.
 */
const LIVENESS_MS = 90 * 60_000
/** What is still under way when all is done (late messages, late uploads) gets this long, in ms. */
const AFTERMATH_MS = 30_000

/**
 * Plays one seed: a random farm, faults for a while, then none, and all checkers all the way. One at a time in a
 * process.
 */
export async function simulate(seed: number, options: { keepTrace?: boolean; planted?: Planted } = {}): Promise<Run> {
  const world = new World(seed, { keepTrace: options.keepTrace ?? false, planted: options.planted })
  const { agenda } = world
  const timers = takeOverTimers(agenda)
  const startedAt = agenda.now()
  try {
    await world.start()
    nobodyRuns()
    const healsAt = startedAt + world.scenario.healsAt
    await play(world, healsAt, true)
    if (world.failures.length === 0) {
      world.heal()
      const endsAt = agenda.now() + LIVENESS_MS
      // What comes late may begin something new: a submission that was thought lost.
      do {
        await play(world, endsAt, true)
        if (world.failures.length === 0) await play(world, agenda.now() + AFTERMATH_MS, false)
      } while (world.failures.length === 0 && agenda.now() < endsAt && !(await world.isDone()))
      nobodyRuns()
      if (world.failures.length === 0) await world.end()
    }
  } finally {
    nobodyRuns()
    timers.restore()
  }
  const jobs: Record<string, number> = {}
  for (const job of await world.jobs()) jobs[job.state] = (jobs[job.state] ?? 0) + 1
  return {
    seed,
    failures: world.failures,
    events: world.trace.count,
    trace: world.trace.digest(),
    virtualMs: agenda.now() - startedAt,
    jobs,
    lines: world.trace.lines,
  }
}

/** Until the virtual time, the first failure, or (if asked for) until all is done. */
async function play(world: World, until: number, orDone: boolean): Promise<void> {
  const { agenda } = world
  let sweepsAt = agenda.now() + SWEEP_MS
  let looksAt = agenda.now()
  while (agenda.now() < until && world.failures.length === 0 && agenda.next()) {
    await drained()
    nobodyRuns()
    const now = agenda.now()
    if (now >= sweepsAt) {
      await world.sweep()
      sweepsAt = now + SWEEP_MS
    }
    if (orDone && now >= looksAt) {
      if (await world.isDone()) return
      looksAt = now + LOOK_MS
    }
  }
}
