import sharp from 'sharp'
import type { Imaging, ImageRefusal } from '../../ports/imaging.ts'
import { checkDisplayImage, compareDisplayImages, DISPLAY_PIXELS_MAX } from './compare-display.ts'
import { compareExr } from './compare-exr.ts'
import { samePixels } from './compare-same-pixels.ts'
import { checkExr, isExr } from './exr-check.ts'
import { exrLayout } from './exr-layout.ts'
import { mergeSamples } from './merge-samples.ts'
import { stitchTiles } from './stitch.ts'
import { readWave, sameWave } from './wave.ts'
import { checkUndecoded, endingOf, isUndecoded } from './undecoded-image.ts'

const PREVIEW_QUALITY = 82

/** The farm's imaging: EXR by our own reader, everything else by sharp. */
export const farmImaging: Imaging = {
  stitch: (tiles, full, outputPath) => stitchTiles(tiles, full, outputPath),
  merge: (parts, outputPath) => mergeSamples(parts, outputPath),
  layout: (path) => exrLayout(path),
  ending: (path) => endingOf(path),
  isUndecoded: async (path) => isUndecoded(await endingOf(path)),
  check: async (path, size) => {
    if (await isExr(path)) return checkExr(path, size)
    return isUndecoded(await endingOf(path)) ? checkUndecoded(path, size) : checkDisplayImage(path, size)
  },
  compareLinear: (pathA, pathB) => compareExr(pathA, pathB),
  compareDisplay: (pathA, pathB) => compareDisplayImages(pathA, pathB),
  checkSound: async (path, wanted) => {
    const found = await readWave(path)
    if (!found.ok || (found.rate === wanted.rate && found.channels === wanted.channels)) return found
    return {
      ok: false,
      code: 'wrong_kind',
      message:
        `the sound has ${found.channels} channel(s) of ${found.rate} samples per second, ` +
        `not ${wanted.channels} of ${wanted.rate}`,
    }
  },
  sameSound: (pathA, pathB) => sameWave(pathA, pathB),
  samePixels: (pathA, pathB) => samePixels(pathA, pathB),
  preview: (path, outputPath, widthMax) => makePreview(path, outputPath, widthMax),
}

/** Whatever sharp throws on a file that somebody sent is about that file. */
async function makePreview(path: string, outputPath: string, widthMax: number): Promise<{ ok: true } | ImageRefusal> {
  try {
    await sharp(path, { limitInputPixels: DISPLAY_PIXELS_MAX })
      .resize({ width: widthMax, withoutEnlargement: true })
      .flatten({ background: '#000' })
      .jpeg({ quality: PREVIEW_QUALITY })
      .toFile(outputPath)
    return { ok: true }
  } catch (error) {
    return {
      ok: false,
      code: 'corrupt',
      message: `the image cannot be decoded: ${error instanceof Error ? error.message : String(error)}`,
    }
  }
}
