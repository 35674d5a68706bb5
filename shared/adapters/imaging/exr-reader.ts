// An EXR file open for reading, one block at a time. Opening checks the header and the whole offset
// table against the length of the file; reading a block checks that block.

import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { decodeExrBlock } from './exr-block.ts'
import type { DecodedBlock } from './exr-block.ts'
import { EXR_HEADER_BYTES_MAX, decodedBlockBytes, refuseExr } from './exr-format.ts'
import type { ExrHeader, ExrRefusal } from './exr-format.ts'
import { parseExrHeader } from './exr-header.ts'
import type { ParsedExrHeader } from './exr-header.ts'

/** Most headers fit into this; longer ones (Cryptomatte manifests) are read again in larger bites. */
const FIRST_HEADER_BITE_BYTES = 64 * 1024
const HEADER_BITE_GROWTH = 8

/** Each block begins with its first row's y and its packed length, 4 bytes each. */
const BLOCK_PREFIX_BYTES = 8
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
    const parsed = await readHeader(handle, fileBytes)
    if (!parsed.ok) return parsed
    const offsets = await readOffsets(handle, parsed, fileBytes)
    if (!offsets.ok) return offsets
    keepOpen = true
    return {
      ok: true,
      reader: {
        header: parsed.header,
        readBlock: (index) => readBlock(handle, parsed.header, index, offsets.offsets[index], fileBytes),
        close: () => handle.close(),
      },
    }
  } finally {
    if (!keepOpen) await handle.close()
  }
}

async function readHeader(handle: FileHandle, fileBytes: number): Promise<ParsedExrHeader | ExrRefusal> {
  const mostBytes = Math.min(fileBytes, EXR_HEADER_BYTES_MAX)
  for (let bite = FIRST_HEADER_BITE_BYTES; ; bite *= HEADER_BITE_GROWTH) {
    const bytes = await readExactly(handle, 0, Math.min(bite, mostBytes))
    if (bytes === undefined) return refuseExr('truncated', 'the file became shorter while it was read')
    const parsed = parseExrHeader(bytes)
    if (parsed.ok || parsed.code !== 'truncated' || bite >= mostBytes) return parsed
  }
}

type Offsets = { readonly ok: true; readonly offsets: readonly number[] }

async function readOffsets(handle: FileHandle, parsed: ParsedExrHeader, fileBytes: number): Promise<Offsets | ExrRefusal> {
  const { header, headerBytes } = parsed
  const tableEnd = headerBytes + header.blockCount * OFFSET_BYTES
  const leastBytes = tableEnd + header.blockCount * (BLOCK_PREFIX_BYTES + 1)
  if (leastBytes > fileBytes) {
    return refuseExr('truncated', `${header.width} x ${header.height} px need at least ${leastBytes} bytes, the file has ${fileBytes}`)
  }
  const table = await readExactly(handle, headerBytes, tableEnd - headerBytes)
  if (table === undefined) return refuseExr('truncated', 'the file became shorter while it was read')
  const offsets: number[] = []
  for (let index = 0; index < header.blockCount; index += 1) {
    const offset = table.readBigUInt64LE(index * OFFSET_BYTES)
    if (offset === 0n) return refuseExr('truncated', `block ${index} has no place in the file: it was never finished`)
    if (offset < BigInt(tableEnd)) return refuseExr('corrupt', `block ${index} claims to lie inside the header`)
    if (offset + BigInt(BLOCK_PREFIX_BYTES) >= BigInt(fileBytes)) {
      return refuseExr('truncated', `block ${index} claims to lie at ${offset}, the file has ${fileBytes} bytes`)
    }
    offsets.push(Number(offset))
  }
  return { ok: true, offsets }
}

async function readBlock(
  handle: FileHandle, header: ExrHeader, index: number, offset: number | undefined, fileBytes: number,
): Promise<DecodedBlock | ExrRefusal> {
  if (offset === undefined) throw new RangeError(`block ${index} of ${header.blockCount}`)
  const prefix = await readExactly(handle, offset, BLOCK_PREFIX_BYTES)
  if (prefix === undefined) return refuseExr('truncated', `the file ends in block ${index}`)
  const y = prefix.readInt32LE(0)
  const expectedY = header.dataWindow.yMin + index * header.rowsPerBlock
  if (y !== expectedY) return refuseExr('corrupt', `block ${index} begins at row ${y}, not at ${expectedY}`)
  const packedBytes = prefix.readInt32LE(4)
  const rawBytes = decodedBlockBytes(header, index)
  if (packedBytes <= 0 || packedBytes > rawBytes) {
    return refuseExr('corrupt', `block ${index} claims ${packedBytes} packed bytes; 1 to ${rawBytes} are possible`)
  }
  if (offset + BLOCK_PREFIX_BYTES + packedBytes > fileBytes) {
    return refuseExr('truncated', `block ${index} ends beyond the end of the file`)
  }
  const packed = await readExactly(handle, offset + BLOCK_PREFIX_BYTES, packedBytes)
  if (packed === undefined) return refuseExr('truncated', `the file ends in block ${index}`)
  const decoded = await decodeExrBlock(packed, header.compression, rawBytes)
  return decoded.ok ? decoded : refuseExr(decoded.code, `block ${index} ${decoded.message}`)
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
