/*
 * From what was typed to the request of a job. What is left out stays out: the farm takes it from the scene.
 */
import { z } from 'zod'
import { JobRequest, VideoChoice } from '../../../shared/protocol/job.ts'
import { ImageFormat } from '../../../shared/protocol/render-settings.ts'
import { DeviceKind } from '../../../shared/protocol/worker.ts'
import { parseOptions, usageFailure } from '../exit-codes.ts'
import { ByteSize, Seconds, Share, WholeNumber } from '../quantities.ts'

const Tiles = z
  .string()
  .regex(/^\d{1,9}x\d{1,9}$/i, 'must be columns x rows, such as 2x2')
  .transform((text) => pairOf(text))
  .transform(([columns, rows]) => ({ columns, rows }))

const Resolution = z
  .string()
  .regex(
    /^(\d{1,9}x\d{1,9}|\d{1,9}%)$/i,
    "must be width x height in pixels, such as 1920x1080, or percent of the scene's own size, such as 50%",
  )
  .transform((text) => {
    if (text.endsWith('%')) return { percentage: Number(text.slice(0, -1)) }
    const [width, height] = pairOf(text)
    return { width, height }
  })

const Devices = z
  .string()
  .transform((text) => text.split(',').map((kind) => kind.trim().toUpperCase()))
  .pipe(z.array(DeviceKind))

/** The options of `tilework submit` that describe the job, as typed. */
export const JobOptions = z.object({
  scene: z.string().optional(),
  name: z.string().optional(),
  frames: z.string().optional(),
  tiles: Tiles.optional(),
  sampleRanges: WholeNumber.optional(),
  chunk: WholeNumber.optional(),
  samples: WholeNumber.optional(),
  resolution: Resolution.optional(),
  format: ImageFormat.optional(),
  colorDepth: z.enum(['8', '16', '32']).optional(),
  quality: WholeNumber.optional(),
  video: VideoChoice.optional(),
  audit: Share.optional(),
  priority: WholeNumber.optional(),
  cap: WholeNumber.optional(),
  requireDevice: Devices.optional(),
  minGpuMemory: ByteSize.optional(),
  minMemory: ByteSize.optional(),
  blenderMin: z.string().optional(),
  blenderMax: z.string().optional(),
  tag: z.array(z.string()).optional(),
  allowMissing: z.boolean().optional(),
  minSeconds: Seconds.optional(),
})
export type JobOptions = z.output<typeof JobOptions>

/** Where each part of a request was typed, for telling what is wrong with it. */
const OPTION_OF: readonly (readonly [string, string])[] = [
  ['settings.scene', '--scene'],
  ['settings.samples', '--samples'],
  ['settings.resolution', '--resolution'],
  ['settings.format.colorDepth', '--color-depth'],
  ['settings.format.quality', '--quality'],
  ['settings.format', '--format'],
  ['requirement.deviceKinds', '--require-device'],
  ['requirement.gpuMemoryBytesMin', '--min-gpu-memory'],
  ['requirement.memoryBytesMin', '--min-memory'],
  ['requirement.blenderVersionMin', '--blender-min'],
  ['requirement.blenderVersionMax', '--blender-max'],
  ['requirement.tags', '--tag'],
  ['frames', '--frames'],
  ['tiles', '--tiles'],
  ['sampleRanges', '--sample-ranges'],
  ['chunk', '--chunk'],
  ['name', '--name'],
  ['video', '--video'],
  ['priority', '--priority'],
  ['cap', '--cap'],
  ['auditRate', '--audit'],
  ['secondsPerTaskMin', '--min-seconds'],
]

/** The options in their typed form. Throws a usage failure that names each option that is wrong. */
export function parseJobOptions(options: unknown): JobOptions {
  return parseOptions(JobOptions, options)
}

const Wishes = JobRequest.omit({ scene: true })

/** The request but for the scene. Throws a usage failure that names each option that is out of its range. */
export function jobWishes(options: JobOptions): Omit<JobRequest, 'scene'> {
  if (options.format === undefined && (options.colorDepth !== undefined || options.quality !== undefined)) {
    throw usageFailure(
      `${options.colorDepth === undefined ? '--quality' : '--color-depth'}: ` +
        'needs --format, since not every format has it',
    )
  }
  const parsed = Wishes.safeParse(
    withoutGaps({
      name: options.name,
      frames: options.frames,
      tiles: options.tiles,
      sampleRanges: options.sampleRanges,
      chunk: options.chunk,
      video: options.video,
      priority: options.priority,
      cap: options.cap,
      auditRate: options.audit,
      allowMissingFiles: options.allowMissing,
      secondsPerTaskMin: options.minSeconds,
      settings: withoutGaps({
        scene: options.scene,
        samples: options.samples,
        resolution: options.resolution,
        format:
          options.format === undefined
            ? undefined
            : withoutGaps({ file: options.format, colorDepth: options.colorDepth, quality: options.quality }),
      }),
      requirement: withoutGaps({
        deviceKinds: options.requireDevice,
        gpuMemoryBytesMin: options.minGpuMemory,
        memoryBytesMin: options.minMemory,
        blenderVersionMin: options.blenderMin,
        blenderVersionMax: options.blenderMax,
        tags: options.tag,
      }),
    }) ?? {},
  )
  if (parsed.success) return parsed.data
  throw usageFailure(parsed.error.issues.map(({ path, message }) => `${optionAt(path)}: ${message}`).join('; '))
}

function optionAt(path: readonly PropertyKey[]): string {
  const dotted = path.join('.')
  return OPTION_OF.find(([start]) => dotted === start || dotted.startsWith(`${start}.`))?.[1] ?? dotted
}

function pairOf(text: string): [number, number] {
  const [first, second] = text.toLowerCase().split('x')
  return [Number(first), Number(second)]
}

/** The entries that are set; undefined when none is. */
function withoutGaps(entries: Readonly<Record<string, unknown>>): Record<string, unknown> | undefined {
  const set = Object.entries(entries).filter(([, value]) => value !== undefined)
  return set.length === 0 ? undefined : Object.fromEntries(set)
}
