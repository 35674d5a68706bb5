import { countsOf, progressOf, secondsLeft } from '../../domain/progress.ts'
import { fartherThanNearest } from '../../domain/scheduling/blender-choice.ts'
import { isEligible } from '../../domain/scheduling/eligibility.ts'
import { waitingReasons } from '../../domain/scheduling/waiting-reasons.ts'
import { actOnJob, hasTasksToGive, mayJob } from '../../domain/lifecycle/job.ts'
import { refuse, type Refusal } from '../../protocol/errors.ts'
import type { JobId } from '../../protocol/ids.ts'
import type { JobRecord, JobView } from '../../protocol/job.ts'
import { LIMITS } from '../../protocol/limits.ts'
import type { TaskRecord } from '../../protocol/task.ts'
import { isUsable, type WorkerRecord } from '../../protocol/worker.ts'
import { RUNNING } from '../commit/commit.ts'
import { connectedWorkers } from '../workers/connected-workers.ts'
import type { Engine } from '../context.ts'
import { journalDeleted } from '../journal/farm-journal.ts'
import { pages } from '../pages.ts'
import { transact } from '../commit/transact.ts'

/** Times that a job is canceled to be deleted, while somebody else tries it again. */
const DELETE_TRIES_MAX = 5
/** How many tasks of a job are looked at to tell what it waits for. */
const LOOK_AT_TASKS = 50
const PAGE = 500
const DISPUTES_SHOWN = 100

/** A job as its page shows it: counts, progress, and why nothing runs where nothing does. */
export async function viewJob(engine: Engine, jobId: JobId): Promise<JobView | null> {
  const job = await engine.store.job(jobId)
  return job === null ? null : viewOf(engine, job.value)
}

export async function viewOf(engine: Engine, job: JobRecord): Promise<JobView> {
  const counters = await engine.store.counters(job.id)
  const counts = countsOf(counters)
  const progress = progressOf(job, counts)
  const { waiting, disputes } = hasTasksToGive(job.state)
    ? await explain(engine, job, counters)
    : { waiting: [], disputes: [] }
  return { ...job, counts, progress, secondsLeft: secondsLeft(job, progress, engine.clock.now()), waiting, disputes }
}

async function explain(
  engine: Engine,
  job: JobRecord,
  counters: Readonly<Record<string, number>>,
): Promise<{ waiting: string[]; disputes: string[] }> {
  const picky = counters['waiting.picky'] ?? 0
  const queued = (counters['waiting.open'] ?? 0) + picky
  const disputed = counters['waiting.disputed'] ?? 0
  if (job.pausedAt !== undefined)
    return {
      waiting: [`waiting: the job is paused${running(counters)}; resume it to go on`],
      disputes: disputed === 0 ? [] : await findDisputes(engine, job),
    }
  if (queued === 0 && disputed === 0) return { waiting: [], disputes: [] }
  const here = [...(await connectedWorkers(engine)).values()]
  const of = { savedBy: job.plan.blender?.savedBy, scene: job.scene.sha256 }
  const waiting = queued === 0 ? [] : waitingReasons(job.requirement, here, engine.clock.now(), of)
  const full = job.cap !== undefined && (counters[RUNNING] ?? 0) >= job.cap
  if (waiting.length === 0 && queued > 0 && full)
    waiting.push(`waiting: ${queued} task(s) wait: the job's cap of ${job.cap} running tasks is reached`)
  if (waiting.length === 0 && picky > 0 && (counters[RUNNING] ?? 0) === 0)
    waiting.push(...(await explainPicky(engine, job, here)))
  return { waiting: waiting.slice(0, 20), disputes: disputed === 0 ? [] : await findDisputes(engine, job) }
}

function running(counters: Readonly<Record<string, number>>): string {
  const count = counters[RUNNING] ?? 0
  return count === 0 ? '' : `, ${count} task(s) are still being rendered and will count`
}

async function explainPicky(engine: Engine, job: JobRecord, here: readonly WorkerRecord[]): Promise<string[]> {
  const ids = await engine.store.picky(job.id, LOOK_AT_TASKS)
  const tasks = await engine.store.tasks(job.id, ids)
  const reasons = new Set<string>()
  for (const task of tasks) {
    if (task === null) continue
    const { kind, only, avoid } = task.value
    const pauseMs = (task.value.notBefore ?? 0) - engine.clock.now()
    if (pauseMs > 0) {
      const failure = task.value.attempts.at(-1)?.failure
      reasons.add(
        (
          `waiting: task ${task.value.id} failed because of the farm, not of a ` +
          `worker or the scene (${failure?.code ?? 'unknown'}: ` +
          `${failure?.message ?? ''}) and is tried again in ${Math.ceil(pauseMs / 1000)} s`
        ).slice(0, LIMITS.messageLengthMax),
      )
    } else if (only !== undefined && !here.some((worker) => worker.id === only))
      reasons.add(`waiting: worker ${only} must render a disputed task again, but is not connected`)
    else if (kind === 'inspect') waitsForNearest(job, task.value, here).forEach((reason) => reasons.add(reason))
    else if (kind === 'audit' && here.every((worker) => avoid.includes(worker.id))) {
      reasons.add(
        'waiting: an audit needs a worker other than ' +
          `${avoid.map((id) => here.find((worker) => worker.id === id)?.name ?? id).join(' and ')}; ` +
          'connect one more, or submit with an audit rate of 0',
      )
    }
  }
  return [...reasons]
}

/** Another Blender is nearer to the scene than that of some worker which is idle. */
function waitsForNearest(job: JobRecord, task: TaskRecord, here: readonly WorkerRecord[]): string[] {
  const able = here.filter((worker) => isUsable(worker) && isEligible(job.requirement, worker.capabilities))
  const farther = fartherThanNearest(job, task, new Map(able.map(({ id, capabilities }) => [id, capabilities])))
  const nearest = able.find(({ id }) => !farther.includes(id))
  return farther.length === 0 || nearest === undefined
    ? []
    : [
        `waiting: Blender ${nearest.capabilities.blender.version} is the nearest to the ` +
          `${job.plan.blender?.savedBy} that saved the scene, and no worker that has it is free`,
      ]
}

async function findDisputes(engine: Engine, job: JobRecord): Promise<string[]> {
  const disputes: string[] = []
  for await (const tasks of pages((cursor) => engine.store.listTasks(job.id, { limit: PAGE, ...cursor }))) {
    for (const task of tasks)
      if (task.state === 'verifying' && task.note !== undefined) disputes.push(`${task.id}: ${task.note}`)
    if (disputes.length >= DISPUTES_SHOWN) break
  }
  return disputes.slice(0, DISPUTES_SHOWN)
}

/** Stops a job: workers drop what they hold of it, frames already delivered stay. */
export async function cancelJob(
  engine: Engine,
  jobId: JobId,
  why: string,
): Promise<{ ok: true; job: JobView } | Refusal> {
  const canceled = await transact(engine, jobId, {}, ({ job }, now) => {
    if (job.state === 'canceled') return { ok: true }
    if (!mayJob(job.state, 'cancel')) return refuse('conflict', `job ${jobId} is ${job.state} already`)
    return {
      ok: true,
      job: actOnJob(job, 'cancel', { endedAt: now }),
      effects: [{ type: 'drop_queue' }],
      events: [{ type: 'job_canceled', message: why }],
    }
  })
  if (!canceled.ok) return canceled
  await engine.bulletin.publish({ type: 'job_changed', jobId })
  const view = await viewJob(engine, jobId)
  return view === null ? refuse('not_found', `there is no job ${jobId}`) : { ok: true, job: view }
}

/** Removes every key and byte of a job; one that still runs is canceled first. */
export async function deleteJob(engine: Engine, jobId: JobId): Promise<{ ok: true } | Refusal> {
  const job = await engine.store.job(jobId)
  if (job === null) return refuse('not_found', `there is no job ${jobId}`)
  let marked = await markDeleted(engine, jobId)
  // Somebody may try it again between the two.
  for (let tries = 0; !marked.ok && marked.code === 'conflict' && tries < DELETE_TRIES_MAX; tries++) {
    const canceled = await cancelJob(engine, jobId, 'the job is deleted')
    if (!canceled.ok && canceled.code !== 'conflict') return canceled
    marked = await markDeleted(engine, jobId)
  }
  if (!marked.ok) return marked
  // Before anybody is told: who hears that it is deleted does not meet it again after a recovery.
  await journalDeleted(engine, jobId)
  await engine.bulletin.publish({ type: 'job_changed', jobId })
  return { ok: true }
}

function markDeleted(engine: Engine, jobId: JobId) {
  return transact(engine, jobId, {}, ({ job: current }) =>
    !mayJob(current.state, 'delete')
      ? refuse('conflict', `job ${jobId} is ${current.state}; it cannot be deleted yet`)
      : {
          ok: true,
          job: actOnJob(current, 'delete'),
          effects: [{ type: 'drop_queue' }, { type: 'run_step', step: { step: 'erase', jobId } }],
        },
  )
}
