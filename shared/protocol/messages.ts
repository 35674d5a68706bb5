import { z } from 'zod'
import { Failure } from './failure.ts'
import { FileName } from './final-path.ts'
import { JobId, Sha256, TaskId, WorkerId } from './ids.ts'
import { Inspection } from './inspection.ts'
import { JobPlan } from './job.ts'
import { LIMITS } from './limits.ts'
import { SoundPlan } from './movie.ts'
import { PixelRectangle, RenderSettings } from './render-settings.ts'
import { SceneAliases, SceneReference } from './scene.ts'
import { ResultFile } from './task.ts'
import { Capabilities, DeviceKind } from './worker.ts'

/**
 * The WebSocket between a worker and a coordinator: JSON, one message a frame. The worker connects to `/v1/worker` with
 * its token as bearer and speaks first. README beside this file tells what each side does on each message.
 */
export const PROTOCOL_VERSION = 2

/** A lease is named by job, task and epoch; all that a worker says of a task carries these three. */
const LeaseName = { jobId: JobId, taskId: TaskId, epoch: z.int().min(1) }
export const LeaseRef = z.strictObject(LeaseName)
export type LeaseRef = z.infer<typeof LeaseRef>

/** Only the three fields that name a lease, of whatever carries them. */
export function leaseRef({ jobId, taskId, epoch }: LeaseRef): LeaseRef {
  return { jobId, taskId, epoch }
}

const Url = z.string().min(1).max(8_192)

// --- worker -> coordinator ------------------------------------------------------------------------------------------

export const Hello = z
  .strictObject({
    type: z.literal('hello'),
    protocolVersion: z.int().min(1).max(1_000),
    agentVersion: z.string().max(40),
    workerId: WorkerId,
    name: z.string().min(1).max(LIMITS.nameLengthMax),
    capabilities: Capabilities,
    /** Leases it still holds from before the connection dropped. */
    leases: z.array(LeaseRef).max(LIMITS.leasesPerWorkerMax),
  })
  .meta({ id: 'Hello' })

/** Renews every lease it names; what it does not name is not renewed. */
export const Heartbeat = z
  .strictObject({
    type: z.literal('heartbeat'),
    leases: z.array(LeaseRef).max(LIMITS.leasesPerWorkerMax),
    loadAverage: z.number().min(0).max(1e6).optional(),
    memoryFreeBytes: z.int().min(0).optional(),
  })
  .meta({ id: 'Heartbeat' })

const Progress = z
  .strictObject({
    type: z.literal('progress'),
    ...LeaseName,
    frame: z.int(),
    samplesDone: z.int().min(0),
    samplesTotal: z.int().min(0),
    secondsLeft: z.number().min(0).optional(),
  })
  .meta({ id: 'Progress' })

/**
 * The commitment: from here on length and hash of every file are fixed. Nothing is uploaded before `upload` asks for
 * it.
 */
const Result = z
  .strictObject({
    type: z.literal('result'),
    ...LeaseName,
    files: z.array(ResultFile).min(1).max(LIMITS.filesPerResultMax),
    renderSeconds: z.number().min(0).max(1e8),
    peakMemoryBytes: z
      .int()
      .min(0)
      .max(2 ** 50),
  })
  .meta({ id: 'Result' })

/** What an inspection found; it is the whole result, nothing is uploaded. */
export const Inspected = z
  .strictObject({
    type: z.literal('inspected'),
    ...LeaseName,
    inspection: Inspection,
    seconds: z.number().min(0).max(1e8),
  })
  .meta({ id: 'Inspected' })

const Uploaded = z.strictObject({ type: z.literal('uploaded'), ...LeaseName }).meta({ id: 'Uploaded' })
const Failed = z.strictObject({ type: z.literal('failure'), ...LeaseName, failure: Failure }).meta({ id: 'Failed' })
/** Gives a lease back untried or interrupted; nobody is blamed. */
const Released = z.strictObject({ type: z.literal('released'), ...LeaseName }).meta({ id: 'Released' })
const Draining = z.strictObject({ type: z.literal('draining') }).meta({ id: 'Draining' })

export const WorkerMessage = z.discriminatedUnion('type', [
  Hello,
  Heartbeat,
  Progress,
  Result,
  Inspected,
  Uploaded,
  Failed,
  Released,
  Draining,
])
export type WorkerMessage = z.infer<typeof WorkerMessage>

// --- coordinator -> worker ------------------------------------------------------------------------------------------

export const Welcome = z
  .strictObject({
    type: z.literal('welcome'),
    protocolVersion: z.int(),
    heartbeatSeconds: z.number().min(0.1),
    /** Leases of `hello` that are no longer the worker's: stop them, throw their files away. */
    lost: z.array(LeaseRef),
  })
  .meta({ id: 'Welcome' })

const Download = z.strictObject({ url: Url, sha256: Sha256, bytes: z.int().min(1) })

/** Samples `offset` up to, not including, `offset + count` of every pixel. */
const SampleRange = z.strictObject({
  offset: z.int().min(0).max(LIMITS.samplesMax),
  count: z.int().min(1).max(LIMITS.samplesMax),
})

/** Sound that is mixed beside a frame, from the beginning of frame `first` to the end of frame `last`. */
const Mixing = SoundPlan.pick({ frame: true, first: true, last: true })

/**
 * What to do. render with `window`: that rectangle as float multilayer EXR (role raw), compositing off; with
 * `sampleRange` only those samples of it. render without: for each frame the final image and the raw EXR. finish:
 * compositor and file format on `stitched`. inspect: say what Blender makes of the scene, rendering nothing.
 */
export const Work = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('inspect'),
    settings: RenderSettings,
    /** Those of the job: which files of a sequence are needed depends on them. */
    frames: JobPlan.shape.frames.optional(),
  }),
  z.strictObject({
    kind: z.literal('render'),
    frames: z.array(z.int()).min(1).max(LIMITS.framesPerChunkMax),
    window: PixelRectangle.optional(),
    sampleRange: SampleRange.optional(),
    settings: RenderSettings,
    device: DeviceKind.optional(),
    display: z.boolean(),
    sound: Mixing.optional(),
  }),
  z.strictObject({
    kind: z.literal('finish'),
    frame: z.int(),
    stitched: Download,
    settings: RenderSettings,
    display: z.boolean(),
    sound: Mixing.optional(),
  }),
])
export type Work = z.infer<typeof Work>

/**
 * The right to try a task until it is not renewed in time. The worker computes with durations only, never with our
 * clock.
 */
export const Lease = z
  .strictObject({
    type: z.literal('lease'),
    ...LeaseName,
    leaseSeconds: z.number().min(0.1),
    /** `url` is that of the file, or of the list of files of a project. */
    scene: SceneReference.extend({
      mainBlend: z.string().max(LIMITS.pathLengthMax).optional(),
      /** What to call a plain .blend. */
      blendName: FileName.optional(),
      /** Names under which files of the project are to be found, too. */
      aliases: SceneAliases.optional(),
      url: Url,
    }),
    work: Work,
    /** Seconds without any progress after which the worker gives up (typed `no_progress`). */
    noProgressSeconds: z.number().min(1),
  })
  .meta({ id: 'Lease' })
export type Lease = z.infer<typeof Lease>

/** Send these files; the others stay on the worker's disk until `release`. */
export const Upload = z
  .strictObject({
    type: z.literal('upload'),
    ...LeaseName,
    files: z
      .array(
        z.strictObject({
          name: z.string().max(120),
          url: Url,
          method: z.literal('PUT'),
          headers: z.record(z.string(), z.string().max(1_024)),
        }),
      )
      .max(LIMITS.filesPerResultMax),
  })
  .meta({ id: 'Upload' })

/** The task is settled for this worker: throw its files away. */
const Release = z.strictObject({ type: z.literal('release'), ...LeaseName }).meta({ id: 'Release' })
/** Stop at once and throw away; the lease is gone. */
const Cancel = z
  .strictObject({ type: z.literal('cancel'), ...LeaseName, reason: z.string().max(LIMITS.messageLengthMax) })
  .meta({ id: 'Cancel' })
/** Finish what you hold, then leave. */
const Drain = z
  .strictObject({ type: z.literal('drain'), reason: z.string().max(LIMITS.messageLengthMax) })
  .meta({ id: 'Drain' })
/**
 * Something you sent was refused; `jobId` and so on tell what of, where it was about a lease. The lease is gone then.
 */
const Refused = z
  .strictObject({
    type: z.literal('refused'),
    code: z.string().max(60),
    message: z.string().max(LIMITS.messageLengthMax),
    lease: LeaseRef.optional(),
  })
  .meta({ id: 'Refused' })

export const CoordinatorMessage = z.discriminatedUnion('type', [
  Welcome,
  Lease,
  Upload,
  Release,
  Cancel,
  Drain,
  Refused,
])
export type CoordinatorMessage = z.infer<typeof CoordinatorMessage>

/** Close codes of the worker socket. 1000-1015 are the WebSocket's own. */
export const CLOSE_CODES = {
  /** The coordinator stops; reconnect (another may answer). */
  going_away: 1001,
  /** Over `workerMessageBytesMax`; do not send that again. */
  too_big: 1009,
  /** Not JSON, or not a message of this protocol. Reconnect after the usual backoff. */
  bad_message: 4400,
  /** Wrong or missing token. Do not reconnect with this token. */
  unauthorized: 4401,
  /** Another connection of the same worker id is newer. Do not reconnect. */
  replaced: 4409,
  /** Silent for longer than three heartbeats. Reconnect. */
  silent: 4408,
  /** Protocol version not spoken here. Update the worker. */
  version: 4426,
  /** Too many connections, or too slow a reader. Reconnect after a longer wait. */
  overloaded: 4429,
} as const
