import { z } from 'zod'
import { ERROR_CODES } from './errors.ts'
import { Sha256, WorkerId } from './ids.ts'
import { JobPlan } from './job.ts'
import { LIMITS } from './limits.ts'
import { PixelRectangle } from './render-settings.ts'
import { SceneRecord } from './scene.ts'

const Sentence = z.string().max(LIMITS.messageLengthMax)

/** `POST /v1/plans`: what a job of this request would be. Nothing is written down, nothing is rendered. */
export const PlanView = z
  .strictObject({
    scene: z.strictObject({ sha256: Sha256, name: z.string().max(LIMITS.nameLengthMax) }),
    plan: JobPlan,
    /** Why `POST /v1/jobs` would refuse this request; the rest is then the plan of what could be rendered instead. */
    refusal: z.strictObject({ code: z.enum(ERROR_CODES), detail: Sentence }).optional(),
    tasks: z.strictObject({
      /** 1 when a worker must look at the scene first. */
      inspect: z.int().min(0).max(1),
      render: z.int().min(1),
      /** Compositor and file format on stitched frames. */
      finish: z.int().min(0),
      /** Expected; the lottery decides. */
      audits: z.int().min(0),
      /** How the frames become tasks. */
      rule: Sentence,
    }),
    /**
     * Tiles of each frame, row by row from the top left, in pixels of the whole image: what each stands for, and what
     * is rendered for it.
     */
    tiles: z
      .array(z.strictObject({ placement: PixelRectangle, window: PixelRectangle }))
      .max(LIMITS.tilesPerSideMax ** 2),
    /** Whether the files will be, bit for bit, what one machine with the same Blender writes. */
    exactness: z.strictObject({
      exact: z.boolean(),
      why: z.array(Sentence).max(60),
      /** Whether cutting frames into tiles would keep that. */
      tiles: z.strictObject({ exact: z.boolean(), overscanPx: z.int().min(0), reasons: z.array(Sentence).max(60) }),
      /** Whether samples could be split into ranges, which is never exact. `reasons`: why not. */
      samples: z.strictObject({ splittable: z.boolean(), reasons: z.array(Sentence).max(120) }),
    }),
    /** Whose word it is besides the file's own; null when no worker has looked at the scene. */
    inspected: z.strictObject({ by: WorkerId, at: z.int(), blenderVersion: z.string().max(40) }).nullable(),
    missingFiles: SceneRecord.shape.missingFiles,
    /** From the pace of earlier jobs of this scene; null when there is none. */
    estimate: z
      .strictObject({
        /** Of one worker doing all of it, audits included. */
        workerSeconds: z.number().min(0),
        /** With the workers that are connected now and may have it; null when there is none. */
        seconds: z.number().min(0).nullable(),
        fromTasks: z.int().min(1),
        fromJobs: z.int().min(1),
      })
      .nullable(),
  })
  .meta({ id: 'Plan' })
export type PlanView = z.infer<typeof PlanView>
