/*
 * Effects, steps and notices as they lie in Redis; the ports say what they mean. `satisfies` holds both equal.
 */
import { z } from 'zod'
import type { BackgroundStep, Effect } from '../../domain/effect.ts'
import type { Notice } from '../../ports/work-queue.ts'
import { JobId, TaskId, WorkerId } from '../../protocol/ids.ts'

const task = { taskId: TaskId, epoch: z.int() }

export const StoredStep = z.discriminatedUnion('step', [
  z.strictObject({ step: z.literal('compare'), jobId: JobId, taskId: TaskId, round: z.int() }),
  z.strictObject({ step: z.literal('stitch'), jobId: JobId, frame: z.int() }),
  z.strictObject({ step: z.literal('deliver'), jobId: JobId, frame: z.int() }),
  z.strictObject({ step: z.literal('encode'), jobId: JobId }),
  z.strictObject({ step: z.literal('erase'), jobId: JobId }),
]) satisfies z.ZodType<BackgroundStep>

export const StoredEffect = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('queue_tasks'), tasks: z.array(z.strictObject(task)) }),
  z.strictObject({ type: z.literal('announce_work') }),
  z.strictObject({ type: z.literal('run_step'), step: StoredStep }),
  z.strictObject({ type: z.literal('cancel_lease'), workerId: WorkerId, ...task, reason: z.string() }),
  z.strictObject({ type: z.literal('drop_queue') }),
]) satisfies z.ZodType<Effect>

export const StoredNotice = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('work_waiting'), jobId: JobId }),
  z.strictObject({ type: z.literal('job_changed'), jobId: JobId }),
  z.strictObject({
    type: z.literal('lease_canceled'),
    jobId: JobId,
    ...task,
    workerId: z.string(),
    reason: z.string(),
  }),
]) satisfies z.ZodType<Notice>

// A kind that a port gains and a schema lacks fails here, not in production.
type Covers<All, Known extends All> = [Exclude<All, Known>] extends [never] ? true : never
const stepsCovered: Covers<BackgroundStep['step'], z.infer<typeof StoredStep>['step']> = true
const effectsCovered: Covers<Effect['type'], z.infer<typeof StoredEffect>['type']> = true
const noticesCovered: Covers<Notice['type'], z.infer<typeof StoredNotice>['type']> = true
void [stepsCovered, effectsCovered, noticesCovered]
