// An EXR file open for reading, one block at a time. Opening checks the headers and the whole offset
// tables against the length of the file; reading a block checks that block. Of several parts, a block
// has the rows of all of them, as if the file had one.

import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { decodeExrBlock } from './exr-block.ts'
import type { DecodedBlock } from './exr-block.ts'
import { EXR_HEADER_BYTES_MAX, EXR_SAMPLE_BYTES, decodedBlockBytes, refuseExr, rowsInBlock } from './exr-format.ts'
import type { ExrHeader, ExrRefusal } from './exr-format.ts'
import { parseExrHead } from './exr-parts.ts'
import type { ExrHead, ExrPart } from './exr-parts.ts'

/** Most headers fit into this; longer ones (Cryptomatte manifests) are read again in larger bites. */
const FIRST_HEADER_BITE_BYTES = 64 * 1024
const HEADER_BITE_GROWTH = 8

/**
 * Each block begins with its first row's y and its packed length, 4 bytes each;
 * where there are several parts, after the number of its own.
 */
const BLOCK_PREFIX_BYTES = 8
const PART_NUMBER_BYTES = 4
const OFFSET_BYTES = 8

export interface ExrReader {
  readonly header: ExrHeader
  /**
   * The decoded rows of block `index`, counted from the top: `rowsInBlock` rows of `rowBytes`, each row
   * one channel after the other in the order of the header, little-endian. May be called concurrently.
   */
  readBlock(index: number): Promise<DecodedBlock | ExrRefusal>
  close(): Promise<void>
}

export type OpenedExr = { readonly ok: true; readonly reader: ExrReader }

/**
 * Opens a scanline EXR file. What is wrong with the file comes back as a refusal; what is wrong with
 * the disk (no such file, no permission) is thrown.
 */
export async function openExr(path: string): Promise<OpenedExr | ExrRefusal> {
  const handle = await open(path, 'r')
  let keepOpen = false
  try {
    const fileBytes = (await handle.stat()).size
    const head = await readHead(handle, fileBytes)
    if (!head.ok) return head
    const tables = await readTables(handle, head, fileBytes)
    if (!tables.ok) return tables
    const file = { handle, fileBytes, tables: tables.tables }
    const { header, parts } = head
    keepOpen = true
    return {
      ok: true,
      reader: {
        header,
        readBlock:
          parts === undefined
            ? (index) => readBlock(file, header, index)
            : (index) => readBlockOfParts(file, header, parts, index),
        close: () => handle.close(),
      },
    }
  } finally {
    if (!keepOpen) await handle.close()
  }
}

async function readHead(handle: FileHandle, fileBytes: number): Promise<ExrHead | ExrRefusal> {
  const mostBytes = Math.min(fileBytes, EXR_HEADER_BYTES_MAX)
  for (let bite = FIRST_HEADER_BITE_BYTES; ; bite *= HEADER_BITE_GROWTH) {
    const bytes = await readExactly(handle, 0, Math.min(bite, mostBytes))
    if (bytes === undefined) return refuseExr('truncated', 'the file became shorter while it was read')
    const parsed = parseExrHead(bytes)
    if (parsed.ok || parsed.code !== 'truncated' || bite >= mostBytes) return parsed
  }
}

/** An open file; the offsets of its blocks, part by part, are within it and behind its head. */
interface ExrFile {
  readonly handle: FileHandle
  readonly fileBytes: number
  readonly tables: readonly Float64Array[]
}

type Tables = { readonly ok: true; readonly tables: readonly Float64Array[] }

async function readTables(handle: FileHandle, head: ExrHead, fileBytes: number): Promise<Tables | ExrRefusal> {
  const { header, headerBytes, parts } = head
  const headers = parts === undefined ? [header] : parts.map((part) => part.header)
  const prefixBytes = BLOCK_PREFIX_BYTES + (parts === undefined ? 0 : PART_NUMBER_BYTES)
  const blockCount = headers.reduce((sum, each) => sum + each.blockCount, 0)
  const tablesEnd = headerBytes + blockCount * OFFSET_BYTES
  const leastBytes = tablesEnd + blockCount * (prefixBytes + 1)
  if (leastBytes > fileBytes) {
    const size = `${header.width} x ${header.height} px`
    return refuseExr('truncated', `${size} need at least ${leastBytes} bytes, the file has ${fileBytes}`)
  }
  const bytes = await readExactly(handle, headerBytes, tablesEnd - headerBytes)
  if (bytes === undefined) return refuseExr('truncated', 'the file became shorter while it was read')
  const tables: Float64Array[] = []
  let at = 0
  for (const each of headers) {
    const table = new Float64Array(each.blockCount)
    for (let index = 0; index < each.blockCount; index += 1, at += OFFSET_BYTES) {
      const offset = bytes.readBigUInt64LE(at)
      const what = parts === undefined ? `block ${index}` : `block ${index} of part ${tables.length}`
      if (offset === 0n) return refuseExr('truncated', `${what} has no place in the file: it was never finished`)
      if (offset < BigInt(tablesEnd)) return refuseExr('corrupt', `${what} claims to lie inside the header`)
      if (offset + BigInt(prefixBytes) >= BigInt(fileBytes)) {
        return refuseExr('truncated', `${what} claims to lie at ${offset}, the file has ${fileBytes} bytes`)
      }
      table[index] = Number(offset)
    }
    tables.push(table)
  }
  return { ok: true, tables }
}

/** A block as it is in the file; `part` where there are several, whose header `header` is. */
async function readBlock(
  { handle, fileBytes, tables }: ExrFile,
  header: ExrHeader,
  index: number,
  part?: number,
): Promise<DecodedBlock | ExrRefusal> {
  const offset = tables[part ?? 0]?.[index]
  if (offset === undefined) throw new RangeError(`block ${index} of ${header.blockCount}`)
  const numberBytes = part === undefined ? 0 : PART_NUMBER_BYTES
  const prefixBytes = numberBytes + BLOCK_PREFIX_BYTES
  const what = part === undefined ? `block ${index}` : `block ${index} of part ${part}`
  const prefix = await readExactly(handle, offset, prefixBytes)
  if (prefix === undefined) return refuseExr('truncated', `the file ends in ${what}`)
  if (part !== undefined && prefix.readInt32LE(0) !== part) {
    return refuseExr('corrupt', `${what} says that it belongs to part ${prefix.readInt32LE(0)}`)
  }
  const y = prefix.readInt32LE(numberBytes)
  const expectedY = header.dataWindow.yMin + index * header.rowsPerBlock
  if (y !== expectedY) return refuseExr('corrupt', `${what} begins at row ${y}, not at ${expectedY}`)
  const packedBytes = prefix.readInt32LE(numberBytes + 4)
  const rawBytes = decodedBlockBytes(header, index)
  if (packedBytes <= 0 || packedBytes > rawBytes) {
    return refuseExr('corrupt', `${what} claims ${packedBytes} packed bytes; 1 to ${rawBytes} are possible`)
  }
  if (offset + prefixBytes + packedBytes > fileBytes) {
    return refuseExr('truncated', `${what} ends beyond the end of the file`)
  }
  const packed = await readExactly(handle, offset + prefixBytes, packedBytes)
  if (packed === undefined) return refuseExr('truncated', `the file ends in ${what}`)
  const decoded = await decodeExrBlock(packed, header.compression, rawBytes)
  return decoded.ok ? decoded : refuseExr(decoded.code, `${what} ${decoded.message}`)
}

/** The rows of block `index` of the image, put together from the parts' own blocks, one at a time. */
async function readBlockOfParts(
  file: ExrFile,
  header: ExrHeader,
  parts: readonly ExrPart[],
  index: number,
): Promise<DecodedBlock | ExrRefusal> {
  const image = Buffer.allocUnsafeSlow(decodedBlockBytes(header, index))
  const rowStarts = startsInRow(header)
  const firstRow = index * header.rowsPerBlock
  const endRow = firstRow + rowsInBlock(header, index)
  for (const [number, { header: own, channels }] of parts.entries()) {
    for (let block = firstRow / own.rowsPerBlock; block * own.rowsPerBlock < endRow; block += 1) {
      const decoded = await readBlock(file, own, block, number)
      if (!decoded.ok) return decoded
      const blockRow = block * own.rowsPerBlock - firstRow
      for (let row = 0; row < rowsInBlock(own, block); row += 1) {
        let from = row * own.rowBytes
        for (const { name, type } of channels) {
          const to = (blockRow + row) * header.rowBytes + (rowStarts.get(name) ?? 0)
          from += decoded.bytes.copy(image, to, from, from + EXR_SAMPLE_BYTES[type] * own.width)
        }
      }
    }
  }
  return { ok: true, bytes: image }
}

/** Where the samples of each channel begin within a row, in bytes. */
function startsInRow(header: ExrHeader): ReadonlyMap<string, number> {
  const starts = new Map<string, number>()
  let start = 0
  for (const { name, type } of header.channels) {
    starts.set(name, start)
    start += EXR_SAMPLE_BYTES[type] * header.width
  }
  return starts
}

/** `length` bytes at `position` in memory of their own, or undefined when the file ends before. */
async function readExactly(handle: FileHandle, position: number, length: number): Promise<Buffer | undefined> {
  const bytes = Buffer.allocUnsafeSlow(length)
  let done = 0
  while (done < length) {
    const { bytesRead } = await handle.read(bytes, done, length - done, position + done)
    if (bytesRead === 0) return undefined
    done += bytesRead
  }
  return bytes
}
