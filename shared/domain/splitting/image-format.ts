import { type Refusal, refuse } from '../../protocol/errors.ts'
import { IMAGE_FORMATS, type ImageFormat, type RenderSettings } from '../../protocol/render-settings.ts'
import type { SceneOutput } from '../../protocol/scene-facts.ts'

const FROM_BLENDER: Readonly<Record<string, ImageFormat>> = {
  PNG: 'png',
  JPEG: 'jpeg',
  OPEN_EXR: 'exr',
  OPEN_EXR_MULTILAYER: 'exr-multilayer',
  TIFF: 'tiff',
  WEBP: 'webp',
  TARGA: 'targa',
  TARGA_RAW: 'targa-raw',
  BMP: 'bmp',
  IRIS: 'iris',
  HDR: 'hdr',
  DPX: 'dpx',
  CINEON: 'cineon',
  AVIF: 'avif',
}
/** Bits per channel that each format has. */
const DEPTHS: Readonly<Record<ImageFormat, readonly string[]>> = {
  png: ['8', '16'],
  jpeg: ['8'],
  exr: ['16', '32'],
  'exr-multilayer': ['16', '32'],
  tiff: ['8', '16'],
  webp: ['8'],
  targa: ['8'],
  'targa-raw': ['8'],
  bmp: ['8'],
  iris: ['8'],
  hdr: ['32'],
  dpx: ['8', '10', '12', '16'],
  cineon: ['10'],
  jp2: ['8', '12', '16'],
  j2k: ['8', '12', '16'],
  avif: ['8', '10', '12'],
}
/** What Blender calls outputs that are one file for all frames. */
const MOVIES = ['FFMPEG', 'AVI_RAW', 'AVI_JPEG']

/** Whether the scene itself writes a movie. */
export function writesMovie({ fileFormat }: Pick<SceneOutput, 'fileFormat'>): boolean {
  return MOVIES.includes(fileFormat)
}

/** In which format frames are delivered, and what of the scene's settings is changed for that. */
export interface ChosenFormat {
  readonly ok: true
  readonly file: ImageFormat
  readonly settings: RenderSettings['format']
  /** What the scene itself writes, where that is another format. */
  readonly insteadOf?: string
  readonly notes: readonly string[]
}

/**
 * The scene's own format, or the one that the job asks for; of a scene that writes a movie, PNG, from which its movie
 * is made. Refused with `format_invalid` where Blender itself writes no such images.
 */
export function imageFormat(output: SceneOutput, asked: RenderSettings['format']): ChosenFormat | Refusal {
  const own = ownFormat(output)
  if (asked === undefined) {
    if (writesMovie(output)) {
      const colorDepth = (output.colorDepth ?? 8) > 8 ? '16' : '8'
      return { ok: true, file: 'png', settings: { file: 'png', colorDepth }, notes: [] }
    }
    if (own === undefined)
      return refuse(
        'format_invalid',
        `the scene writes ${output.fileFormat}, which no Blender of this farm is known to write. ` +
          'Choose another format in Blender (Output > Format), or ask for one with settings.format: ' +
          IMAGE_FORMATS.join(', '),
      )
    if (own === 'webp' && output.colorMode === 'BW')
      return refuse(
        'format_invalid',
        'the scene writes WebP in black and white, which Blender offers but cannot write: its own render of this ' +
          'file fails, too. Choose RGB in Blender (Output > Color), or ask for another format with settings.format',
      )
    return { ok: true, file: own, settings: undefined, notes: [] }
  }
  if (asked.colorDepth !== undefined && !DEPTHS[asked.file].includes(asked.colorDepth)) {
    return refuse(
      'format_invalid',
      `settings.format: ${asked.file} has ${DEPTHS[asked.file].join(' or ')} bits per channel, not ${asked.colorDepth}`,
    )
  }
  const isOther = own !== asked.file && !writesMovie(output)
  const notes = isOther
    ? [
        `frames are delivered as ${asked.file}, because the job asks for it; ` +
          `the scene itself writes ${output.fileFormat}`,
      ]
    : []
  return {
    ...{ ok: true, file: asked.file, settings: asked, notes },
    ...(isOther ? { insteadOf: output.fileFormat } : {}),
  }
}

function ownFormat({ fileFormat, jpeg2000Codec }: SceneOutput): ImageFormat | undefined {
  if (fileFormat === 'JPEG2000') return jpeg2000Codec === 'J2K' ? 'j2k' : 'jp2'
  return FROM_BLENDER[fileFormat]
}
