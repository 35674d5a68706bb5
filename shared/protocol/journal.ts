import { z } from 'zod'
import { JobId, Sha256 } from './ids.ts'
import { JobRecord } from './job.ts'
import { SceneRecord } from './scene.ts'
import { FrameRecord, TaskRecord } from './task.ts'
import { WorkerRecord } from './worker.ts'

/*
 * What lies in the object store so that the farm's state can be rebuilt from there. A job's journal is `job.json`,
 * written at its submission, and any number of segments: a line of head, then a line for each record as it was when the
 * segment was written. Of several lines about one record that of the highest version counts, so it matters neither in
 * which order segments were written, nor by whom, nor how often.
 */

/** Raised when a reader of the older one would misunderstand what is written. */
export const JOURNAL_VERSION = 1
const version = z.literal(JOURNAL_VERSION)

export const SegmentHead = z.strictObject({ journal: version, jobId: JobId, writtenAt: z.int(), lines: z.int().min(1) })
export type SegmentHead = z.infer<typeof SegmentHead>

export const SegmentLine = z.discriminatedUnion('what', [
  z.strictObject({ what: z.literal('job'), version: z.int().min(1), record: JobRecord }),
  z.strictObject({ what: z.literal('task'), version: z.int().min(1), record: TaskRecord }),
  z.strictObject({ what: z.literal('frame'), version: z.int().min(1), record: FrameRecord }),
])
export type SegmentLine = z.infer<typeof SegmentLine>

/** `farm/terms/<term>` */
export const TermEntry = z.strictObject({ journal: version, term: z.int().min(1), begunAt: z.int() })
/** `farm/deleted/<job>` */
export const DeletedEntry = z.strictObject({ journal: version, jobId: JobId, deletedAt: z.int() })
/** `farm/scenes/<sha256>` */
export const SceneEntry = z.strictObject({ journal: version, scene: SceneRecord })
/** `farm/tokens/<sha256>` */
export const TokenEntry = z.strictObject({
  journal: version,
  sha256: Sha256,
  name: z.string(),
  scopes: z.array(z.string()).max(16),
})
/** `farm/workers.json` */
export const WorkersEntry = z.strictObject({ journal: version, writtenAt: z.int(), workers: z.array(WorkerRecord) })
