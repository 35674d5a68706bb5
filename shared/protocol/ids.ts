import { z } from 'zod'

/** Jobs, workers and the like are named by a prefix and 26 characters that sort by the time they were made. */
const SORTABLE = '[0-9a-hjkmnp-tv-z]{26}'

export const JobId = z
  .string()
  .regex(new RegExp(`^job_${SORTABLE}$`), 'a job id looks like job_01j9…')
  .brand<'JobId'>()
export type JobId = z.infer<typeof JobId>

export const WorkerId = z
  .string()
  .regex(/^wrk_[0-9a-z_-]{4,60}$/, 'a worker id looks like wrk_…')
  .brand<'WorkerId'>()
export type WorkerId = z.infer<typeof WorkerId>

export const UploadId = z
  .string()
  .regex(new RegExp(`^upl_${SORTABLE}$`), 'an upload id looks like upl_…')
  .brand<'UploadId'>()
export type UploadId = z.infer<typeof UploadId>

/** A scene is named by the SHA-256 of its bytes, so the same file uploaded twice is the same scene. */
export const Sha256 = z
  .string()
  .regex(/^[0-9a-f]{64}$/, 'a SHA-256 is 64 lower-case hexadecimal digits')
  .brand<'Sha256'>()
export type Sha256 = z.infer<typeof Sha256>

/**
 * A task is named within its job: `r0000012` (render, by number), `s0000012` (finish of frame number 12 of the plan),
 * `a0000012x2` (second audit of render 12), `b0000012x1` (first audit of finish 12), `i0000000` (the inspection).
 */
export const TaskId = z
  .string()
  .regex(/^[irs]\d{7}$|^[ab]\d{7}x\d{1,3}$/, 'a task id looks like r0000012')
  .brand<'TaskId'>()
export type TaskId = z.infer<typeof TaskId>

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'

/** 26 characters that sort by time: 10 of milliseconds since 1970, 16 of randomness (the ULID layout, lower case). */
export function sortableId(nowMs: number, random: Uint8Array): string {
  let time = ''
  for (let rest = Math.floor(nowMs), place = 0; place < 10; place++) {
    time = ALPHABET[rest % 32] + time
    rest = Math.floor(rest / 32)
  }
  let noise = ''
  for (let place = 0; place < 16; place++) noise += ALPHABET[(random[place] ?? 0) % 32]
  return time + noise
}

/** The milliseconds since 1970 in an id that `sortableId` is the end of. */
export function timeOfSortable(id: string): number {
  return [...id.slice(-26, -16)].reduce((time, letter) => time * 32 + ALPHABET.indexOf(letter), 0)
}

export function newJobId(nowMs: number, random: Uint8Array): JobId {
  return JobId.parse(`job_${sortableId(nowMs, random)}`)
}

export function renderTaskId(index: number): TaskId {
  return TaskId.parse(`r${String(index).padStart(7, '0')}`)
}

/** The task that looks at the scene before anything is rendered. */
export const INSPECT_TASK_ID: TaskId = TaskId.parse('i0000000')

/** The finish task of the frame at `position` in the job's frame list. */
export function finishTaskId(position: number): TaskId {
  return TaskId.parse(`s${String(position).padStart(7, '0')}`)
}

/** The `round`-th audit (from 1) of a render or finish task. */
export function auditTaskId(audited: TaskId, round: number): TaskId {
  return TaskId.parse(`${audited.startsWith('r') ? 'a' : 'b'}${audited.slice(1)}x${round}`)
}

/** Which audit of its task it is, from 1. */
export function auditRound(audit: TaskId): number {
  return Number(audit.slice(audit.indexOf('x') + 1))
}
