import { z } from 'zod'
import { ERROR_CODES } from './errors.ts'
import { EventType } from './event-types.ts'
import { JobId } from './ids.ts'
import { JOB_STATES, JobView } from './job.ts'
import { LIMITS } from './limits.ts'
import { SceneRecord } from './scene.ts'
import { FRAME_STATES, FrameRecord, TASK_STATES, TaskRecord } from './task.ts'
import { WorkerRecord } from './worker.ts'

/** `application/problem+json` (RFC 9457) with a stable `code`. */
export const Problem = z
  .strictObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.enum(ERROR_CODES),
    detail: z.string(),
    /** Where in the request, one for each complaint of the schema. */
    errors: z.array(z.strictObject({ path: z.string(), message: z.string() })).optional(),
  })
  .meta({ id: 'Problem' })
export type Problem = z.infer<typeof Problem>

const Cursor = z.string().min(1).max(200)
export const PageQuery = z.object({
  cursor: Cursor.optional(),
  limit: z.coerce.number().int().min(1).max(LIMITS.pageSizeMax).default(50),
})

function pageOf<T extends z.ZodType>(item: T, id: string) {
  return z.strictObject({ items: z.array(item), next: Cursor.nullable() }).meta({ id })
}

export const JobQuery = PageQuery.extend({ state: z.enum(JOB_STATES).optional() })
export const TaskQuery = PageQuery.extend({ state: z.enum(TASK_STATES).optional() })
export const FrameQuery = PageQuery.extend({ state: z.enum(FRAME_STATES).optional() })

export const JobPage = pageOf(JobView, 'JobPage')
export const TaskPage = pageOf(TaskRecord, 'TaskPage')
export const FramePage = pageOf(FrameRecord, 'FramePage')
export const WorkerPage = pageOf(WorkerRecord, 'WorkerPage')
export const ScenePage = pageOf(SceneRecord, 'ScenePage')

/** A delivered file of a job. */
export const Artifact = z
  .strictObject({
    path: z.string(),
    bytes: z.int(),
    sha256: z.string(),
    contentType: z.string(),
    /** The File Output node, and its input, that wrote the file. */
    node: z.string().optional(),
    slot: z.string().optional(),
    frame: z.int().optional(),
    url: z.string().optional(),
  })
  .meta({ id: 'Artifact' })
export type Artifact = z.infer<typeof Artifact>
export const ArtifactPage = pageOf(Artifact, 'ArtifactPage')
/** `urls=true` adds a signed URL to each artifact, good for one hour. */
export const ArtifactQuery = PageQuery.extend({ urls: z.stringbool().default(false) })

/** What happened in a job, in order. */
export const JobEvent = z
  .strictObject({
    seq: z.string(),
    at: z.int(),
    type: EventType,
    message: z.string().max(LIMITS.messageLengthMax),
    taskId: z.string().optional(),
    workerId: z.string().optional(),
  })
  .meta({ id: 'JobEvent' })
export type JobEvent = z.infer<typeof JobEvent>
export const JobEventPage = pageOf(JobEvent, 'JobEventPage')

export const JobParams = z.object({ jobId: JobId })
export const FarmInfo = z
  .strictObject({ name: z.literal('tilework'), version: z.string(), workersConnected: z.int(), jobsOpen: z.int() })
  .meta({ id: 'Farm' })
