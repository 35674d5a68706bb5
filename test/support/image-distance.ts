// How far two renders of one frame are from each other: as float images pass by pass, and as the 8-bit image that
// people see.

import sharp from 'sharp'
import { eachRowOfPair, openPair, shapeDifference } from '../../shared/adapters/imaging/compare-exr-rows.ts'

/** Where both values are darker than this, a difference is held against it: nobody sees what is relative to black. */
const DARK = 1e-3

export interface PassDistance {
  /** Share of the values that differ at all. */
  readonly differing: number
  readonly absolute: number
  /** Of the larger of the two values. */
  readonly relative: number
}

/** For each pass, without its view layer (the worst of them), how far the values of two float files are apart. */
export async function passDistances(pathA: string, pathB: string): Promise<Map<string, PassDistance>> {
  const pair = await openPair(pathA, pathB)
  if (!pair.ok) throw new Error(pair.message)
  const { a, b } = pair
  try {
    const shape = shapeDifference(a.header, b.header)
    if (shape !== undefined) throw new Error(shape.message)
    const { width, height, channels } = a.header
    const found = channels.map(() => ({ differing: 0, absolute: 0, relative: 0 }))
    const damaged = await eachRowOfPair(a, b, (_y, bytesA, rowA, bytesB, rowB) => {
      for (const [index, own] of found.entries()) {
        for (let x = 0; x < width; x += 1) {
          const at = (index * width + x) * 4
          const [valueA, valueB] = [bytesA.readFloatLE(rowA + at), bytesB.readFloatLE(rowB + at)]
          if (Object.is(valueA, valueB)) continue
          const absolute = Math.abs(valueA - valueB)
          own.differing += 1
          own.absolute = Math.max(own.absolute, absolute)
          own.relative = Math.max(own.relative, absolute / Math.max(Math.abs(valueA), Math.abs(valueB), DARK))
        }
      }
      return true
    })
    if (damaged !== undefined) throw new Error(damaged.message)
    const passes = new Map<string, PassDistance>()
    for (const [index, { name }] of channels.entries()) {
      const own = found[index]
      if (own === undefined) throw new Error('a distance was kept for each channel')
      const pass = name.split('.').at(-2) ?? name
      const before = passes.get(pass)
      passes.set(pass, {
        differing: Math.max(before?.differing ?? 0, own.differing / (width * height)),
        absolute: Math.max(before?.absolute ?? 0, own.absolute),
        relative: Math.max(before?.relative ?? 0, own.relative),
      })
    }
    return passes
  } finally {
    await Promise.all([a.close(), b.close()])
  }
}

/** Share of the pixels of two 8-bit images that differ in any channel, and by how many steps at most. */
export async function displayDistance(
  pathA: string,
  pathB: string,
): Promise<{ readonly differing: number; readonly steps: number }> {
  const decode = async (path: string) => sharp(path, { ignoreIcc: true }).raw().toBuffer({ resolveWithObject: true })
  const [a, b] = [await decode(pathA), await decode(pathB)]
  if (a.data.length !== b.data.length || a.info.channels !== b.info.channels)
    throw new Error('the images have other sizes')
  let [differing, steps] = [0, 0]
  for (let at = 0; at < a.data.length; at += a.info.channels) {
    let worst = 0
    for (let channel = 0; channel < a.info.channels; channel += 1)
      worst = Math.max(worst, Math.abs((a.data[at + channel] ?? 0) - (b.data[at + channel] ?? 0)))
    if (worst > 0) differing += 1
    steps = Math.max(steps, worst)
  }
  return { differing: differing / (a.info.width * a.info.height), steps }
}
