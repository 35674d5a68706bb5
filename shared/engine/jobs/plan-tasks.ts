import { auditsToCancel, idsOfBatch, isAllWanted, type PlanBatch, planBatch } from '../../domain/job/plan-batch.ts'
import { isBeingPlanned } from '../../domain/lifecycle/job.ts'
import { askedFrames, taskNumbers, wantedFrames } from '../../domain/splitting/asked-frames.ts'
import { plannedPart } from '../../domain/splitting/job-tasks.ts'
import type { JobId, TaskId } from '../../protocol/ids.ts'
import type { JobRecord } from '../../protocol/job.ts'
import type { Engine } from '../context.ts'
import { endRendering } from '../results/step-reports.ts'
import { transact } from '../commit/transact.ts'

/** Tasks in one commit: large enough to be quick, small enough that Redis never stalls on one script. */
const PLAN_BATCH = 500

/** Jobs that each engine plans now. */
const underWay = new WeakMap<Engine, Map<JobId, Promise<void>>>()

/** Plans a job in the background, once at a time for each job: what comes while it is being planned is part of that. */
export function planInBackground(engine: Engine, jobId: JobId): void {
  const plans = underWay.get(engine) ?? new Map<JobId, Promise<void>>()
  underWay.set(engine, plans)
  if (plans.has(jobId)) return
  const planning = planTasks(engine, jobId)
    .catch((error: unknown) => engine.log.warn({ jobId, error }, 'planning stopped, the next round goes on'))
    .finally(() => plans.delete(jobId))
  plans.set(jobId, planning)
}

/** Resolves when what was being planned in the background has ended. */
export async function plansEnded(engine: Engine): Promise<void> {
  await Promise.all([...(underWay.get(engine)?.values() ?? [])])
}

/**
 * Writes the tasks of a job down, batch by batch, and lets it run. After a retry it reopens those that failed or
 * were canceled, after a change of the frames it brings all of them in line with the plan. Goes on where a process that
 * died stopped, and several may do it at once: each batch is one commit.
 */
export async function planTasks(engine: Engine, jobId: JobId): Promise<void> {
  let lists: {
    readonly revision: number | undefined
    readonly asked: readonly number[]
    readonly wanted: ReadonlySet<number>
  } | null = null
  for (;;) {
    const versioned = await engine.store.job(jobId)
    if (versioned === null || !isBeingPlanned(versioned.value)) break
    const { plan, tasksPlanned: from, revision } = versioned.value
    if (lists === null || lists.revision !== revision)
      lists = { revision, asked: askedFrames(plan), wanted: new Set(wantedFrames(plan)) }
    const to = Math.min(taskNumbers(plan), from + PLAN_BATCH)
    const batch: PlanBatch = { ...plannedPart(plan, lists.asked, from, to), wanted: lists.wanted }
    // The first time there is nothing to read: nobody else writes these records before the batch is committed.
    const reading =
      revision === undefined
        ? {}
        : {
            fresh: true,
            tasks: await idsToRead(engine, versioned.value, batch),
            frames: batch.frames.map(({ number }) => number),
          }
    await transact(engine, jobId, reading, (facts, now) => {
      const { job } = facts
      if (!isBeingPlanned(job) || job.tasksPlanned !== from || job.revision !== revision) return { ok: true }
      return planBatch({ ...job, tasksPlanned: to }, facts, batch, now)
    })
  }
  if (lists !== null) await endRendering(engine, jobId)
}

/** The tasks of a batch, their finishes, and the audits that are open on those of frames that were taken out. */
async function idsToRead(engine: Engine, job: JobRecord, batch: PlanBatch): Promise<TaskId[]> {
  const ids = idsOfBatch(job, batch)
  if (isAllWanted(batch)) return ids
  const known = await engine.store.tasks(job.id, ids)
  return [...ids, ...known.flatMap((task) => (task === null ? [] : auditsToCancel(task.value, batch)))]
}
