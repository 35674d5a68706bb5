import { open } from 'node:fs/promises'
import { IMAGE_HEAD_BYTES, imageEnding } from '../../shared/protocol/image-kinds.ts'
import { LIMITS } from '../../shared/protocol/limits.ts'
import { IMAGE_EXTENSIONS, type RenderSettings } from '../../shared/protocol/render-settings.ts'
import type { FileRole } from '../../shared/protocol/task.ts'
import { WorkFailure, errorCode } from '../failure.ts'
import { isExrCutOff } from './exr-end.ts'

export interface CheckedFile {
  readonly bytes: number
  /** By the file's first bytes, not by its name: the scene's own format is known only to Blender. */
  readonly extension: string
}

/** Enough for the last chunk of a PNG. */
const END_BYTES = 12
const PNG_END = '0000000049454e44ae426082'

/**
 * Looks at a file that Blender says it wrote. Throws WorkFailure `output_invalid` when it is missing, empty, larger
 * than the farm takes, no image, cut off, or not the kind of image that was asked for.
 */
export async function checkOutput(
  path: string,
  role: FileRole,
  frame: number,
  settings: RenderSettings,
): Promise<CheckedFile> {
  const what = `the ${role} file of frame ${frame}`
  const { bytes, head, tail, isExrCut } = await readEnds(path, what)
  if (bytes === 0) throw new WorkFailure('output_invalid', `${what} is empty; is the disk full?`)
  if (bytes > LIMITS.resultFileBytesMax)
    throw new WorkFailure('output_invalid', `${what} has ${bytes} bytes, more than ${LIMITS.resultFileBytesMax}`)
  if (role === 'sound') {
    if (!isWave(head)) throw new WorkFailure('output_invalid', `${what} is no WAV file`)
    return { bytes, extension: 'wav' }
  }
  const extension = imageEnding(head) ?? (role === 'extra' ? ownExtension(path) : undefined)
  if (extension === undefined)
    throw new WorkFailure(
      'output_invalid',
      `${what} is no image of a kind that Blender writes; it begins with ${head.subarray(0, 8).toString('hex')}`,
    )
  if (isExrCut || isCutOff(extension, bytes, head, tail))
    throw new WorkFailure('output_invalid', `${what} is a .${extension} image without its end; is the disk full?`)
  const wanted = wantedExtension(role, settings)
  if (wanted !== undefined && wanted !== extension)
    throw new WorkFailure('output_invalid', `${what} is a .${extension} image, but .${wanted} was asked for`)
  return { bytes, extension }
}

function isWave(head: Buffer): boolean {
  return head.toString('latin1', 0, 4) === 'RIFF' && head.toString('latin1', 8, 12) === 'WAVE'
}

/** What a File Output node writes may be of any format that Blender knows. */
function ownExtension(path: string): string {
  return /\.([a-z0-9]{1,8})$/i.exec(path)?.[1]?.toLowerCase() ?? 'bin'
}

/** True where the format itself tells that the end is missing. TIFF does not tell. */
function isCutOff(extension: string, bytes: number, head: Buffer, tail: Buffer): boolean {
  switch (extension) {
    case 'png':
      return tail.toString('hex') !== PNG_END
    case 'jpg':
      return !tail.toString('hex').endsWith('ffd9')
    case 'webp':
      return head.readUInt32LE(4) + 8 > bytes
    default:
      return false
  }
}

function wantedExtension(role: FileRole, settings: RenderSettings): string | undefined {
  switch (role) {
    case 'raw':
      return 'exr'
    case 'display':
      return 'png'
    case 'final':
      return settings.format === undefined ? undefined : IMAGE_EXTENSIONS[settings.format.file]
    case 'extra':
    case 'sound':
      return undefined
  }
}

async function readEnds(
  path: string,
  what: string,
): Promise<{ bytes: number; head: Buffer; tail: Buffer; isExrCut: boolean }> {
  try {
    const file = await open(path, 'r')
    try {
      const bytes = (await file.stat()).size
      const head = await file.read(Buffer.alloc(IMAGE_HEAD_BYTES), 0, IMAGE_HEAD_BYTES, 0)
      const tail = await file.read(Buffer.alloc(END_BYTES), 0, END_BYTES, Math.max(0, bytes - END_BYTES))
      const isExrCut = imageEnding(head.buffer) === 'exr' && (await isExrCutOff(file, bytes))
      return {
        bytes,
        head: head.buffer.subarray(0, head.bytesRead),
        tail: tail.buffer.subarray(0, tail.bytesRead),
        isExrCut,
      }
    } finally {
      await file.close()
    }
  } catch (error) {
    if (errorCode(error) === 'ENOENT')
      throw new WorkFailure('output_invalid', `${what} was not written`, { cause: error })
    throw error
  }
}
