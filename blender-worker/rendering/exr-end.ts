import type { FileHandle } from 'node:fs/promises'

/**
 * A header holds the names of all channels and, with Cryptomatte, of all objects; one longer than this is not looked
 * into.
 */
const HEADER_BYTES_MAX = 4 * 1024 * 1024
const TILED_OR_MULTIPART = 0x200 | 0x1000
/** Scanlines per block, by the number of the compression. */
const LINES_PER_BLOCK: readonly number[] = [1, 1, 1, 16, 32, 16, 32, 32, 32, 256]
const OFFSET_BYTES = 8

/**
 * True when an EXR file was not written to its end: the table that tells where each block of scanlines lies is filled
 * in last, and a writer that found no room leaves zeros in it. Files of other layouts than scanlines count as whole.
 */
export async function isExrCutOff(file: FileHandle, bytes: number): Promise<boolean> {
  const read = await file.read(Buffer.alloc(Math.min(bytes, HEADER_BYTES_MAX)), 0, Math.min(bytes, HEADER_BYTES_MAX), 0)
  const header = scanHeader(read.buffer.subarray(0, read.bytesRead))
  if (header === 'cut') return bytes < HEADER_BYTES_MAX
  if (header === 'other') return false
  const table = await file.read(Buffer.alloc(header.blocks * OFFSET_BYTES), 0, header.blocks * OFFSET_BYTES, header.end)
  if (table.bytesRead < header.blocks * OFFSET_BYTES) return true
  for (let at = 0; at < table.bytesRead; at += OFFSET_BYTES) {
    const offset = table.buffer.readBigUInt64LE(at)
    if (offset === 0n || offset >= BigInt(bytes)) return true
  }
  return false
}

/** Where the header ends and how many blocks follow. */
function scanHeader(head: Buffer): { end: number; blocks: number } | 'cut' | 'other' {
  if (head.length < 8) return 'cut'
  if ((head.readUInt32LE(4) & TILED_OR_MULTIPART) !== 0) return 'other'
  let linesPerBlock: number | undefined
  let height: number | undefined
  for (let at = 8; ;) {
    if (head[at] === 0) {
      if (linesPerBlock === undefined || height === undefined || height < 1) return 'other'
      return { end: at + 1, blocks: Math.ceil(height / linesPerBlock) }
    }
    const nameEnd = head.indexOf(0, at)
    const typeEnd = nameEnd < 0 ? -1 : head.indexOf(0, nameEnd + 1)
    if (typeEnd < 0 || typeEnd + 5 > head.length) return 'cut'
    const name = head.toString('latin1', at, nameEnd)
    const size = head.readInt32LE(typeEnd + 1)
    const value = head.subarray(typeEnd + 5, typeEnd + 5 + size)
    if (size < 0) return 'other'
    if (value.length < size) return 'cut'
    if (name === 'compression' && size === 1) linesPerBlock = LINES_PER_BLOCK[value.readUInt8(0)]
    if (name === 'dataWindow' && size === 16) height = value.readInt32LE(12) - value.readInt32LE(4) + 1
    at = typeEnd + 5 + size
  }
}
