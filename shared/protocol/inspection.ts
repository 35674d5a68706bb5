import { z } from 'zod'
import { WorkerId } from './ids.ts'
import { LIMITS } from './limits.ts'
import { SceneMovie } from './movie.ts'
import { PixelRectangle } from './render-settings.ts'
import { DATABLOCK_NAME_LENGTH_MAX } from './scene-facts.ts'
import { BlenderVersion } from './worker.ts'

/**
 * Most entries and characters of each list of an inspection. A worker cuts at them and tells in `cut` that it did; all
 * of them full still fit into one message of `workerMessageBytesMax`.
 */
export const INSPECTION_LIMITS = {
  reasons: 40,
  reasonLength: 500,
  simulations: 50,
  kindLength: 60,
  files: 50,
  fileLength: 500,
  useLength: 120,
  framesLength: 100,
  colors: 10,
  scripts: 30,
  scriptLength: 300,
  nodes: 50,
  names: 200,
  templates: 8,
} as const

const Datablock = z.string().max(DATABLOCK_NAME_LENGTH_MAX)

/**
 * What Blender itself says of one scene of a file, told before anything is rendered. From a worker, so never more than
 * a reason to be stricter.
 */
export const Inspection = z
  .strictObject({
    scene: Datablock,
    /** The Blender that looked. */
    blenderVersion: BlenderVersion,
    engine: z.string().max(64),
    image: z.strictObject({
      /** Pixels of the whole image as the scene sets it. */
      width: z.int().min(1).max(LIMITS.resolutionMax),
      height: z.int().min(1).max(LIMITS.resolutionMax),
      /** What is rendered of it: all of it, or the artist's render region. */
      region: PixelRectangle,
      /** The written image has the region's size. */
      cropsToBorder: z.boolean(),
    }),
    /** What the scene says of the movie that it writes; absent where it writes images. */
    movie: SceneMovie.optional(),
    hasCamera: z.boolean(),
    /** Cameras of the scene, and its view layers; workers of older versions do not tell. */
    cameras: z.array(Datablock).max(INSPECTION_LIMITS.names).optional(),
    viewLayers: z.array(Datablock).max(INSPECTION_LIMITS.names).optional(),
    tiling: z.strictObject({
      exact: z.boolean(),
      overscanPx: z.int().min(0).max(64),
      /** Why not, as parts of a sentence. */
      reasons: z.array(z.string().max(INSPECTION_LIMITS.reasonLength)).max(INSPECTION_LIMITS.reasons),
    }),
    /** Whether the samples of a frame may be rendered in ranges; workers of older versions do not tell. */
    sampleRanges: z
      .strictObject({
        /** The scene's own number; null when no one number holds for every frame and view layer. */
        samples: z.int().min(1).max(LIMITS.samplesMax).nullable(),
        /** More than these cannot be split by that Blender; absent when there is no such bound. */
        samplesMax: z.int().min(0).max(LIMITS.samplesMax).optional(),
        /** Why not, as parts of a sentence. */
        reasons: z.array(z.string().max(INSPECTION_LIMITS.reasonLength)).max(INSPECTION_LIMITS.reasons),
      })
      .optional(),
    /** Simulations that are not baked: a frame depends on those before it. Empty when each frame stands alone. */
    history: z
      .array(z.strictObject({ object: Datablock, kind: z.string().max(INSPECTION_LIMITS.kindLength) }))
      .max(INSPECTION_LIMITS.simulations),
    /** Simulations that no render shows, because Blender shows them only once they are baked. */
    leftOut: z
      .array(z.strictObject({ object: Datablock, kind: z.string().max(INSPECTION_LIMITS.kindLength) }))
      .max(INSPECTION_LIMITS.simulations)
      .optional(),
    /** Files outside of the .blend that are not here, each once; those that change the picture first. */
    missingFiles: z
      .array(
        z.strictObject({
          kind: z.string().max(INSPECTION_LIMITS.kindLength),
          path: z.string().max(INSPECTION_LIMITS.fileLength),
          /** What it changes; `picture` where it is not told. */
          effect: z.enum(['picture', 'sound', 'nothing']).optional(),
          /** What names it, and what uses that: `material "Floor" of object "Ground"`. */
          usedBy: z.string().max(INSPECTION_LIMITS.useLength).optional(),
          /** How many uses it has. */
          users: z.int().min(1).optional(),
          /** Files of a sequence or set from this one on. */
          count: z.int().min(1).optional(),
          /** UDIM tiles. */
          tiles: z.string().max(INSPECTION_LIMITS.framesLength).optional(),
          /** The frames that show it, as `1-3, 7`; all where it is not told. */
          frames: z.string().max(INSPECTION_LIMITS.framesLength).optional(),
        }),
      )
      .max(INSPECTION_LIMITS.files),
    /** How many of them change the picture, those that were cut off included. */
    missingForPicture: z.int().min(0).optional(),
    /** The frames whose files were looked at; absent where all frames need the same. */
    framesLooked: z.string().max(LIMITS.messageLengthMax).optional(),
    /** Of the scenes and images, what this Blender does not know and replaces by its own default. */
    unknownColors: z
      .array(
        z.strictObject({
          what: z.enum(['view', 'look', 'display', 'color space']),
          name: z.string().max(INSPECTION_LIMITS.useLength).optional(),
          usedBy: z.string().max(INSPECTION_LIMITS.useLength).optional(),
        }),
      )
      .max(INSPECTION_LIMITS.colors)
      .optional(),
    /** File Output nodes of the compositor. */
    fileOutputs: z.array(Datablock).max(INSPECTION_LIMITS.nodes),
    /** Files that these write beside each frame; workers of older versions do not tell. */
    extraFiles: z.int().min(0).max(1_000_000).optional(),
    /**
     * Paths with a template that Blender does not know, to which it would not write; without a node that of the render
     * itself. Workers of older versions do not tell.
     */
    unknownTemplates: z
      .array(z.strictObject({ node: Datablock, path: z.string().max(INSPECTION_LIMITS.fileLength) }))
      .max(INSPECTION_LIMITS.templates)
      .optional(),
    /** Scripts and Python drivers, which do not run on a farm. */
    blockedScripts: z.array(z.string().max(INSPECTION_LIMITS.scriptLength)).max(INSPECTION_LIMITS.scripts),
    denoising: z.boolean(),
    /** Whether Cycles or the compositor denoises, and if so whether the Blender that looked can (OpenImageDenoise). */
    denoiser: z.enum(['unneeded', 'here', 'missing']).optional(),
    stereo: z.boolean(),
    motionBlur: z.boolean(),
    /** The render time and the like are burned into the image: no two renders are equal. */
    burnsStamp: z.boolean(),
    /** The compositor is set to run on a GPU, which farms do not do; workers of older versions do not tell. */
    gpuCompositor: z.boolean().optional(),
    /** Above 0 the speed of the machine decides the pixels. */
    timeLimitSeconds: z.number().min(0).max(1e9),
    /** Some list was longer than it may be. */
    cut: z.boolean(),
  })
  .meta({ id: 'Inspection' })
export type Inspection = z.infer<typeof Inspection>

/** An inspection as it is kept with its scene. */
export const SceneInspection = z
  .strictObject({ ...Inspection.shape, inspectedBy: WorkerId, inspectedAt: z.int() })
  .meta({ id: 'SceneInspection' })
export type SceneInspection = z.infer<typeof SceneInspection>
