import { z } from 'zod'
import { MoviePlan, SoundPlan } from './movie.ts'
import { FileName } from './final-path.ts'
import { JobId, Sha256 } from './ids.ts'
import {
  ChangeOptions,
  JobOptions,
  Name,
  PlanOptions,
  Priority,
  RecordOptions,
  TilesPerSide,
  VideoChoice,
} from './job-options.ts'
import { LIMITS } from './limits.ts'
import { ImageFormat, PixelRectangle, RenderSettings } from './render-settings.ts'
import { SceneAliases, SceneReference } from './scene.ts'
import { BlenderVersion, Requirement } from './worker.ts'

/** `POST /v1/jobs`. What is left out comes from the scene. */
export const JobRequest = z
  .strictObject({ scene: Sha256.describe('SHA-256 of an uploaded scene'), ...JobOptions.shape })
  .meta({ id: 'JobRequest' })
export type JobRequest = z.infer<typeof JobRequest>

/** `PATCH /v1/jobs/:id`: what is left out stays as it is. */
export const JobChange = z
  .strictObject(ChangeOptions.shape)
  .refine((change) => Object.keys(change).length > 0, 'nothing is to be changed; name what shall be')
  .meta({ id: 'JobChange' })
export type JobChange = z.infer<typeof JobChange>

/** `POST /v1/jobs/:id/pause`. */
export const PauseRequest = z
  .strictObject({
    /** Take back at once what workers render; otherwise they finish it, and it counts. */
    now: z.boolean().optional(),
  })
  .meta({ id: 'PauseRequest' })
export type PauseRequest = z.infer<typeof PauseRequest>

/**
 * inspecting: a worker looks at the scene, which nobody has before. planning: its tasks are being written down. active:
 * tasks may run. encoding: all frames are delivered, video and manifest are made. Then one of three ends. deleting:
 * every key and byte of it is being removed.
 */
export const JOB_STATES = [
  'inspecting',
  'planning',
  'active',
  'encoding',
  'completed',
  'failed',
  'canceled',
  'deleting',
] as const
export const JobState = z.enum(JOB_STATES)
export type JobState = z.infer<typeof JobState>

/** All that was decided at submission, so that nothing later depends on a default that may change. */
export const JobPlan = z.strictObject({
  sceneName: Name,
  /** Path of the main .blend inside a project archive; absent for a plain .blend. */
  mainBlend: z.string().max(LIMITS.pathLengthMax).optional(),
  /** What its artist called a plain .blend: templates in paths name files after it. */
  blendName: FileName.optional(),
  /** Names under which the scene asks for files that are spelled otherwise in its project. */
  aliases: SceneAliases.optional(),
  engine: Name,
  /**
   * Which Blender renders it. `savedBy`: the one that saved the scene, `4.5`; `version`: the one that was chosen,
   * absent while none that may render it is connected; `why`: a sentence, which also says what is waited for.
   */
  blender: z
    .strictObject({
      savedBy: BlenderVersion,
      version: BlenderVersion.optional(),
      why: z.string().max(LIMITS.messageLengthMax),
    })
    .optional(),
  /** Normalised frame list: ascending, without repeats. */
  frames: z.string().max(LIMITS.messageLengthMax * 4),
  frameCount: z.int().min(1).max(LIMITS.framesPerJobMax),
  /**
   * After a change of the frames: the first list, and what came to it each time. All of them in turn give each frame
   * its position, by which its tasks are named, so that this never changes; frames that were taken out stay in it.
   */
  asked: z
    .array(z.string().max(LIMITS.messageLengthMax * 4))
    .max(LIMITS.revisionsPerJobMax + 1)
    .optional(),
  width: z.int().min(1).max(LIMITS.resolutionMax),
  height: z.int().min(1).max(LIMITS.resolutionMax),
  /**
   * The artist's render region in pixels of the whole image; absent when all of it is rendered. Tiles and the stitched
   * image lie in it.
   */
  region: PixelRectangle.optional(),
  /** The scene renders several views: files of two views in one image are twice as wide or as high. */
  stereo: z.boolean().optional(),
  /**
   * Present when frames are put together here and finished by a worker: one tile where their samples alone are split.
   */
  tiles: z.strictObject({ columns: TilesPerSide, rows: TilesPerSide, overscanPx: z.int().min(0).max(256) }).optional(),
  /** Every tile is rendered in ranges of its samples, which are merged by weight; absent when samples are not split. */
  samples: z
    .strictObject({ total: z.int().min(1).max(LIMITS.samplesMax), ranges: z.int().min(2).max(LIMITS.sampleRangesMax) })
    .optional(),
  chunk: z.int().min(1).max(LIMITS.framesPerChunkMax),
  /** Frames depend on the ones before them: one worker renders all of them, in order. */
  ordered: z.literal(true).optional(),
  renderTaskCount: z.int().min(1).max(LIMITS.tasksPerJobMax),
  settings: RenderSettings,
  format: ImageFormat,
  /** What the scene itself writes, in Blender's word, where the job asks for another format. */
  insteadOf: z.string().max(32).optional(),
  video: VideoChoice,
  /** The movie of the video `scene`, once Blender has looked at the scene. */
  movie: MoviePlan.optional(),
  /** The sound of the video; absent when it has none. */
  sound: SoundPlan.optional(),
  fps: z.number().min(0.01).max(1_000),
  auditRate: z.number().min(0).max(1),
  ...PlanOptions.shape,
  /** Things the artist should know: why tiles have overscan, what was ignored. */
  notes: z.array(z.string().max(LIMITS.messageLengthMax)).max(LIMITS.notesPerPlanMax),
})
export type JobPlan = z.infer<typeof JobPlan>

/** Whether frames of the plan are stitched from several results, and then finished by a worker (compositor, format). */
export function needsFinish({ tiles }: Pick<JobPlan, 'tiles'>): boolean {
  return tiles !== undefined
}

/** The stored truth about a job. */
export const JobRecord = z
  .strictObject({
    id: JobId,
    name: Name,
    owner: Name,
    state: JobState,
    scene: SceneReference,
    plan: JobPlan,
    priority: Priority,
    ...RecordOptions.shape,
    requirement: Requirement,
    createdAt: z.int(),
    startedAt: z.int().optional(),
    endedAt: z.int().optional(),
    /** Epochs up to this one may have been given out before the job was recovered from the journal. */
    epochsBefore: z.int().min(0).optional(),
    /**
     * Somebody paused it then: nothing more of it is handed out. A mark beside the state and no state of its own,
     * because all else goes on: what workers hold is accepted, compared, stitched and delivered, and a job may be
     * paused in any state in which it has tasks.
     */
    pausedAt: z.int().optional(),
    /** How often its tasks were gone over again, because it was retried or its frames were changed. */
    revision: z.int().min(1).max(LIMITS.revisionsPerJobMax).optional(),
    /**
     * How many tasks are written down already; after a retry, how many of them were gone over. Less than all only for a
     * while.
     */
    tasksPlanned: z.int().min(0),
    /** Why it failed: a code of the catalogue, a sentence, and Blender's last words where there are any. */
    failure: z
      .strictObject({
        code: z.string().max(60),
        message: z.string().max(LIMITS.messageLengthMax),
        lastWords: z
          .string()
          .max(LIMITS.messageLengthMax * 2)
          .optional(),
      })
      .optional(),
    /** Video, previews of the whole job, the manifest. */
    files: z
      .array(
        z.strictObject({
          path: z.string().max(LIMITS.pathLengthMax),
          bytes: z.int().min(0),
          sha256: Sha256,
          contentType: z.string().max(100),
        }),
      )
      .max(64),
  })
  .meta({ id: 'JobRecord' })
export type JobRecord = z.infer<typeof JobRecord>

/** Numbers of tasks and frames by state; always recomputable from the records. */
export const JobCounts = z
  .strictObject({
    /** Absent when the scene had been inspected before. */
    inspect: z.record(z.string(), z.int()).optional(),
    render: z.record(z.string(), z.int()),
    finish: z.record(z.string(), z.int()),
    audit: z.record(z.string(), z.int()),
    frames: z.record(z.string(), z.int()),
    verdicts: z.record(z.string(), z.int()),
  })
  .meta({ id: 'JobCounts' })
export type JobCounts = z.infer<typeof JobCounts>

/** `GET /v1/jobs/:id`. */
export const JobView = z
  .strictObject({
    ...JobRecord.shape,
    counts: JobCounts,
    /** Share of the whole work that is done, 0 to 1. */
    progress: z.number().min(0).max(1),
    /** Estimate from the pace so far; null before the first task is done. */
    secondsLeft: z.number().min(0).nullable(),
    /** Why nothing runs although something could: one sentence for each reason. */
    waiting: z.array(z.string().max(LIMITS.messageLengthMax)).max(20),
    /** Tasks over which workers disagree and that no third worker has settled yet. */
    disputes: z.array(z.string().max(LIMITS.messageLengthMax)).max(100),
  })
  .meta({ id: 'Job' })
export type JobView = z.infer<typeof JobView>
