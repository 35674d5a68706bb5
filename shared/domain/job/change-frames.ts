import { refuse, type Refusal } from '../../protocol/errors.ts'
import type { JobPlan, JobRecord } from '../../protocol/job.ts'
import { LIMITS } from '../../protocol/limits.ts'
import { hasTasksToGive } from '../lifecycle/job.ts'
import { askedFrames } from '../splitting/asked-frames.ts'
import { formatFrames, parseFrames } from '../splitting/frames.ts'
import { tasksPerFrame } from '../splitting/job-tasks.ts'

/**
 * The job with other frames. New ones get positions behind all that there are, so that no task changes its name; those
 * taken out keep theirs, and what is done of them. Its tasks are gone over afterwards (engine/jobs/plan-tasks.ts). The
 * same job when nothing changes. Refused with the codes of a frame range, with `frames_not_apart` where a task has
 * several frames, and with `conflict` when no task is to be handed out any more.
 */
export function withFrames(job: JobRecord, text: string): { ok: true; job: JobRecord } | Refusal {
  const { plan } = job
  const wanted = parseFrames(text)
  if (!wanted.ok) return wanted
  const frames = formatFrames(wanted.frames)
  if (frames === plan.frames) return { ok: true, job }
  if (!hasTasksToGive(job.state))
    return refuse(
      'conflict',
      `job ${job.id} is ${job.state}: its frames are all delivered; submit another job for more`,
    )
  if (plan.ordered === true)
    return refuse(
      'frames_not_apart',
      `frames: frames of job ${job.id} depend on one another, and one worker ` +
        'renders all of them in order; submit another job',
    )
  if (plan.chunk > 1)
    return refuse(
      'frames_not_apart',
      `frames: job ${job.id} renders ${plan.chunk} frames in one task, which cannot ` +
        'be cut again; submit another job, or one without chunks',
    )
  if (frames.length > LIMITS.messageLengthMax * 4)
    return refuse('frames_invalid', 'frames: too many separate ranges; submit another job')
  const parts = tasksPerFrame(plan)
  if (job.state === 'inspecting')
    // No task is written down yet.
    return { ok: true, job: { ...job, plan: withCounts(plan, frames, wanted.frames.length, parts) } }

  const { sound } = plan
  if (
    sound !== undefined &&
    !(
      wanted.frames.includes(sound.frame) &&
      wanted.frames.every((frame) => frame <= sound.last && (frame < 0 || frame >= sound.first))
    )
  )
    return refuse(
      'frames_not_apart',
      `frames: the sound of job ${job.id} is mixed from frame ${sound.first} to ${sound.last}, together with frame ` +
        `${sound.frame}; keep that one and stay between them, or submit another job`,
    )
  const asked = askedFrames(plan)
  const known = new Set(asked)
  const fresh = wanted.frames.filter((frame) => !known.has(frame))
  const total = asked.length + fresh.length
  if (total > LIMITS.framesPerJobMax)
    return refuse(
      'frames_too_many',
      `frames: with those that were taken out again the job would have ${total} frames, ` +
        `${LIMITS.framesPerJobMax} is the limit; submit another job`,
    )
  if (total * parts > LIMITS.tasksPerJobMax)
    return refuse(
      'too_many_tasks',
      `frames: the job would have ${total * parts} tasks, ${LIMITS.tasksPerJobMax} is the limit; submit another job`,
    )
  const revision = (job.revision ?? 0) + 1
  if (revision > LIMITS.revisionsPerJobMax)
    return refuse(
      'conflict',
      `job ${job.id} was changed or retried ${LIMITS.revisionsPerJobMax} times; submit another job`,
    )
  const lists = [...(plan.asked ?? [plan.frames]), ...(fresh.length === 0 ? [] : [formatFrames(fresh)])]
  return {
    ok: true,
    job: {
      ...job,
      revision,
      tasksPlanned: 0,
      plan: { ...withCounts(plan, frames, wanted.frames.length, parts), asked: lists },
    },
  }
}

function withCounts(plan: JobPlan, frames: string, frameCount: number, parts: number): JobPlan {
  return { ...plan, frames, frameCount, renderTaskCount: frameCount * parts }
}
