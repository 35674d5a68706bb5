// Two EXR files of one shape, walked through together, a band of rows at a time.

import type { ExrHeader, ExrRefusal } from './exr-format.ts'
import { inOrder } from './exr-pipeline.ts'
import { openExr } from './exr-reader.ts'
import type { ExrReader } from './exr-reader.ts'
import { rowsOf } from './exr-rows.ts'
import type { RowRun } from './exr-rows.ts'

const BAND_ROWS = 16

/** Bytes that the bands in flight may take, both files together and each counted twice (packed and not). */
const BANDS_BYTES_MAX = 128 * 1024 * 1024
const BANDS_IN_FLIGHT_MAX = 4

type ComparisonRefusalCode = ExrRefusal['code'] | 'sizes_differ' | 'windows_differ' | 'channels_differ'

export interface ComparisonRefusal {
  readonly ok: false
  readonly code: ComparisonRefusalCode
  readonly message: string
  /** The file that cannot be read, or `both` where they do not go together. */
  readonly file: 'a' | 'b' | 'both'
}

export type OpenedPair = { readonly ok: true; readonly a: ExrReader; readonly b: ExrReader }

/** Opens both files; the caller closes them. Refused when either cannot be read. */
export async function openPair(pathA: string, pathB: string): Promise<OpenedPair | ComparisonRefusal> {
  const a = await openExr(pathA)
  if (!a.ok) return { ...a, file: 'a' }
  try {
    const b = await openExr(pathB)
    if (b.ok) return { ok: true, a: a.reader, b: b.reader }
    await a.reader.close()
    return { ...b, file: 'b' }
  } catch (error) {
    await a.reader.close()
    throw error
  }
}

/** Why two images cannot be compared pixel by pixel, if they cannot. */
export function shapeDifference(a: ExrHeader, b: ExrHeader): ComparisonRefusal | undefined {
  const refuse = (code: ComparisonRefusalCode, message: string): ComparisonRefusal => ({
    ok: false,
    code,
    message,
    file: 'both',
  })
  if (a.width !== b.width || a.height !== b.height) {
    return refuse('sizes_differ', `${a.width} x ${a.height} px against ${b.width} x ${b.height} px`)
  }
  // The same pixels at another place of the picture, or in a picture of another size, are another picture.
  const frame = ({ dataWindow: data, displayWindow: display }: ExrHeader): string =>
    `${display.xMax - display.xMin + 1} x ${display.yMax - display.yMin + 1} px with pixels ` +
    `from (${data.xMin - display.xMin}, ${data.yMin - display.yMin}) on`
  if (frame(a) !== frame(b)) return refuse('windows_differ', `${frame(a)} against ${frame(b)}`)
  const channels = ({ channels: own }: ExrHeader): string[] => own.map((channel) => `${channel.name} (${channel.type})`)
  const [ofA, ofB] = [channels(a), channels(b)]
  const [onlyA, onlyB] = [ofA.find((channel) => !ofB.includes(channel)), ofB.find((channel) => !ofA.includes(channel))]
  if (onlyA === undefined && onlyB === undefined) return undefined
  return refuse(
    'channels_differ',
    `channel ${onlyA ?? onlyB} is in ${onlyA === undefined ? 'the second' : 'the first'} file only`,
  )
}

/**
 * Calls `visit` for every row from the top down with where it lies in each file's buffers. `visit` may return false to
 * stop early. Gives the refusal if either file turns out to be damaged.
 */
export async function eachRowOfPair(
  a: ExrReader,
  b: ExrReader,
  visit: (y: number, a: Buffer, rowA: number, b: Buffer, rowB: number) => boolean,
): Promise<ComparisonRefusal | undefined> {
  const { height, rowBytes } = a.header
  const depth = Math.max(1, Math.min(BANDS_IN_FLIGHT_MAX, Math.floor(BANDS_BYTES_MAX / (rowBytes * BAND_ROWS * 4))))
  const [rowsA, rowsB] = [rowsOf(a, (depth + 1) * BAND_ROWS), rowsOf(b, (depth + 1) * BAND_ROWS)]
  const bands = Array.from({ length: Math.ceil(height / BAND_ROWS) }, (_, index) => index * BAND_ROWS)
  const read = async (firstRow: number) => {
    const endRow = Math.min(height, firstRow + BAND_ROWS)
    const [ofA, ofB] = await Promise.all([rowsA(firstRow, endRow), rowsB(firstRow, endRow)])
    return { firstRow, endRow, ofA, ofB }
  }
  for await (const { firstRow, endRow, ofA, ofB } of inOrder(bands, depth, read)) {
    if (!ofA.ok) return { ...ofA, file: 'a' }
    if (!ofB.ok) return { ...ofB, file: 'b' }
    const [nextA, nextB] = [rowCursor(ofA.runs, rowBytes), rowCursor(ofB.runs, rowBytes)]
    for (let y = firstRow; y < endRow; y += 1) {
      const [rowA, rowB] = [nextA(), nextB()]
      if (!visit(y, rowA.bytes, rowA.byteOffset, rowB.bytes, rowB.byteOffset)) return undefined
    }
  }
  return undefined
}

/** Gives the rows of the runs one after the other. */
function rowCursor(
  runs: readonly RowRun[],
  rowBytes: number,
): () => { readonly bytes: Buffer; readonly byteOffset: number } {
  let runIndex = 0
  let row = 0
  return () => {
    const run = runs[runIndex]
    if (run === undefined) throw new RangeError('no rows are left in the band')
    const at = { bytes: run.bytes, byteOffset: run.byteOffset + row * rowBytes }
    row += 1
    if (row === run.rowCount) {
      runIndex += 1
      row = 0
    }
    return at
  }
}
