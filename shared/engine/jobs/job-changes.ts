import type { Change, Decision } from '../../domain/decision.ts'
import {
  changeJob as decideChange,
  pauseJob as decidePause,
  resumeJob as decideResume,
  takeBackRendering,
} from '../../domain/job/changes.ts'
import { retryJob as decideRetry } from '../../domain/job/retry.ts'
import { refuse, type Refusal } from '../../protocol/errors.ts'
import { INSPECT_TASK_ID, type JobId, type TaskId } from '../../protocol/ids.ts'
import type { JobChange, JobRecord, JobView } from '../../protocol/job.ts'
import { LIMITS } from '../../protocol/limits.ts'
import type { Engine } from '../context.ts'
import { viewJob } from './job-actions.ts'
import { pages } from '../pages.ts'
import { transact } from '../commit/transact.ts'

/** Tasks taken back in one commit, and tasks looked at in one page. */
const AT_ONCE = 250
const PAGE = 500

export type Changed = { ok: true; job: JobView } | Refusal

/**
 * Nothing more of a job is handed out until it is resumed; what workers hold may come in, or is taken back when `now`
 * is set. Asked for again it changes nothing, but takes back what is still out.
 */
export async function pauseJob(
  engine: Engine,
  jobId: JobId,
  { now: atOnce = false }: { now?: boolean | undefined },
  who: string,
): Promise<Changed> {
  const paused = await changed(engine, jobId, (job, now) => decidePause(job, who, now))
  if (!paused.ok || !atOnce) return paused
  for await (const tasks of pages((cursor) => engine.store.listTasks(jobId, { limit: PAGE, ...cursor }))) {
    const rendering = tasks.filter((task) => task.state === 'leased').map((task) => task.id)
    for (let from = 0; from < rendering.length; from += AT_ONCE)
      await takeBack(engine, jobId, rendering.slice(from, from + AT_ONCE))
  }
  return answer(engine, jobId)
}

export async function resumeJob(engine: Engine, jobId: JobId, who: string): Promise<Changed> {
  return changed(engine, jobId, (job) => decideResume(job, who))
}

/** Changes a job that is not over, from the next lease on. */
export async function changeJob(engine: Engine, jobId: JobId, change: JobChange, who: string): Promise<Changed> {
  return changed(engine, jobId, (job) => decideChange(job, change, who))
}

/** A job that failed or was canceled goes on where it was. One that runs already is left as it is. */
export async function retryJob(engine: Engine, jobId: JobId, who: string): Promise<Changed> {
  const full = await refuseFull(engine)
  if (full !== null) return full
  const done = await transact(engine, jobId, { tasks: [INSPECT_TASK_ID] }, ({ job, task }) =>
    decideRetry(job, task(INSPECT_TASK_ID), who),
  )
  if (!done.ok) return done
  await engine.bulletin.publish({ type: 'job_changed', jobId })
  return answer(engine, jobId)
}

async function refuseFull(engine: Engine): Promise<Refusal | null> {
  const open = await engine.store.openJobs()
  return open.length < LIMITS.openJobsMax
    ? null
    : refuse('too_many_jobs', `${open.length} jobs are open, ${LIMITS.openJobsMax} is the limit; wait for some to end`)
}

async function takeBack(engine: Engine, jobId: JobId, ids: readonly TaskId[]): Promise<void> {
  await transact(engine, jobId, { tasks: ids }, ({ job, task }, now) => {
    if (job.pausedAt === undefined) return { ok: true } // resumed meanwhile
    const taken = ids.flatMap((id): Change[] => {
      const record = task(id)
      return record === undefined ? [] : [takeBackRendering(record, now, 'the job is paused')]
    })
    return {
      ok: true,
      tasks: taken.flatMap((each) => each.tasks ?? []),
      effects: taken.flatMap((each) => each.effects ?? []),
    }
  })
}

async function changed(
  engine: Engine,
  jobId: JobId,
  decide: (job: JobRecord, now: number) => Decision,
): Promise<Changed> {
  const done = await transact(engine, jobId, {}, ({ job }, now) => decide(job, now))
  if (!done.ok) return done
  await engine.bulletin.publish({ type: 'job_changed', jobId })
  return answer(engine, jobId)
}

async function answer(engine: Engine, jobId: JobId): Promise<Changed> {
  const view = await viewJob(engine, jobId)
  return view === null ? refuse('not_found', `there is no job ${jobId}`) : { ok: true, job: view }
}
