// Rows of an EXR file by their number, whatever the file's blocks are. Decoded blocks are kept only
// while they are near the rows last asked for, so memory is bounded by `rowsKept`.

import type { DecodedBlock } from './exr-block.ts'
import { rowsInBlock } from './exr-format.ts'
import type { ExrRefusal } from './exr-format.ts'
import type { ExrReader } from './exr-reader.ts'

/** A run of rows within one decoded block. */
export interface RowRun {
  readonly firstRow: number
  readonly rowCount: number
  readonly bytes: Buffer
  /** Where in `bytes` the first of these rows begins. */
  readonly byteOffset: number
}

type RowRuns = { readonly ok: true; readonly runs: readonly RowRun[] }

/** Gives rows `firstRow` up to, not including, `endRow`. May be called concurrently. */
export type ReadRows = (firstRow: number, endRow: number) => Promise<RowRuns | ExrRefusal>

/** Rows of `reader`; blocks for about the last `rowsKept` rows asked for are decoded once only. */
export function rowsOf(reader: ExrReader, rowsKept: number): ReadRows {
  const { header } = reader
  const blocksKept = Math.ceil(rowsKept / header.rowsPerBlock) + 1
  const recent = new Map<number, Promise<DecodedBlock | ExrRefusal>>()

  const block = (index: number): Promise<DecodedBlock | ExrRefusal> => {
    const known = recent.get(index)
    if (known !== undefined) return known
    const decoding = reader.readBlock(index)
    // A second caller may never come to await this one; whoever asked first gets the error.
    decoding.catch(() => undefined)
    recent.set(index, decoding)
    const oldest = recent.keys().next()
    if (recent.size > blocksKept && oldest.done !== true) recent.delete(oldest.value)
    return decoding
  }

  return async (firstRow, endRow) => {
    const firstBlock = Math.floor(firstRow / header.rowsPerBlock)
    const endBlock = Math.ceil(endRow / header.rowsPerBlock)
    const blocks = await Promise.all(Array.from({ length: endBlock - firstBlock }, (_, at) => block(firstBlock + at)))
    const runs: RowRun[] = []
    for (const [at, decoded] of blocks.entries()) {
      if (!decoded.ok) return decoded
      const index = firstBlock + at
      const blockRow = index * header.rowsPerBlock
      const from = Math.max(firstRow, blockRow)
      const to = Math.min(endRow, blockRow + rowsInBlock(header, index))
      runs.push({
        firstRow: from,
        rowCount: to - from,
        bytes: decoded.bytes,
        byteOffset: (from - blockRow) * header.rowBytes,
      })
    }
    return { ok: true, runs }
  }
}
