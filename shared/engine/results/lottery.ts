import { createHmac } from 'node:crypto'
import { isDrawn } from '../../domain/verification/audit-draw.ts'
import type { JobRecord } from '../../protocol/job.ts'
import type { ResultFile, TaskRecord } from '../../protocol/task.ts'

/**
 * Draws over what the worker has just committed to, keyed by the farm's secret: it can neither be known before nor be
 * chosen.
 */
export function drawAudit(
  secret: string,
  job: JobRecord,
  task: TaskRecord,
  files: readonly ResultFile[],
  byAnchor: boolean,
): boolean {
  // Nothing is drawn of such a job; the hashes would be made for nothing.
  if (job.plan.auditRate === 0) return false
  const committed = files
    .map((file) => `${file.name} ${file.sha256}`)
    .sort()
    .join('\n')
  return isDrawn(
    job,
    task,
    fraction(secret, `draw ${job.id} ${task.id} ${task.epoch}\n${committed}`),
    fraction(secret, `lucky ${job.id}`),
    byAnchor,
  )
}

/** 0 <= x < 1 from the first 48 bits of an HMAC-SHA-256. */
function fraction(secret: string, text: string): number {
  return createHmac('sha256', secret).update(text).digest().readUIntBE(0, 6) / 2 ** 48
}
