import { refuse, type Refusal } from '../../protocol/errors.ts'
import type { WorkerId } from '../../protocol/ids.ts'
import type { JobPlan } from '../../protocol/job.ts'
import { LIMITS } from '../../protocol/limits.ts'
import type { BlenderFileVersion } from '../../protocol/scene-facts.ts'
import type { TaskRecord } from '../../protocol/task.ts'
import type { Capabilities, Requirement } from '../../protocol/worker.ts'
import { compareVersions, mayDecide, newerThan } from './eligibility.ts'

/** `4.5`: files tell no third number. */
export function savedBy({ major, minor }: Pick<BlenderFileVersion, 'major' | 'minor'>): string {
  return `${major}.${minor}`
}

/**
 * What the job needs, with the scene's own version as the least where the job names none. Refused with
 * `blender_too_old` when the job allows only older ones and does not say from which on.
 */
export function fromOwnVersion(
  requirement: Requirement,
  own: string,
): { ok: true; requirement: Requirement } | Refusal {
  const { blenderVersionMin: min, blenderVersionMax: max } = requirement
  if (min !== undefined && max !== undefined && newerThan(min, max))
    return refuse('blender_too_old', `requirement: Blender ${min} at least and ${max} at most leaves no version`)
  if (min !== undefined) return { ok: true, requirement }
  if (max !== undefined && newerThan(own, max))
    return refuse(
      'blender_too_old',
      `the scene was saved by Blender ${own}, and the job allows Blender ${max} at most, which may lose parts of it ` +
        `or not open it at all: allow ${own} or newer, or name the oldest that may try as well (${max})`,
    )
  return { ok: true, requirement: { ...requirement, blenderVersionMin: own } }
}

/**
 * Which of these versions shall render what Blender `own` saved: of its own or the nearest newer release the newest
 * patch; where all are older, the newest. Undefined when there are none.
 */
export function nearestVersion(own: string, versions: readonly string[]): string | undefined {
  const nearer = (a: string, b: string) => {
    const [olderA, olderB] = [isOlder(a, own), isOlder(b, own)]
    if (olderA !== olderB) return olderA ? 1 : -1
    const release = compareVersions(releaseOf(a), releaseOf(b))
    return olderA || release === 0 ? -compareVersions(a, b) : release
  }
  return [...versions].sort(nearer)[0]
}

/** Whether a Blender is of an older release than the one that saved a scene. */
export function isOlder(version: string, own: string): boolean {
  return compareVersions(releaseOf(version), own) < 0
}

/**
 * Workers that may not look at the scene, because one whose Blender is nearer to it is here and has not failed.
 * `able`: all connected workers that could have tasks of the job.
 */
export function fartherThanNearest(
  { plan }: { readonly plan: Pick<JobPlan, 'blender'> },
  task: Pick<TaskRecord, 'kind' | 'avoid'>,
  able: ReadonlyMap<WorkerId, Capabilities>,
): WorkerId[] {
  if (task.kind !== 'inspect' || plan.blender === undefined) return []
  const untried = [...able].filter(([id]) => !task.avoid.includes(id))
  const candidates = untried.length === 0 ? [...able] : untried
  const nearest = nearestVersion(
    plan.blender.savedBy,
    candidates.map(([, { blender }]) => blender.version),
  )
  return [...able].filter(([, { blender }]) => blender.version !== nearest).map(([id]) => id)
}

/** Versions of Blender that are connected: of workers that may have the job but for their version, and of all. */
export interface BlendersHere {
  readonly able: readonly string[]
  readonly all: readonly string[]
}

/** The Blender that would look at a scene now, and then render it. */
export function blenderNow(own: string, requirement: Requirement, here: BlendersHere): NonNullable<JobPlan['blender']> {
  const allowed = here.able.filter((blenderVersion) => mayDecide(requirement, { blenderVersion }))
  return blenderOfPlan(own, requirement, nearestVersion(own, allowed), here.all)
}

function blenderOfPlan(
  own: string,
  requirement: Requirement,
  version: string | undefined,
  here: readonly string[] = [],
): NonNullable<JobPlan['blender']> {
  return {
    savedBy: own,
    ...(version === undefined ? {} : { version }),
    why: version === undefined ? waitsFor(own, requirement, here) : reasonFor(own, requirement, version),
  }
}

/** The plan once a Blender was chosen; a note tells of one that is of another release than the scene's own. */
export function renderedBy(plan: JobPlan, requirement: Requirement, version: string): JobPlan {
  if (plan.blender === undefined) return plan
  const { savedBy: own } = plan.blender
  const blender = blenderOfPlan(own, requirement, version)
  const notes = releaseOf(version) === own ? plan.notes : [...plan.notes, `rendered with ${blender.why}`]
  return { ...plan, blender, notes: notes.slice(0, LIMITS.notesPerPlanMax) }
}

function reasonFor(own: string, { blenderVersionMin: min }: Requirement, version: string): string {
  const saved = `the scene was saved by Blender ${own}`
  if (releaseOf(version) === own) return `Blender ${version}: ${saved}`
  if (isOlder(version, own))
    return (
      `Blender ${version}: ${saved}, and the job allows older ones (from ${min ?? version} on); ` +
      `what Blender ${version} does not know is lost from the picture`
    )
  const least = min !== undefined && compareVersions(min, own) > 0 ? `, the job asks for ${min} or newer` : ''
  return `Blender ${version}: ${saved}${least}, and of the Blenders that were connected this is the nearest newer one`
}

function waitsFor(
  own: string,
  { blenderVersionMin: min = own, blenderVersionMax: max }: Requirement,
  here: readonly string[],
): string {
  const range = max === undefined ? `${min} or newer` : min === max ? min : `${min} to ${max}`
  const why = min === own ? `it saved the scene` : `the scene was saved by Blender ${own}, the job asks for this`
  const there = [...new Set(here)].sort(compareVersions).join(', ')
  return (
    `waits for a worker with Blender ${range} (${why}); ` +
    (there === '' ? 'no worker is connected' : `connected workers have ${there}`)
  )
}

/** `4.5` of `4.5.15`. */
function releaseOf(version: string): string {
  return version.split('.').slice(0, 2).join('.')
}
