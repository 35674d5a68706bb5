// How many pixels of two image files differ, in any channel of any layer, bit for bit.

import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import sharp from 'sharp'
import { eachRowOfPair, openPair, shapeDifference } from '../../../shared/adapters/imaging/compare-exr-rows.ts'
import { isExr } from '../../../shared/adapters/imaging/exr-check.ts'
import { EXR_SAMPLE_BYTES } from '../../../shared/adapters/imaging/exr-format.ts'

/** The count of pixels that differ, or why there is none: the images have other sizes or channels. */
export async function differingPixels(pathA: string, pathB: string): Promise<number | string> {
  const [exrA, exrB] = [await isExr(pathA), await isExr(pathB)]
  if (exrA !== exrB) return 'one file is an EXR, the other is not'
  if ((await readFile(pathA)).equals(await readFile(pathB))) return 0
  return exrA ? await differingExr(pathA, pathB) : await differingDisplay(pathA, pathB)
}

async function differingExr(pathA: string, pathB: string): Promise<number | string> {
  const pair = await openPair(pathA, pathB)
  // Codecs and parts that the farm itself never meets in tiles: the artist's own files may have them.
  if (!pair.ok) return await byOiiotool(pathA, pathB)
  const { a, b } = pair
  try {
    const shape = shapeDifference(a.header, b.header)
    if (shape !== undefined) return shape.message
    const { width, height, channels } = a.header
    const differs = new Uint8Array(width * height)
    const damaged = await eachRowOfPair(a, b, (y, bytesA, rowA, bytesB, rowB) => {
      let at = 0
      for (const { type } of channels) {
        const sampleBytes = EXR_SAMPLE_BYTES[type]
        for (let x = 0; x < width; x += 1, at += sampleBytes) {
          if (bytesA.compare(bytesB, rowB + at, rowB + at + sampleBytes, rowA + at, rowA + at + sampleBytes) !== 0)
            differs[y * width + x] = 1
        }
      }
      return true
    })
    return damaged === undefined ? differs.reduce((sum, one) => sum + one, 0) : damaged.message
  } finally {
    await Promise.all([a.close(), b.close()])
  }
}

async function byOiiotool(pathA: string, pathB: string): Promise<number | string> {
  const zero = ['--fail', '0', '--hardfail', '0', '--warn', '0']
  try {
    await promisify(execFile)('oiiotool', ['-a', ...zero, '--diff', pathA, pathB])
    return 0
  } catch (error) {
    const printed = error instanceof Error && 'stdout' in error ? String(error.stdout) : String(error)
    const counted = [...printed.matchAll(/(\d+) pixels \([\d.e+-]+%\) over 0/g)].map((match) => Number(match[1]))
    return counted.length > 0 ? Math.max(...counted) : printed.trim().slice(0, 200)
  }
}

async function differingDisplay(pathA: string, pathB: string): Promise<number | string> {
  const [a, b] = [await decode(pathA), await decode(pathB)]
  if (a.shape !== b.shape) return `${a.shape} against ${b.shape}`
  let differing = 0
  for (let at = 0; at < a.samples.length; at += a.pixelBytes) {
    if (a.samples.compare(b.samples, at, at + a.pixelBytes, at, at + a.pixelBytes) !== 0) differing += 1
  }
  return differing
}

async function decode(
  path: string,
): Promise<{ readonly shape: string; readonly samples: Buffer; readonly pixelBytes: number }> {
  const { width, height, channels, depth, space } = await sharp(path).metadata()
  const sampleBytes = depth === 'ushort' ? 2 : 1
  // Without the color space sharp turns gray into RGB and 16 bits into 8.
  const image = sharp(path, { ignoreIcc: true })
  const samples = await (space === undefined ? image : image.toColourspace(space))
    .raw({ depth: sampleBytes === 2 ? 'ushort' : 'uchar' })
    .toBuffer()
  return {
    shape: `${width} x ${height} px, ${channels} channels of ${depth} (${space})`,
    samples,
    pixelBytes: channels * sampleBytes,
  }
}
