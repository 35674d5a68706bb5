import { renderTasksOfFrame } from '../../../shared/domain/splitting/job-tasks.ts'
import { jobIsOver } from '../../../shared/domain/lifecycle/job.ts'
import { finishTaskId, type JobId, type TaskId } from '../../../shared/protocol/ids.ts'
import type { JobRecord } from '../../../shared/protocol/job.ts'
import type { FrameRecord, TaskRecord } from '../../../shared/protocol/task.ts'
import type { Checker } from '../checker.ts'

interface Kept {
  readonly job: JobRecord
  readonly tasks: readonly TaskRecord[]
  readonly frames: readonly FrameRecord[]
  /** Records of which the journal had not heard. */
  readonly unheard: ReadonlySet<string>
}

/**
 * What the journal had heard of is there after a recovery: ended jobs as they ended, results that count, delivered
 * frames; and no job that was gone.
 */
export function recoveryKeeps(): Checker {
  let before = new Map<JobId, Kept>()
  let gone: readonly JobId[] = []
  return {
    name: 'recovery-keeps',
    async lost(world) {
      before = new Map()
      for (const job of (await world.twin.listJobs({ limit: 1_000 })).items) {
        const [tasks, frames, unheard] = [
          (await world.twin.listTasks(job.id, { limit: 1e6 })).items,
          (await world.twin.listFrames(job.id, { limit: 1e6 })).items,
          await world.twin.unjournaled(job.id, 1e6),
        ]
        before.set(job.id, { job, tasks, frames, unheard: new Set(unheard.map(({ mark }) => mark)) })
      }
      gone = [...new Set([...world.jobIds].filter((id) => !before.has(id)).concat([...world.deleted]))]
    },
    async recovered(world, report) {
      for (const id of gone) {
        const after = await world.twin.job(id)
        if (after !== null) report(`${id} was deleted, and is ${after.value.state} after a recovery`)
      }
      for (const [id, kept] of before) {
        if (kept.job.state === 'deleting' || gone.includes(id)) continue
        const after = (await world.twin.job(id))?.value ?? null
        if (after === null) {
          report(`${id} was ${kept.job.state}, and is gone after a recovery`)
          continue
        }
        const heard = !kept.unheard.has(`job ${id}`)
        if (heard && jobIsOver(kept.job.state) && after.state !== kept.job.state)
          report(`${id} was ${kept.job.state}, and is ${after.state} after a recovery`)
        if (jobIsOver(kept.job.state) && !heard) continue
        const tasks = new Map((await world.twin.listTasks(id, { limit: 1e6 })).items.map((task) => [task.id, task]))
        const stood = (taskId: TaskId | undefined) =>
          kept.tasks.some(
            (task) =>
              task.id === taskId &&
              task.state === 'completed' &&
              !kept.unheard.has(`task ${taskId}`) &&
              (task.canonical?.taskId === taskId || !kept.unheard.has(`task ${task.canonical?.taskId}`)),
          )
        for (const { id: taskId } of kept.tasks)
          if (stood(taskId) && tasks.get(taskId)?.state !== 'completed')
            report(`${id} ${taskId} was completed, and is ${tasks.get(taskId)?.state} after a recovery`)
        const frames = new Map(
          (await world.twin.listFrames(id, { limit: 1e6 })).items.map((frame) => [frame.number, frame]),
        )
        for (const frame of kept.frames) {
          const sources = [
            ...renderTasksOfFrame(kept.job.plan, frame.position),
            ...(kept.job.plan.tiles === undefined ? [] : [finishTaskId(frame.position)]),
          ]
          if (frame.state !== 'delivered' || kept.unheard.has(`frame ${frame.number}`) || !sources.every(stood))
            continue
          if (frames.get(frame.number)?.state !== 'delivered')
            report(
              `${id}: frame ${frame.number} was delivered, and is ${frames.get(frame.number)?.state} after a recovery`,
            )
        }
      }
    },
  }
}
