import type { FailureCode } from '../../shared/protocol/failure.ts'
import type { JobChange, JobRequest } from '../../shared/protocol/job.ts'
import type { Sha256 } from '../../shared/protocol/ids.ts'
import { capabilities } from '../unit/domain/records.ts'
import { hashOf } from './contents.ts'
import type { LineWeather } from './network.ts'
import type { PathWeather } from './ports.ts'
import type { SeededRandom } from './random.ts'
import type { Character } from './worker.ts'

/** Times in ms; `every` is a mean between two events, 0 for never. */
export interface Weather {
  readonly clockSkewMsMax: number
  readonly noticeLossShare: number
  readonly uploadMsMax: number
  readonly stolenStepShare: number
  readonly coordinatorDiesEvery: number
  readonly coordinatorStandsEvery: number
  readonly coordinatorStopsEvery: number
  readonly stepRunnerDiesEvery: number
  readonly workerDiesEvery: number
  readonly workerStandsEvery: number
  readonly workerDrainsEvery: number
  readonly lineCutEvery: number
  readonly farmAwayEvery: number
  readonly objectsAwayEvery: number
  readonly queueLostEvery: number
  readonly quarantineEvery: number
  /** Redis is emptied, and rebuilt from the object store by and by. */
  readonly emptiedEvery: number
}

export interface PlannedJob {
  readonly at: number
  readonly request: JobRequest
}

/** What an artist asks for. */
export type Act =
  | { readonly act: 'cancel' | 'delete' | 'resume' | 'retry' }
  | { readonly act: 'pause'; readonly now: boolean }
  | { readonly act: 'change'; readonly change: JobChange }
/** The same with one of the jobs there are, `which` from 0 to 1. */
type PlannedAct = Act & { readonly at: number; readonly which: number }

export interface Scenario {
  readonly coordinators: number
  readonly assemblers: number
  readonly verifiers: number
  readonly workers: readonly Character[]
  readonly jobs: readonly PlannedJob[]
  readonly acts: readonly PlannedAct[]
  readonly scenes: readonly { readonly sha256: Sha256; readonly inspected: boolean }[]
  readonly weather: Weather
  readonly line: LineWeather
  readonly farmPath: PathWeather
  readonly objectPath: PathWeather
  /** Faults end after this long. */
  readonly healsAt: number
  /** Liars that show the same wrong picture are enough to outvote the honest: then nobody can tell who is right. */
  readonly outvoted: boolean
}

const WORKER_FAULTS: readonly FailureCode[] = [
  'blender_crashed',
  'out_of_memory',
  'gpu_error',
  'no_progress',
  'output_invalid',
  'interrupted',
  'scene_download_failed',
]
const SCENE_FAULTS: readonly FailureCode[] = ['blender_error', 'no_camera', 'blend_unreadable']

/**
 * A random farm with random weather: each seed draws its own rates, so that some are calm, some wild, and some wild in
 * one way only.
 */
export function drawScenario(random: SeededRandom): Scenario {
  const shape = random.fork('shape')
  const bad = random.fork('weather')
  // Swarm: most faults are off in any one seed, so that one of them is not hidden behind the others.
  const some = (share: number, draw: () => number) => (bad.chance(share) ? draw() : 0)
  const every = (share: number) => some(share, () => bad.between(5_000, 90_000))
  // From a chance of its own, so that all else of a seed is as it was before.
  const loss = random.fork('loss')
  const drawnHealsAt = bad.chance(0.1) ? 1_000 : bad.between(30_000, 240_000)
  const liars = shape.chance(0.4)
  const ring = liars && shape.chance(0.15)
  const names = ['anna', 'bert', 'carl', 'dora', 'emil', 'fran', 'gert'].slice(0, 1 + shape.below(7))
  const fails = some(0.45, () => bad.between(0, bad.chance(0.3) ? 0.9 : 0.25))
  const poison = bad.chance(0.1)
  // A farm on which nothing succeeds, long enough for jobs to give up.
  const hopeless = bad.chance(0.05)
  const healsAt = hopeless ? 240_000 : drawnHealsAt
  const memory = random.fork('memory')
  const workers = names.map((name, index): Character => {
    const slowest = shape.chance(0.2) ? shape.between(60_000, 200_000) : shape.between(2_000, 30_000)
    const lies = liars && (index === 0 || shape.chance(0.25))
    return {
      name,
      capabilities: capabilities({
        memoryBytes: memory.pick([8, 16, 16, 64]) * 1024 ** 3,
        slots: shape.chance(0.3) ? 2 : 1,
        tags: shape.chance(0.7) ? ['big'] : [],
      }),
      renderMsMin: hopeless ? 500 : slowest / 4,
      renderMsMax: hopeless ? 4_000 : slowest,
      lieShare: lies ? shape.between(0.2, 1) : 0,
      garbageShare: lies && shape.chance(0.4) ? shape.between(0, 0.3) : 0,
      ring: ring && lies,
      failShare: hopeless ? 1 : poison ? Math.max(fails, 0.3) : fails,
      failures: poison && shape.chance(0.7) ? [...WORKER_FAULTS, ...SCENE_FAULTS] : WORKER_FAULTS,
      forgetShare: some(0.2, () => bad.between(0, 0.15)),
    }
  })
  // Drawn apart, so that the rest of a seed is as it was.
  const splits = random.fork('samples')
  const scenes = ['one', 'two'].map((name) => ({ sha256: hashOf(`scene ${name}`), inspected: shape.chance(0.6) }))
  const audited = liars ? 1 : shape.pick([0, 0, 0.3, 1])
  const jobs = Array.from({ length: 1 + shape.below(3) }, (): PlannedJob => {
    const first = shape.between(-3, 5) | 0
    const frames = shape.pick([
      `${first}`,
      `${first}-${first + 2}`,
      `${first}-${first + 5}:2`,
      `${first}-${first + 7}`,
      `${first},${first + 4}-${first + 5}`,
    ])
    return {
      at: shape.chance(0.6) ? 0 : shape.between(0, healsAt),
      request: {
        scene: shape.pick(scenes).sha256,
        frames,
        auditRate: audited,
        video: 'none',
        priority: shape.pick([50, 50, 10, 90]),
        ...inRanges(
          shape.chance(0.4)
            ? { tiles: { columns: 1 + shape.below(2), rows: 1 + shape.below(2) } }
            : { chunk: shape.pick([1, 1, 2, 3]) },
          splits,
        ),
        ...(shape.chance(0.25) ? { requirement: { tags: ['big'] } } : {}),
      },
    }
  })
  const acts: PlannedAct[] = Array.from({ length: shape.chance(0.35) ? 1 + shape.below(2) : 0 }, () => ({
    at: shape.between(0, healsAt),
    act: shape.pick(['cancel', 'delete', 'delete'] as const),
    which: shape.float(),
  }))
  return {
    coordinators: 1 + shape.below(3),
    assemblers: 1 + shape.below(2),
    verifiers: 1 + shape.below(2),
    workers,
    jobs,
    acts: [...acts, ...drawChanges(random.fork('changes'), healsAt)],
    scenes,
    healsAt,
    outvoted: workers.filter((worker) => worker.ring).length > 1,
    weather: {
      clockSkewMsMax: some(0.3, () => bad.between(0, 400)),
      noticeLossShare: some(0.4, () => bad.between(0, 1)),
      uploadMsMax: bad.between(50, 4_000),
      stolenStepShare: some(0.3, () => bad.between(0, 0.3)),
      coordinatorDiesEvery: every(0.4),
      coordinatorStandsEvery: every(0.3),
      coordinatorStopsEvery: every(0.2),
      stepRunnerDiesEvery: every(0.3),
      workerDiesEvery: every(0.3),
      workerStandsEvery: every(0.3),
      workerDrainsEvery: every(0.2),
      lineCutEvery: every(0.4),
      farmAwayEvery: every(0.25),
      objectsAwayEvery: every(0.25),
      queueLostEvery: every(0.2),
      quarantineEvery: every(0.1),
      emptiedEvery: loss.chance(0.15) ? loss.between(20_000, 90_000) : 0,
    },
    line: {
      kind: bad.chance(0.5) ? 'stream' : 'datagram',
      delayMsMax: bad.pick([5, 50, 400, 4_000]),
      loss: some(0.6, () => bad.between(0, 0.3)),
      duplication: some(0.6, () => bad.between(0, 0.3)),
    },
    farmPath: {
      delayMsMax: bad.pick([1, 5, 20, 150]),
      lostShare: some(0.3, () => bad.between(0, 0.06)),
      answerLostShare: some(0.3, () => bad.between(0, 0.06)),
      away: false,
    },
    objectPath: {
      delayMsMax: bad.pick([5, 40, 300]),
      lostShare: some(0.3, () => bad.between(0, 0.1)),
      answerLostShare: some(0.3, () => bad.between(0, 0.1)),
      away: false,
    },
  }
}

/**
 * In a third of the farms somebody changes jobs all the time. Pauses that nobody ends are ended when the farm heals.
 */
function drawChanges(random: SeededRandom, healsAt: number): PlannedAct[] {
  const changes = random.chance(0.35) ? changesWithin(random, healsAt) : []
  // Some that failed or were canceled are tried again when all is well, and must complete then.
  const late = random.chance(0.5)
    ? Array.from({ length: 1 + random.below(4) }, (): PlannedAct => ({
        at: healsAt + random.between(0, 600_000),
        which: random.float(),
        act: 'retry',
      }))
    : []
  return [...changes, ...late]
}

function changesWithin(random: SeededRandom, healsAt: number): PlannedAct[] {
  return Array.from({ length: 1 + random.below(8) }, (): PlannedAct => {
    const when = { at: random.between(0, healsAt), which: random.float() }
    const act = random.pick(['pause', 'pause', 'resume', 'retry', 'priority', 'cap', 'frames', 'frames'] as const)
    if (act === 'pause') return { ...when, act, now: random.chance(0.3) }
    if (act === 'resume' || act === 'retry') return { ...when, act }
    return {
      ...when,
      act: 'change',
      change:
        act === 'frames'
          ? { frames: random.pick(['1-3', '2-6', '0-9:3', '-2-4', '4', '1,5,9-11']) }
          : act === 'priority'
            ? { priority: random.below(101) }
            : { cap: random.pick([null, 1, 1, 2, 3]) },
    }
  })
}

/** Now and then the samples are split as well; frames whose samples are split are not chunked. */
function inRanges(
  cut: Pick<JobRequest, 'tiles' | 'chunk'>,
  splits: SeededRandom,
): Pick<JobRequest, 'tiles' | 'chunk' | 'sampleRanges'> {
  if (!splits.chance(0.25)) return cut
  const { chunk: _, ...tiled } = cut
  return { ...tiled, sampleRanges: 2 + splits.below(3) }
}
