import { z } from 'zod'
import { LIMITS } from './limits.ts'

/** Still image formats a job can deliver: all that Blender writes. `jp2` and `j2k`: JPEG 2000 in either container. */
export const IMAGE_FORMATS = [
  'png',
  'jpeg',
  'exr',
  'exr-multilayer',
  'tiff',
  'webp',
  'targa',
  'targa-raw',
  'bmp',
  'iris',
  'hdr',
  'dpx',
  'cineon',
  'jp2',
  'j2k',
  'avif',
] as const
export const ImageFormat = z.enum(IMAGE_FORMATS)
export type ImageFormat = z.infer<typeof ImageFormat>

/** As Blender names files of these formats. */
export const IMAGE_EXTENSIONS: Record<ImageFormat, string> = {
  png: 'png',
  jpeg: 'jpg',
  exr: 'exr',
  'exr-multilayer': 'exr',
  tiff: 'tif',
  webp: 'webp',
  targa: 'tga',
  'targa-raw': 'tga',
  bmp: 'bmp',
  iris: 'rgb',
  hdr: 'hdr',
  dpx: 'dpx',
  cineon: 'cin',
  jp2: 'jp2',
  j2k: 'j2c',
  avif: 'avif',
}

/** Render engines that every Blender brings along. EEVEE is whichever EEVEE it has. */
const ENGINES = ['cycles', 'eevee', 'workbench'] as const

const Named = z.string().min(1).max(LIMITS.nameLengthMax)

/** Whether a path stays below the folder that it begins in. */
function isInside(path: string): boolean {
  return !/^[/\\]|^[A-Za-z]:|\\/.test(path) && !path.split('/').includes('..')
}

/** What overrides the scene. A field left out is as the artist set it in the .blend. */
export const RenderSettings = z
  .strictObject({
    scene: z
      .string()
      .min(1)
      .max(LIMITS.nameLengthMax)
      .optional()
      .describe('Name of the scene in the file, if not the one that was open when it was saved'),
    camera: Named.optional().describe('Camera of all frames, whatever the scene and its markers say'),
    viewLayer: Named.optional().describe('View layer that is rendered, and no other, whichever are switched on'),
    engine: z
      .enum(ENGINES)
      .optional()
      .describe(`Engine instead of the scene's: ${ENGINES.join(', ')}; needed where Blender does not have that one`),
    ocio: z
      .string()
      .min(1)
      .max(LIMITS.pathLengthMax)
      .refine(isInside, 'must lead to a file inside the project folder, such as config/aces.ocio')
      .optional()
      .describe('OpenColorIO configuration in the project that every Blender of the job uses'),
    samples: z.int().min(1).max(LIMITS.samplesMax).optional().describe('Samples for each pixel'),
    resolution: z
      .union([
        z.strictObject({
          width: z.int().min(1).max(LIMITS.resolutionMax),
          height: z.int().min(1).max(LIMITS.resolutionMax),
        }),
        z.strictObject({ percentage: z.int().min(1).max(32_767) }),
      ])
      .optional()
      .describe("Final size in pixels, or in percent of the scene's own size"),
    format: z
      .strictObject({
        file: ImageFormat.describe(`Format of the frames instead of the scene's: ${IMAGE_FORMATS.join(', ')}`),
        colorDepth: z
          .enum(['8', '10', '12', '16', '32'])
          .optional()
          .describe(
            'Bits for each channel: 8 or 16 for PNG and TIFF, 16 or 32 for EXR, 8 to 16 for DPX, JPEG 2000 and AVIF',
          ),
        quality: z.int().min(1).max(100).optional().describe('Quality of JPEG, JPEG 2000, WebP and AVIF, in percent'),
      })
      .optional(),
  })
  .meta({ id: 'RenderSettings' })
export type RenderSettings = z.infer<typeof RenderSettings>

/** A rectangle in pixels of the whole image; the origin is the top left corner. */
export const PixelRectangle = z.strictObject({
  x: z.int().min(0).max(LIMITS.resolutionMax),
  y: z.int().min(0).max(LIMITS.resolutionMax),
  width: z.int().min(1).max(LIMITS.resolutionMax),
  height: z.int().min(1).max(LIMITS.resolutionMax),
})
export type PixelRectangle = z.infer<typeof PixelRectangle>
