import { z } from 'zod'
import { JobId, Sha256, TaskId, WorkerId } from './ids.ts'
import { LIMITS } from './limits.ts'

const DEVICE_KINDS = ['CPU', 'CUDA', 'OPTIX', 'HIP', 'METAL', 'ONEAPI'] as const
export const DeviceKind = z.enum(DEVICE_KINDS)
export type DeviceKind = z.infer<typeof DeviceKind>

const Name = z.string().min(1).max(LIMITS.nameLengthMax)
const Tag = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,63}$/)
const MemoryBytes = z
  .int()
  .min(0)
  .max(2 ** 50)
/** `3.4.1`, `4.5.0`: as Blender prints it, numbers only. */
export const BlenderVersion = z.string().regex(/^\d{1,3}\.\d{1,3}(\.\d{1,3})?$/, 'a Blender version looks like 4.2.1')

export const Device = z.strictObject({
  kind: DeviceKind,
  name: z.string().max(LIMITS.nameLengthMax),
  /** Absent where neither Blender nor the driver tells it. */
  memoryBytes: MemoryBytes.optional(),
})
export type Device = z.infer<typeof Device>

/** What a worker offers, as it tells in `hello`. */
export const Capabilities = z
  .strictObject({
    blender: z.strictObject({
      version: BlenderVersion,
      buildHash: z.string().max(64),
      path: z.string().max(LIMITS.pathLengthMax),
      engines: z.array(Name).max(64),
      /** Built with OpenImageDenoise; Debian's is not. */
      hasDenoiser: z.boolean().optional(),
    }),
    devices: z.array(Device).min(1).max(64),
    memoryBytes: MemoryBytes,
    cpuThreads: z.int().min(1).max(4_096),
    os: z.string().max(100),
    /** Tasks rendered at the same time. */
    slots: z
      .int()
      .min(1)
      .max(LIMITS.leasesPerWorkerMax / 2),
    tags: z.array(Tag).max(32),
  })
  .meta({ id: 'Capabilities' })
export type Capabilities = z.infer<typeof Capabilities>

/** What a job needs of a worker. A field left out asks for nothing. */
export const Requirement = z
  .strictObject({
    deviceKinds: z
      .array(DeviceKind)
      .min(1)
      .max(6)
      .optional()
      .describe(`A device of one of these kinds: ${DEVICE_KINDS.join(', ')}`),
    gpuMemoryBytesMin: MemoryBytes.optional().describe('Least memory of the GPU'),
    memoryBytesMin: MemoryBytes.optional().describe('Least main memory of the worker'),
    blenderVersionMin: BlenderVersion.optional().describe(
      'Oldest Blender to take; without it the one that saved the scene',
    ),
    blenderVersionMax: BlenderVersion.optional().describe('Newest Blender to take; 4.2 takes 4.2.x too'),
    denoiser: z.literal(true).optional().describe('Only a Blender with OpenImageDenoise'),
    tags: z.array(Tag).max(32).optional().describe('Only workers that have all these tags'),
  })
  .meta({ id: 'Requirement' })
export type Requirement = z.infer<typeof Requirement>

/** What is stored of a worker, and shown by `GET /v1/workers`. */
export const WorkerRecord = z
  .strictObject({
    id: WorkerId,
    name: Name,
    /** Whose token it came with: two workers of one owner never check each other where there is a choice. */
    owner: Name,
    agentVersion: z.string().max(40),
    /** A machine the operator owns and trusts: frames are finished on it, and not checked by others. */
    anchor: z.boolean().optional(),
    capabilities: Capabilities,
    state: z.enum(['connected', 'draining', 'offline']),
    leases: z.int().min(0).max(LIMITS.leasesPerWorkerMax),
    /** What it last told of the tasks it renders; a few seconds old. */
    rendering: z
      .array(
        z.strictObject({
          jobId: JobId,
          taskId: TaskId,
          frame: z.int(),
          samplesDone: z.int().min(0),
          samplesTotal: z.int().min(0),
          secondsLeft: z.number().min(0).optional(),
        }),
      )
      .max(LIMITS.leasesPerWorkerMax)
      .optional(),
    tasksCompleted: z.int().min(0),
    tasksFailed: z.int().min(0),
    tasksRefuted: z.int().min(0),
    /** Gets no leases while it is set. Nothing in the farm sets it by itself yet. */
    quarantined: z.boolean(),
    /** It failed several tasks of several scenes in a row, and gets no leases before this farm time. */
    coolsDownUntil: z.int().optional(),
    /** It failed several tasks of these scenes in a row, and gets none of them before that time; others it gets. */
    coolsDownFrom: z
      .array(z.strictObject({ scene: Sha256, until: z.int() }))
      .max(100)
      .optional(),
    connectedAt: z.int(),
    lastSeenAt: z.int(),
  })
  .meta({ id: 'Worker' })
export type WorkerRecord = z.infer<typeof WorkerRecord>

/** Whether the worker may be given tasks: it is connected, is not about to leave, and is trusted. */
export function isUsable({ state, quarantined }: Pick<WorkerRecord, 'state' | 'quarantined'>): boolean {
  return state === 'connected' && !quarantined
}
