import { z } from 'zod'
import { LIMITS } from './limits.ts'

/** Still image formats a job can deliver. `tiff` and `webp` pass through from the scene's own settings. */
export const IMAGE_FORMATS = ['png', 'jpeg', 'exr', 'exr-multilayer', 'tiff', 'webp'] as const
export const ImageFormat = z.enum(IMAGE_FORMATS)
export type ImageFormat = z.infer<typeof ImageFormat>

export const IMAGE_EXTENSIONS: Record<ImageFormat, string> = {
  png: 'png',
  jpeg: 'jpg',
  exr: 'exr',
  'exr-multilayer': 'exr',
  tiff: 'tif',
  webp: 'webp',
}
export const IMAGE_CONTENT_TYPES: Record<ImageFormat, string> = {
  png: 'image/png',
  jpeg: 'image/jpeg',
  exr: 'image/x-exr',
  'exr-multilayer': 'image/x-exr',
  tiff: 'image/tiff',
  webp: 'image/webp',
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
        file: ImageFormat.describe(`Format of the frames: ${IMAGE_FORMATS.join(', ')}`),
        colorDepth: z
          .enum(['8', '16', '32'])
          .optional()
          .describe('Bits for each channel: 8 or 16 for PNG and TIFF, 16 or 32 for EXR'),
        quality: z.int().min(1).max(100).optional().describe('Quality of JPEG and WebP, in percent'),
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
