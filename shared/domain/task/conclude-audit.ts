import type { WorkerId } from '../../protocol/ids.ts'
import type { JobRecord } from '../../protocol/job.ts'
import { LIMITS } from '../../protocol/limits.ts'
import type { FrameRecord, TaskRecord } from '../../protocol/task.ts'
import type { Change, Decision, NewEvent } from '../decision.ts'
import type { Credit, Effect } from '../effect.ts'
import {
  type Candidate,
  type Pair,
  allDisagree,
  isSteady,
  isUnreadable,
  isUnrepeatable,
  settle,
} from '../verification/settle-dispute.ts'
import { auditIds, resultEpoch, resultOf, withAttempt } from './attempts.ts'
import { cancelTask, failJob } from './fail-attempt.ts'
import { acceptResult, newAudit } from './hand-in.ts'
import { act, isOver } from '../lifecycle/task.ts'

/** Audits of one task after which a dispute is no dispute any more but a scene that renders differently each time. */
export const AUDIT_ROUNDS_MAX = 7
/**
 * Audits that a task can have: the last round may ask every side of the dispute once more, and each rejected result is
 * audited anew.
 */
export const AUDITS_OF_TASK_MAX = 2 * AUDIT_ROUNDS_MAX + LIMITS.triesPerTaskMax

/** All that was rendered of one task: its own result first, then the completed audits. */
export function candidatesOf(
  task: TaskRecord,
  audits: readonly TaskRecord[],
): (Candidate & { taskId: TaskRecord['id']; epoch: number })[] {
  const rendering = (record: TaskRecord, own: boolean) => {
    const result = resultOf(record)
    return result === undefined
      ? []
      : [{ key: keyOf(record), workerId: result.workerId, own, taskId: record.id, epoch: result.epoch }]
  }
  const own = rendering(task, true)
  return own.length === 0
    ? []
    : [...own, ...audits.flatMap((audit) => (audit.state === 'completed' ? rendering(audit, false) : []))]
}

function keyOf(record: TaskRecord): string {
  return `${record.id}@${resultEpoch(record)}`
}

/** All that is known of a task once its renderings were compared. */
export interface Comparison {
  readonly audits: readonly TaskRecord[]
  /** The records of the frames of the task. */
  readonly frames: readonly FrameRecord[]
  readonly pairs: readonly Pair[]
  /** Connected workers that could render it. */
  readonly eligible: readonly WorkerId[]
  readonly now: number
}

/**
 * What follows from comparing all renderings of a task pair by pair. `eligible`: connected workers that could render
 * it. Agreed: it counts. Refuted by two: the others' result counts, nobody renders again. Unread by the farm: it counts
 * unchecked, and an event says so. Open: a worker that has not seen it yet is asked; when there is none, both sides
 * render it once more, and the dispute shows in the job until somebody can settle it. Where every worker contradicts
 * itself by then, the scene is not repeatable and its job ends.
 */
export function concludeAudit(
  job: JobRecord,
  task: TaskRecord,
  { audits, frames, pairs, eligible, now }: Comparison,
): Decision {
  if (job.state !== 'active' || task.state !== 'verifying') return { ok: true }
  const candidates = candidatesOf(task, audits)
  // A rendering that came while the others were compared brings a comparison of its own, with all of them.
  if (candidates.length < 2 || audits.length < auditIds(task).length || !everyPairOf(candidates, pairs))
    return { ok: true }
  const settlement = settle(candidates, pairs)
  if (settlement.type === 'open') {
    const workers = new Set(candidates.map(({ workerId }) => workerId))
    // While somebody else is here, a third is asked before that is said: two of them may both be liars.
    const everybodyAsked = workers.size >= 3 || eligible.every((workerId) => workers.has(workerId))
    if (everybodyAsked && isUnrepeatable(candidates, pairs)) return endUnrepeatable(job, task, [...workers], now)
    return isUnreadable(candidates, pairs)
      ? countUnchecked(job, task, { audits, frames, candidates, pairs, now })
      : lookAgain(job, task, { audits, candidates, pairs, eligible, now })
  }
  const canonical = candidates.find((candidate) => candidate.key === settlement.canonical)
  if (canonical === undefined) throw new Error(`task ${task.id}: no candidate ${settlement.canonical}`)
  const verdictOf = (key: string) =>
    settlement.agreed.includes(key) ? 'agreed' : settlement.refuted.includes(key) ? 'refuted' : 'grey'
  const judged = (record: TaskRecord): TaskRecord => {
    const verdict = verdictOf(keyOf(record))
    return withAttempt({ ...record, verdict }, resultEpoch(record), { verdict })
  }
  const judgedAudits = audits
    .filter((audit) => candidates.some((candidate) => candidate.taskId === audit.id))
    .map(judged)
  const effects: (Effect | Credit)[] = candidates.flatMap((candidate): (Effect | Credit)[] => [
    ...(settlement.refuted.includes(candidate.key)
      ? [{ type: 'credit_worker', workerId: candidate.workerId, refuted: 1 } as const]
      : []),
    ...(candidate.own && settlement.agreed.includes(candidate.key)
      ? [{ type: 'credit_worker', workerId: candidate.workerId, completed: 1 } as const]
      : []),
  ])
  const dropped = dropOpen(audits, now)
  const { note: _settled, ...undisputed } = judged(task)
  const accepted = acceptResult(job, undisputed, frames, { taskId: canonical.taskId, epoch: canonical.epoch }, effects)
  return {
    ...accepted,
    tasks: [...(accepted.tasks ?? []), ...judgedAudits, ...dropped.flatMap((change) => change.tasks ?? [])],
    effects: [...(accepted.effects ?? []), ...dropped.flatMap((change) => change.effects ?? [])],
    events: [
      ...(settlement.refuted.length === 0
        ? []
        : settlement.refuted.map((key): NewEvent => ({
            type: 'result_refuted',
            message: `${key}: two other workers agree with each other and not with this result`,
            taskId: task.id,
            workerId: candidates.find((each) => each.key === key)?.workerId ?? '',
          }))),
      { type: 'audit_settled', message: `${settlement.agreed.join(' and ')} agree`, taskId: task.id },
    ],
  }
}

/** Nobody needs what is still being rendered of it. */
function dropOpen(audits: readonly TaskRecord[], now: number): Change[] {
  return audits.flatMap((audit) => (isOver(audit.state) ? [] : [cancelTask(audit, now, 'the question is settled')]))
}

/**
 * The task's own result counts without a verdict: whoever delivers it or puts it together still looks at it by itself.
 */
function countUnchecked(
  job: JobRecord,
  task: TaskRecord,
  {
    audits,
    frames,
    candidates,
    pairs,
    now,
  }: Omit<Comparison, 'eligible'> & { readonly candidates: readonly Candidate[] },
): Change {
  const result = resultOf(task)
  if (result === undefined) throw new Error(`task ${task.id} has no result`)
  const dropped = dropOpen(audits, now)
  const { note: _settled, ...undisputed } = task
  const credit = { type: 'credit_worker', workerId: result.workerId, completed: 1 } as const
  const accepted = acceptResult(job, undisputed, frames, { taskId: task.id, epoch: result.epoch }, [credit])
  const workers = [...new Set(candidates.map(({ workerId }) => workerId))].join(' and ')
  const uncompared = `what ${workers} rendered cannot be compared, which is not their fault${becauseOf(pairs)}`
  return {
    ...accepted,
    tasks: [...(accepted.tasks ?? []), ...dropped.flatMap((change) => change.tasks ?? [])],
    effects: [...(accepted.effects ?? []), ...dropped.flatMap((change) => change.effects ?? [])],
    events: [{ type: 'audit_unread', message: `${aboutOf(task)} is not checked: ${uncompared}`, taskId: task.id }],
  }
}

/** Nobody is to blame, and asking others would show the same. */
function endUnrepeatable(job: JobRecord, task: TaskRecord, workers: readonly WorkerId[], now: number): Change {
  const message =
    `the scene is not repeatable: ${workers.join(' and ')} each rendered ${aboutOf(task)} several times, ` +
    'and it came out otherwise each time, so no result can be checked. Nobody is to blame. ' +
    'Look for what is drawn anew whenever it is asked for, such as a texture of the type Noise in a Displace ' +
    'modifier or a particle system; replace it or bake it, or submit with an audit rate of 0'
  return {
    ok: true,
    job: failJob(job, now, 'scene_not_repeatable', message),
    tasks: [act(task, 'fail', { note: message })],
    effects: [{ type: 'drop_queue' }],
    events: [{ type: 'job_failed', message: `scene_not_repeatable: ${message}`, taskId: task.id }],
  }
}

function becauseOf(pairs: readonly Pair[]): string {
  const why = pairs.find((pair) => pair.why !== undefined)?.why
  return why === undefined ? '' : `: ${why}`
}

function aboutOf({ frames, tile, sampleRange }: TaskRecord): string {
  const about = [`frame ${frames.join(', ')}`]
  if (tile !== undefined) about.push(`tile ${tile}`)
  if (sampleRange !== undefined) about.push(`range ${sampleRange} of its samples`)
  return about.join(', ')
}

function everyPairOf(candidates: readonly Candidate[], pairs: readonly Pair[]): boolean {
  const compared = new Set(pairs.flatMap((pair) => [`${pair.a} ${pair.b}`, `${pair.b} ${pair.a}`]))
  return candidates.every((a) => candidates.every((b) => a.key === b.key || compared.has(`${a.key} ${b.key}`)))
}

function lookAgain(
  job: JobRecord,
  task: TaskRecord,
  {
    audits,
    candidates,
    pairs,
    eligible,
    now,
  }: Omit<Comparison, 'frames'> & { readonly candidates: readonly Candidate[] },
): Change {
  if (audits.some((audit) => !isOver(audit.state))) return { ok: true } // somebody is still at it
  const seen = [...new Set(candidates.map((candidate) => candidate.workerId))]
  const round = (task.auditRounds ?? 0) + 1
  // Where nothing contradicts, and something was not compared, they do not disagree as far as anybody knows.
  const uncompared = pairs.some(({ why }) => why !== undefined) && !pairs.some(({ verdict }) => verdict === 'refuted')
  const dispute = uncompared
    ? `what ${seen.join(' and ')} rendered of ${aboutOf(task)} cannot be compared${becauseOf(pairs)}`
    : `${seen.join(' and ')} disagree about ${aboutOf(task)}`
  if (auditIds(task).length >= AUDIT_ROUNDS_MAX) {
    const message = uncompared
      ? `task ${task.id} was rendered ${candidates.length} times and nothing settles what counts: ${dispute}`
      : `task ${task.id} was rendered ${candidates.length} times with ${candidates.length} ` +
        'different results; the scene may not be deterministic'
    return {
      ok: true,
      job: failJob(job, now, 'result_disputed', message),
      tasks: [act(task, 'fail', { note: message })],
      effects: [{ type: 'drop_queue' }],
      events: [{ type: 'job_failed', message, taskId: task.id }],
    }
  }
  const fresh = eligible.some((workerId) => !seen.includes(workerId))
  const once = seen.filter((workerId) => candidates.filter((each) => each.workerId === workerId).length === 1)
  // Where nobody has shown yet that the scene comes out the same twice, it may be what differs, and not who renders it:
  // each is asked again when nobody else is here, or when three all disagree.
  const suspectScene = once.length > 0 && !isSteady(candidates, pairs) && (!fresh || allDisagree(candidates, pairs))
  if (!suspectScene) {
    const note = fresh
      ? `${dispute}; a third worker renders it`
      : `${dispute}, each twice; waiting for a worker other than these to settle it`
    return {
      ok: true,
      tasks: [{ ...task, auditRounds: round, note }, newAudit(task, round, { avoid: seen })],
      effects: [{ type: 'announce_work' }],
      events: [{ type: 'result_disputed', message: note, taskId: task.id }],
    }
  }
  const note = fresh
    ? `${dispute}; perhaps the scene is another one each time, so they render it again`
    : `${dispute}; there is no third worker, so both render it again`
  return {
    ok: true,
    tasks: [
      { ...task, auditRounds: round + once.length - 1, note },
      ...once.map((workerId, index) => newAudit(task, round + index, { avoid: seen, only: workerId })),
    ],
    effects: [{ type: 'announce_work' }],
    events: [{ type: 'result_disputed', message: note, taskId: task.id }],
  }
}
