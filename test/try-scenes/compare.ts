// How far delivered files are from those of bare Blender.

import { execFile } from 'node:child_process'
import { basename, extname } from 'node:path'
import { promisify } from 'node:util'
import { differingPixels } from '../benchmarks/exactness/pixels.ts'

/** Of one frame, or the sum of several. */
export interface Difference {
  /** Pixels that differ in any file; the files that were looked at are `files`. */
  readonly pixels: number
  readonly files: number
  /** Largest difference of a value, 1 being white; 0 where nothing differs or oiiotool could not tell. */
  readonly largest: number
  /** What is wrong besides: files that are missing, of another size or kind. */
  readonly faults: readonly string[]
  /** What is no fault by itself: a File Output node with an absolute path writes where this does not look. */
  readonly remarks: readonly string[]
}

export const SAME: Difference = { pixels: 0, files: 0, largest: 0, faults: [], remarks: [] }

export function sumOf(differences: readonly Difference[]): Difference {
  return differences.reduce(
    (sum, one) => ({
      pixels: sum.pixels + one.pixels,
      files: sum.files + one.files,
      largest: Math.max(sum.largest, one.largest),
      faults: [...sum.faults, ...one.faults],
      remarks: [...sum.remarks, ...one.remarks],
    }),
    SAME,
  )
}

/** Images of one frame. Of several, each of bare's is held against whichever of the farm's is nearest. */
export async function compareImages(
  bare: readonly string[],
  farm: readonly string[],
  what: string,
): Promise<Difference> {
  const unlike =
    bare.length === farm.length ? [] : [`${what}: bare Blender wrote ${list(bare)}, the farm delivered ${list(farm)}`]
  const [faults, remarks] = bare.length === 0 || bare.length > farm.length ? [unlike, []] : [[], unlike]
  const left = new Set(farm)
  const found: Difference[] = []
  for (const path of bare) {
    let best: { readonly path: string; readonly difference: Difference } | undefined
    for (const other of left) {
      const difference = await compareTwo(path, other, what)
      if (best === undefined || worth(difference) < worth(best.difference)) best = { path: other, difference }
      if (worth(difference) === 0) break
    }
    if (best === undefined) continue
    left.delete(best.path)
    found.push(best.difference)
  }
  return sumOf([...found, { ...SAME, faults, remarks }])
}

async function compareTwo(bare: string, farm: string, what: string): Promise<Difference> {
  const [kind, other] = [kindOf(bare), kindOf(farm)]
  if (kind !== other && kind !== '')
    return { ...SAME, files: 1, faults: [`${what}: bare Blender wrote ${kind}, the farm delivered ${other}`] }
  const pixels = await differingPixels(bare, farm)
  if (typeof pixels === 'string') return { ...SAME, files: 1, faults: [`${what}: ${pixels}`] }
  return { pixels, files: 1, largest: pixels === 0 ? 0 : await largestDifference(bare, farm), faults: [], remarks: [] }
}

function worth({ pixels, faults }: Difference): number {
  return faults.length > 0 ? Infinity : pixels
}

/** A scene may be set to write its files without an extension. */
function kindOf(path: string): string {
  return extname(path).toLowerCase().replace('.jpeg', '.jpg').replace('.tiff', '.tif')
}

async function largestDifference(one: string, other: string): Promise<number> {
  const { stdout } = await promisify(execFile)('oiiotool', ['-a', one, other, '--diff'], {
    maxBuffer: 16 * 1024 * 1024,
  }).catch((error: unknown) => ({ stdout: error instanceof Error && 'stdout' in error ? String(error.stdout) : '' }))
  return Math.max(0, ...[...stdout.matchAll(/Max error\s*=\s*([\d.e+-]+)/g)].map((match) => Number(match[1])))
}

function list(paths: readonly string[]): string {
  if (paths.length === 0) return 'nothing'
  return paths.length > 4 ? `${paths.length} files` : paths.map((path) => basename(path)).join(', ')
}
