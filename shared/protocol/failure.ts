import { z } from 'zod'
import { LIMITS } from './limits.ts'

/** Who is to blame decides what follows: another worker, an early stop of the job, or a free retry. */
const BLAMES = ['worker', 'scene', 'farm'] as const
export const Blame = z.enum(BLAMES)
export type Blame = z.infer<typeof Blame>

/** How a render can fail, as a worker reports it, and whom the farm blames (the worker's own word is not asked). */
export const FAILURES = {
  blender_crashed: 'worker',
  blender_missing: 'worker',
  blender_error: 'scene',
  out_of_memory: 'worker',
  gpu_error: 'worker',
  no_progress: 'worker',
  disk_full: 'worker',
  output_invalid: 'worker',
  device_missing: 'worker',
  no_camera: 'scene',
  blend_unreadable: 'scene',
  engine_missing: 'worker',
  denoiser_missing: 'worker',
  scene_download_failed: 'farm',
  upload_failed: 'farm',
  interrupted: 'farm',
  /** Not told by workers: one gave back a result that it had committed to. */
  result_withheld: 'worker',
  /** Not told by workers: what was handed in is of a kind that the farm does not read. */
  result_unread: 'farm',
} as const satisfies Record<string, Blame>

export type FailureCode = keyof typeof FAILURES
export const FailureCode = z.enum(Object.keys(FAILURES) as [FailureCode, ...FailureCode[]])

export const Failure = z.strictObject({
  code: FailureCode,
  /** A sentence for a person. */
  message: z.string().max(LIMITS.messageLengthMax),
  /** The last lines Blender printed. */
  lastWords: z
    .string()
    .max(LIMITS.messageLengthMax * 2)
    .optional(),
})
export type Failure = z.infer<typeof Failure>
