import type { JobRecord } from '../../protocol/job.ts'
import type { TaskRecord } from '../../protocol/task.ts'
import { wantedFrames } from '../splitting/asked-frames.ts'

/**
 * Whether a result is audited. `draw` (0 to 1) comes from a keyed hash of the committed result, so that nobody can know
 * it before; `luckyIndex` (0 to 1, from the same secret and the job) names the one render task that is audited in any
 * case, so that every job has at least one. The finish decides over whole images and is cheap: it is always rendered
 * twice, unless an anchor, a machine of the operator's own, did it.
 */
export function isDrawn(job: JobRecord, task: TaskRecord, draw: number, luckyIndex: number, byAnchor = false): boolean {
  if (job.plan.auditRate === 0 || task.kind === 'audit') return false
  if (task.kind === 'finish' && byAnchor) return false
  // What replaces a rejected result is checked too, and its open audits keep somebody waiting for them.
  if (task.kind === 'finish' || (task.auditRounds ?? 0) > 0) return true
  // The one sound of a whole movie.
  const { sound } = job.plan
  if (sound !== undefined && task.tile === undefined && task.frames.includes(sound.frame)) return true
  // Whoever was drawn and did not deliver frees nobody from the audit.
  if (task.attempts.some((attempt) => attempt.drawnForAudit === true)) return true
  if (job.plan.asked !== undefined) {
    const frames = wantedFrames(job.plan)
    if (task.frames.includes(frames[Math.floor(luckyIndex * frames.length)] ?? NaN)) return true
  } else if (Number(task.id.slice(1)) === Math.floor(luckyIndex * job.plan.renderTaskCount)) return true
  return draw < job.plan.auditRate
}
