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

/** What overrides the scene. A field left out is as the artist set it in the .blend. */
export const RenderSettings = z
  .strictObject({
    scene: z
      .string()
      .min(1)
      .max(LIMITS.nameLengthMax)
      .optional()
      .describe('Name of the scene in the file, if not the one that was open when it was saved'),
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
