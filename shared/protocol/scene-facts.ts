// What a .blend says about itself, as read from its bytes when it is handed in, without Blender.
// It is quick knowledge for refusing early and for filling in what a request leaves out; the
// inspection inside Blender has the last word on anything that add-ons or drivers may change.

import { z } from 'zod'

/** Most scenes in one file; Blender has no limit, files with more than a few dozen are not seen. */
export const SCENES_MAX = 1_000
/** Most external files one .blend may name; large productions stay well under it. */
export const EXTERNAL_FILES_MAX = 20_000
/** Longest data-block name in characters: Blender 5 stores 258 bytes with the two-letter prefix. */
export const DATABLOCK_NAME_LENGTH_MAX = 256
/** Longest stored path in characters: Blender keeps 1,024 bytes, a strip a folder and a name. */
const STORED_PATH_LENGTH_MAX = 2_048

const int32 = z.int32()
const datablockName = z.string().max(DATABLOCK_NAME_LENGTH_MAX)
const storedPath = z.string().max(STORED_PATH_LENGTH_MAX)
const borderEdge = z.number().min(-1e6).max(1e6)

/** The Blender that wrote the file: 3.4 is {major: 3, minor: 4}, 2.93 is {major: 2, minor: 93}. */
export const BlenderFileVersion = z.strictObject({
  major: z.int().min(0).max(99),
  minor: z.int().min(0).max(99),
  /** Counts file changes within a version; null if the file has no global block. */
  subversion: int32.nullable(),
  /** For people: "3.4 (file subversion 6)". */
  text: z.string().max(64),
})
export type BlenderFileVersion = z.infer<typeof BlenderFileVersion>

/** How rendered images are written. Formats carry Blender's own names, `UNKNOWN_<n>` for new ones. */
export const SceneOutput = z.strictObject({
  /** PNG, JPEG, OPEN_EXR, OPEN_EXR_MULTILAYER, TIFF, WEBP, FFMPEG, ... */
  fileFormat: z.string().min(1).max(32),
  /** Bits per channel; null if the stored value is not one that Blender knows. */
  colorDepth: z
    .union([z.literal(1), z.literal(8), z.literal(10), z.literal(12), z.literal(16), z.literal(24), z.literal(32)])
    .nullable(),
  colorMode: z.enum(['BW', 'RGB', 'RGBA']).nullable(),
  /** Output path as stored; `//` means the folder of the .blend. */
  path: storedPath,
  /** Of JPEG 2000: a file with a header of its own, or the bare codestream. */
  jpeg2000Codec: z.enum(['JP2', 'J2K']).optional(),
  /** JPEG and WebP quality, percent. */
  quality: z.int().min(0).max(255),
})
export type SceneOutput = z.infer<typeof SceneOutput>

/** The render region; edges are fractions of the frame, Y counted from the bottom. */
export const SceneBorder = z.strictObject({
  used: z.boolean(),
  /** True if the written image has only the region's size. */
  crop: z.boolean(),
  xMin: borderEdge,
  xMax: borderEdge,
  yMin: borderEdge,
  yMax: borderEdge,
})
export type SceneBorder = z.infer<typeof SceneBorder>

/** Cycles settings that the file stores; an absent one has the default of the Blender that renders. */
export const SceneCycles = z.strictObject({
  samples: int32.optional(),
  useAdaptiveSampling: z.boolean().optional(),
  adaptiveThreshold: z.number().optional(),
  useDenoising: z.boolean().optional(),
  seed: int32.optional(),
  useAnimatedSeed: z.boolean().optional(),
})
export type SceneCycles = z.infer<typeof SceneCycles>

/** One scene of the file. */
export const SceneSettings = z.strictObject({
  name: datablockName,
  frameStart: int32,
  frameEnd: int32,
  frameStep: int32,
  /** Frames per second: rate divided by its base (30 / 1.001 for NTSC). */
  fps: z.number().positive().max(1e6),
  /** Full size in pixels, before the percentage. */
  resolutionX: z.int().min(0),
  resolutionY: z.int().min(0),
  /** 100 is full size. */
  resolutionPercentage: z.int().min(0).max(32_767),
  /** As stored: CYCLES, BLENDER_EEVEE, BLENDER_EEVEE_NEXT, BLENDER_WORKBENCH, or an add-on's. */
  engine: z.string().max(64),
  output: SceneOutput,
  /** As stored, whether a Blender knows them or not. */
  color: z.strictObject({ display: z.string().max(64), view: z.string().max(64), look: z.string().max(64) }).optional(),
  /** True if the scene has a camera, or a timeline marker that binds one. */
  hasCamera: z.boolean(),
  /** The render setting "Compositing". */
  useCompositing: z.boolean(),
  /** True if there is a compositor node tree that a render would run. */
  hasNodeTree: z.boolean(),
  /** The render setting "Sequencer". */
  useSequencer: z.boolean(),
  /** Strips that show something; those of sound alone do not count. */
  hasSequencerStrips: z.boolean(),
  border: SceneBorder,
  cycles: SceneCycles,
  /** Render samples of EEVEE; null if the file has no such setting. */
  eeveeSamples: int32.nullable(),
})
export type SceneSettings = z.infer<typeof SceneSettings>

/** A file outside the .blend that the .blend names. */
export const ExternalFile = z.strictObject({
  kind: z.enum(['library', 'image', 'sound', 'movieclip', 'movie', 'font', 'cache', 'volume']),
  /** As stored; `//` means the folder of the .blend. */
  path: storedPath,
  /** One file; a numbered sequence of which `path` is one; or tiles with `<UDIM>` or `<UVTILE>`. */
  span: z.enum(['file', 'sequence', 'tiles']),
  /** True if a copy is inside the .blend, so that the file is not needed. */
  packed: z.boolean(),
  /** The data-block or sequencer strip that names it. */
  datablock: datablockName,
})
export type ExternalFile = z.infer<typeof ExternalFile>

/** All that is read from a .blend when it is handed in. */
export const SceneFacts = z.strictObject({
  version: BlenderFileVersion,
  compression: z.enum(['none', 'gzip', 'zstd']),
  /** In file order; at least one. */
  scenes: z.array(SceneSettings).min(1).max(SCENES_MAX),
  /** The scene that was open when the file was saved, and that `blender -b` renders. */
  activeScene: datablockName,
  externalFiles: z.array(ExternalFile).max(EXTERNAL_FILES_MAX),
})
export type SceneFacts = z.infer<typeof SceneFacts>
