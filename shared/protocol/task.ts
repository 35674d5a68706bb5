import { z } from 'zod'
import { Failure } from './failure.ts'
import { PlacePath } from './final-path.ts'
import { Sha256, TaskId, WorkerId } from './ids.ts'
import { LIMITS } from './limits.ts'
import { AttemptFileName } from './object-keys.ts'

/**
 * inspect: what Blender says of the scene, before anything is rendered; render: pixels from the scene; finish:
 * compositor and file format on a stitched frame; audit: a task rendered again to check it.
 */
const TASK_KINDS = ['inspect', 'render', 'finish', 'audit'] as const
const TaskKind = z.enum(TASK_KINDS)

/**
 * queued: may be leased. leased: a worker has the right to try. delivering: a worker has
 * committed to a result, its files are on their way. verifying: the files are here, an audit is open. Then one of three
 * ends.
 */
export const TASK_STATES = ['queued', 'leased', 'delivering', 'verifying', 'completed', 'failed', 'canceled'] as const
export const TaskState = z.enum(TASK_STATES)
export type TaskState = z.infer<typeof TaskState>

/** overtaken: another attempt of the same task handed in first; nobody is to blame. */
export const ATTEMPT_OUTCOMES = [
  'running',
  'rendered',
  'failed',
  'expired',
  'released',
  'rejected',
  'canceled',
  'overtaken',
] as const
const AttemptOutcome = z.enum(ATTEMPT_OUTCOMES)

const VERDICTS = ['unverified', 'agreed', 'grey', 'refuted'] as const
export const Verdict = z.enum(VERDICTS)
export type Verdict = z.infer<typeof Verdict>

/**
 * final: what the artist gets; raw: linear float EXR with all passes; display: 8-bit view of a float final; extra: File
 * Output nodes; sound: the sound of the whole movie, beside one of its frames.
 */
export const FileRole = z.enum(['final', 'raw', 'display', 'extra', 'sound'])
export type FileRole = z.infer<typeof FileRole>

/** The name of a node, or of one of its inputs, that wrote a file. */
const Writer = z.string().max(256)

/** A file that a worker has committed to. */
export const ResultFile = z.strictObject({
  name: AttemptFileName,
  frame: z.int().min(LIMITS.frameNumberMin).max(LIMITS.frameNumberMax),
  role: FileRole,
  bytes: z.int().min(1).max(LIMITS.resultFileBytesMax),
  sha256: Sha256,
  /**
   * Of an extra file: its path as the artist knows it, and the File Output node and input that wrote it. Without a node
   * it lies beside the frame: another view, or a preview.
   */
  place: z.strictObject({ path: PlacePath, node: Writer.optional(), slot: Writer.optional() }).optional(),
})
export type ResultFile = z.infer<typeof ResultFile>

export const Attempt = z
  .strictObject({
    epoch: z.int().min(1),
    workerId: WorkerId,
    outcome: AttemptOutcome,
    startedAt: z.int(),
    endedAt: z.int().optional(),
    renderSeconds: z.number().min(0).optional(),
    peakMemoryBytes: z.int().min(0).optional(),
    failure: Failure.optional(),
    files: z.array(ResultFile).max(LIMITS.filesPerResultMax).optional(),
    /** Drawn after the worker had committed to its files. */
    drawnForAudit: z.boolean().optional(),
    verdict: Verdict,
  })
  .meta({ id: 'Attempt' })
export type Attempt = z.infer<typeof Attempt>

/** The stored truth about a task. Where it lies in the image is worked out from the job's plan and `tile`. */
export const TaskRecord = z
  .strictObject({
    id: TaskId,
    kind: TaskKind,
    state: TaskState,
    frames: z.array(z.int()).min(1).max(LIMITS.framesPerChunkMax),
    /** Index of the tile, row by row from the top left; absent for whole frames. */
    tile: z
      .int()
      .min(0)
      .max(LIMITS.tilesPerSideMax ** 2)
      .optional(),
    /** Index of the range of its samples, in order; absent when samples are not split. */
    sampleRange: z.int().min(0).max(LIMITS.sampleRangesMax).optional(),
    /** The fencing token: rises with every lease; what carries one whose attempt is over is refused. */
    epoch: z.int().min(0),
    attempts: z.array(Attempt).max(64),
    /** The result that counts: an attempt of this task, or of an audit of it when its own was refuted. */
    canonical: z.strictObject({ taskId: TaskId, epoch: z.int().min(1) }).optional(),
    verdict: Verdict,
    /** Workers that must not have this task: they failed it, or rendered what it checks. */
    avoid: z.array(WorkerId).max(64),
    /**
     * Not leased before this farm time: it failed several times by the farm's own fault, which takes a while to mend.
     */
    notBefore: z.int().optional(),
    /** Memory that was not enough for it: machines with more are asked first. */
    outgrew: z
      .strictObject({ memoryBytes: z.int().min(0).optional(), gpuMemoryBytes: z.int().min(0).optional() })
      .optional(),
    /** The one worker that must have it (a dispute between two is rendered again by both). */
    only: WorkerId.optional(),
    /** On an audit: the task it checks. */
    audits: TaskId.optional(),
    /** On a checked task: how many audits were made of it. */
    auditRounds: z.int().min(0).max(999).optional(),
    /**
     * On one that was reopened: attempts up to this epoch, and audits up to this round, are history and decide
     * nothing any more.
     */
    triesFrom: z.int().min(0).optional(),
    auditsFrom: z.int().min(0).max(999).optional(),
    /** Why it failed, or waits for something unusual. */
    note: z.string().max(LIMITS.messageLengthMax).optional(),
  })
  .meta({ id: 'Task' })
export type TaskRecord = z.infer<typeof TaskRecord>

/** canceled: taken out of its job; what was delivered of it stays, in case it is asked for again. */
export const FRAME_STATES = ['rendering', 'stitching', 'finishing', 'delivering', 'delivered', 'canceled'] as const
export const FrameState = z.enum(FRAME_STATES)
export type FrameState = z.infer<typeof FrameState>

/** A file below `final/` of a job. */
export const FinalFile = z.strictObject({
  path: z.string().max(LIMITS.pathLengthMax),
  bytes: z.int().min(0),
  sha256: Sha256,
  contentType: z.string().max(100),
  /** The File Output node, and its input, that wrote the file. */
  node: Writer.optional(),
  slot: Writer.optional(),
})
export type FinalFile = z.infer<typeof FinalFile>

/** The stored truth about one frame of a job. */
export const FrameRecord = z
  .strictObject({
    number: z.int(),
    /** Place in the job's frame list, from 0. */
    position: z.int().min(0),
    state: FrameState,
    /** Render tasks of it that are not completed yet. */
    tasksLeft: z.int().min(0),
    /** Length and hash of the stitched float image, once there is one. */
    stitched: z.strictObject({ bytes: z.int().min(1), sha256: Sha256 }).optional(),
    files: z.array(FinalFile).max(LIMITS.filesPerFrameMax).optional(),
  })
  .meta({ id: 'Frame' })
export type FrameRecord = z.infer<typeof FrameRecord>
