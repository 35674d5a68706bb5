import sharp from 'sharp'
import type { Imaging, ImageRefusal } from '../../ports/imaging.ts'
import { compareDisplayImages } from './compare-display.ts'
import { compareExr } from './compare-exr.ts'
import { samePixels } from './compare-same-pixels.ts'
import { openExr } from './exr-reader.ts'
import { stitchTiles } from './stitch.ts'

/** Pixels of the largest image that sharp decodes here; a 16k x 16k image has 2^28. */
const DISPLAY_PIXELS_MAX = 2 ** 28
const PREVIEW_QUALITY = 82

/** The farm's imaging: EXR by our own reader, everything else by sharp. */
export const farmImaging: Imaging = {
  async stitch(tiles, full, outputPath) {
    const stitched = await stitchTiles(tiles, full, outputPath)
    return stitched.ok ? { ok: true } : stitched
  },
  check: (path, size) => (isExr(path) ? checkExr(path, size) : checkDisplay(path, size)),
  async compareLinear(pathA, pathB) {
    return compareExr(pathA, pathB)
  },
  async compareDisplay(pathA, pathB) {
    return compareDisplayImages(pathA, pathB)
  },
  async samePixels(pathA, pathB) {
    const sameness = await samePixels(pathA, pathB)
    return sameness.ok ? { ok: true, same: sameness.same } : sameness
  },
  async preview(path, outputPath, widthMax) {
    return decoding(() => sharp(path, { limitInputPixels: DISPLAY_PIXELS_MAX }).resize({ width: widthMax, withoutEnlargement: true }).flatten({ background: '#000' }).jpeg({ quality: PREVIEW_QUALITY }).toFile(outputPath))
  },
}

function isExr(path: string): boolean {
  return path.endsWith('.exr')
}

async function checkExr(path: string, size: { width: number; height: number }): Promise<{ ok: true } | ImageRefusal> {
  const opened = await openExr(path)
  if (!opened.ok) return opened
  const { reader } = opened
  try {
    const { width, height } = reader.header
    if (width !== size.width || height !== size.height) return wrongSize(width, height, size)
    for (let block = 0; block * reader.header.rowsPerBlock < height; block++) {
      const decoded = await reader.readBlock(block)
      if (!decoded.ok) return decoded
    }
    return { ok: true }
  } finally {
    await reader.close()
  }
}

async function checkDisplay(path: string, size: { width: number; height: number }): Promise<{ ok: true } | ImageRefusal> {
  let found = { width: 0, height: 0 }
  const decoded = await decoding(async () => {
    const image = sharp(path, { limitInputPixels: DISPLAY_PIXELS_MAX, failOn: 'error' })
    const metadata = await image.metadata()
    found = { width: metadata.width, height: metadata.height }
    await image.stats() // decodes every pixel
  })
  if (!decoded.ok) return decoded
  return found.width === size.width && found.height === size.height ? { ok: true } : wrongSize(found.width, found.height, size)
}

function wrongSize(width: number, height: number, size: { width: number; height: number }): ImageRefusal {
  return { ok: false, code: 'wrong_size', message: `the image has ${width}x${height} pixels instead of ${size.width}x${size.height}` }
}

/** Whatever sharp throws on a file that somebody sent is about that file. */
async function decoding(work: () => Promise<unknown>): Promise<{ ok: true } | ImageRefusal> {
  try {
    await work()
    return { ok: true }
  } catch (error) {
    return { ok: false, code: 'corrupt', message: `the image cannot be decoded: ${error instanceof Error ? error.message : String(error)}` }
  }
}
