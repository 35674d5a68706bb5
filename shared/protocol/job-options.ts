/*
 * The options of a job: what a request may ask for, and where it is kept. The words of each are those of the OpenAPI
 * description and of the command's help.
 */
import { z } from 'zod'
import { LIMITS } from './limits.ts'
import { RenderSettings } from './render-settings.ts'
import { Requirement } from './worker.ts'

/** scene: the movie that the scene itself would write. */
export const VideoChoice = z.enum(['mp4', 'webm', 'scene', 'none'])
export type VideoChoice = z.infer<typeof VideoChoice>

export const Name = z.string().min(1).max(LIMITS.nameLengthMax)
export const Priority = z.int().min(0).max(100)
export const TilesPerSide = z.int().min(1).max(LIMITS.tilesPerSideMax)
const Frames = z.string().min(1).max(LIMITS.messageLengthMax)

/** What the record of a job keeps as it was asked for. A change may replace it, or take it away with null. */
export const RecordOptions = z.object({
  cap: z
    .int()
    .min(1)
    .max(LIMITS.capMax)
    .optional()
    .describe('Tasks of the job with workers at a time, audits and finishes included; as many as can be by default'),
})

/** What the plan of a job keeps as it was asked for. It stays so, whatever a default becomes later. */
export const PlanOptions = z.object({
  allowMissingFiles: z
    .boolean()
    .optional()
    .describe('Render even if linked files are missing (Blender shows them in pink)'),
  // A broken driver or a texture that is not there may show as frames that take no time.
  secondsPerTaskMin: z
    .number()
    .min(0)
    .max(LIMITS.secondsPerTaskMax)
    .optional()
    .describe('Seconds from the lease of a task to its result; one that comes sooner counts as failed'),
  audio: z.enum(['scene', 'none']).optional().describe('Sound of the video: scene, as Blender mixes it, or none'),
})

/** What a request may ask for. What is left out comes from the scene. */
export const JobOptions = z.object({
  frames: Frames.optional().describe('Frames to render, such as 1-24 or "1-10, 15, 20-40:2"'),
  tiles: z
    .strictObject({ columns: TilesPerSide, rows: TilesPerSide })
    .optional()
    .describe('Cut each frame into columns and rows, a task each'),
  sampleRanges: z
    .int()
    .min(1)
    .max(LIMITS.sampleRangesMax)
    .optional()
    .describe('Split the samples of each frame, or tile, into this many tasks: for one large still; not bit-identical'),
  chunk: z.int().min(1).max(LIMITS.framesPerChunkMax).optional().describe('Frames in one task; whole frames only'),
  settings: RenderSettings.optional(),
  video: VideoChoice.optional().describe(
    'Video that is made of the frames: mp4, webm, none, or scene, as the scene writes it',
  ),
  name: Name.optional().describe('What to call the job'),
  priority: Priority.optional().describe('Higher goes first; jobs of equal priority share the farm'),
  ...RecordOptions.shape,
  auditRate: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe('Share of tasks that another worker renders again to check them; above 0, at least one is'),
  requirement: Requirement.optional(),
  ...PlanOptions.shape,
})

/** What may change while a job is not over. What is left out stays as it is. */
export const ChangeOptions = z.object({
  frames: Frames.optional().describe('All frames to render from now on, such as 1-48'),
  name: JobOptions.shape.name,
  priority: JobOptions.shape.priority,
  ...replaceable(RecordOptions.shape),
})

/** Each option, or null, which takes it away. */
function replaceable<T extends Readonly<Record<string, z.ZodType>>>(shape: T) {
  return Object.fromEntries(
    Object.entries(shape).map(([name, option]) => [name, option.nullable().describe(option.description ?? name)]),
  ) as { [K in keyof T]: z.ZodNullable<T[K]> }
}
