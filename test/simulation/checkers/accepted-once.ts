import { renderTasksOfFrame } from '../../../shared/domain/splitting/job-tasks.ts'
import { JOB_TRANSITIONS } from '../../../shared/domain/lifecycle/job.ts'
import { finalPrefix } from '../../../shared/protocol/object-keys.ts'
import type { Checker } from '../checker.ts'

const MOVES = new Set(Object.values(JOB_TRANSITIONS).flatMap(({ from, to }) => from.map((state) => `${state} ${to}`)))

/** A frame is delivered once, by results that count, and a job is completed when each of its frames is. */
export function acceptedOnce(): Checker {
  return {
    name: 'accepted-once',
    committed({ jobId, before, job, tasks, frames, task }, report) {
      if (before !== undefined && before.state !== job.state && !MOVES.has(`${before.state} ${job.state}`))
        report(`${jobId} was ${before.state} and is ${job.state}`)
      for (const { before: was, after } of tasks) {
        if ((after.state === 'completed') !== (after.canonical !== undefined))
          report(`${jobId} ${after.id} is ${after.state} with the result ${JSON.stringify(after.canonical)}`)
        if (after.canonical === undefined) continue
        if (was?.state === 'completed' && JSON.stringify(was.canonical) !== JSON.stringify(after.canonical))
          report(`${jobId} ${after.id}: a second result is accepted`)
        const source = task(after.canonical.taskId)
        const attempt = source?.attempts.find(({ epoch }) => epoch === after.canonical?.epoch)
        if (attempt?.outcome !== 'rendered')
          report(
            `${jobId} ${after.id}: the result that counts, ` +
              `${after.canonical.taskId}@${after.canonical.epoch}, is ${attempt?.outcome}`,
          )
        if (source?.attempts.filter(({ outcome }) => outcome === 'rendered').length !== 1)
          report(`${jobId} ${after.id}: of ${source?.id} more than one result counts`)
      }
      for (const { before: was, after } of frames) {
        if (was?.state === 'delivered' && after.state !== 'canceled')
          report(`${jobId}: frame ${after.number} was delivered and is ${after.state} now`)
        const left = renderTasksOfFrame(job.plan, after.position).filter((id) => task(id)?.state !== 'completed').length
        if (job.state === 'active' && after.tasksLeft !== left)
          report(`${jobId}: frame ${after.number} waits for ${after.tasksLeft} tasks, really for ${left}`)
        if (after.state === 'delivered' && left > 0)
          report(`${jobId}: frame ${after.number} is delivered, and ${left} of its tasks are not completed`)
      }
    },
    async ended(world, report) {
      for (const job of await world.jobs()) {
        if (job.state !== 'completed') continue
        const all = (await world.twin.listFrames(job.id, { limit: 1e6 })).items
        const frames = all.filter((frame) => frame.state !== 'canceled')
        // A frame that was taken out may have been delivered before, or while it was.
        const extra = all.length - frames.length
        const files = (await world.objects.list(finalPrefix(job.id), { limit: 1_000 })).keys.filter(({ key }) =>
          key.includes('/frames/'),
        ).length
        if (frames.length !== job.plan.frameCount || frames.some((frame) => frame.state !== 'delivered'))
          report(
            `${job.id} is completed with frames ${frames.map((frame) => frame.state).join()} of ${job.plan.frameCount}`,
          )
        if (files < job.plan.frameCount || files > job.plan.frameCount + extra)
          report(`${job.id} is completed with ${files} delivered files for ${job.plan.frameCount} frames`)
      }
    },
  }
}
