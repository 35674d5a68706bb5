import { z } from 'zod'
import { SceneMovie } from '../../shared/protocol/movie.ts'

const Text = z.string().max(2_048)
const Name = z.string().max(512)
const Pixels = z.int().min(0).max(1_000_000)

/** What `inspect` answers about the scene that would be rendered with the given settings. */
export const Inspection = z.object({
  loadSeconds: z.number().min(0),
  blenderVersion: Name,
  /** The Blender that saved the file. */
  fileVersion: Name,
  scene: Name,
  engine: Name,
  frames: z.object({ start: z.int(), end: z.int(), step: z.int(), current: z.int(), fps: z.number().positive() }),
  image: z.object({
    /** Pixels of the whole image, the percentage counted in. */
    width: Pixels,
    height: Pixels,
    percentage: z.int(),
    pixelAspect: z.number().positive(),
    /** What is rendered of it, from its top left corner: tiles lie inside, and a stitched file has this size. */
    region: z.object({ x: Pixels, y: Pixels, width: Pixels, height: Pixels }),
    usesBorder: z.boolean(),
    /** True if the final file has the region's size; else the region lies in a whole image, black around. */
    cropsToBorder: z.boolean(),
  }),
  output: z.object({ fileFormat: Name, colorMode: Name, colorDepth: Name, quality: z.int(), path: Text }),
  /** What the scene says of the movie that it writes; null where it writes images. */
  movie: SceneMovie.nullable(),
  scenes: z
    .array(
      z.object({
        name: Name,
        engine: Name,
        hasCamera: z.boolean(),
        viewLayers: z.array(z.object({ name: Name, use: z.boolean(), passes: z.array(Name).max(2_000) })).max(2_000),
      }),
    )
    .max(2_000),
  hasCamera: z.boolean(),
  cameras: z.array(Name).max(100_000),
  viewLayers: z.array(Name).max(2_000),
  sampling: z.object({
    samples: z.int().nullable(),
    adaptive: z.boolean(),
    denoising: z.boolean(),
    seed: z.int().optional(),
    animatedSeed: z.boolean().optional(),
    /** Above 0 the speed of the machine decides the pixels. */
    timeLimitSeconds: z.number().min(0).optional(),
  }),
  compositor: z.object({
    used: z.boolean(),
    asksForGpu: z.boolean(),
    layers: z.array(z.object({ scene: Name, viewLayer: Name })).max(10_000),
    fileOutputs: z.array(Name).max(10_000),
    extraFiles: z.int().min(0).max(1_000_000),
    /** Paths with a template that this Blender does not know, to which it would not write; of the render: no node. */
    unknownTemplates: z.array(z.object({ node: Name, path: Name })).max(10_000),
  }),
  usesSequencer: z.boolean(),
  /** Whether Cycles or the compositor denoises, and whether this Blender can. */
  denoiser: z.enum(['unneeded', 'here', 'missing']),
  stereo: z.boolean(),
  motionBlur: z.boolean(),
  /** Date, render time and the like are burned into the image: no two renders are equal. */
  burnsStamp: z.boolean(),
  /** Files that are not here, each once, those that change the picture first; `frames`: of the scene, null for all. */
  missingFiles: z
    .array(
      z.object({
        kind: Name,
        path: Text,
        effect: z.enum(['picture', 'sound', 'nothing']),
        usedBy: Text,
        users: z.int().min(1),
        frames: z.string().nullable(),
        count: z.int().min(1),
        tiles: z.string(),
      }),
    )
    .max(20_000),
  /** The frames whose files were looked at; null where all frames need the same. */
  framesLooked: z.string().nullable(),
  /** What uses images of a color space that this Blender does not know. */
  unknownColorSpaces: z.array(Text).max(20_000),
  /** Unbaked simulations: frames depend on the ones before them. Empty when every frame stands alone. */
  history: z.array(z.object({ object: Name, kind: Name })).max(1_000),
  /** Simulations that no render shows because they are not baked. */
  leftOut: z
    .array(z.object({ object: Name, kind: Name }))
    .max(1_000)
    .default([]),
  /** Scripts and Python drivers in the file, which do not run on a farm. */
  blockedScripts: z.array(z.string().max(300)).max(1_000),
  tiling: z.object({ exact: z.boolean(), overscanPx: z.int().min(0).max(64), reasons: z.array(Text).max(100) }),
  /** Whether samples may be rendered in ranges: the scene's own number, the most that can be split, and why not. */
  sampleRanges: z.object({
    samples: z.int().nullable(),
    samplesMax: z.int().nullable(),
    reasons: z.array(Text).max(10_000),
  }),
})
export type Inspection = z.infer<typeof Inspection>
