// One block of rows, packed and unpacked. RLE, ZIPS and ZIP all store the bytes of a block rearranged
// (first the even ones, then the odd ones) and as differences from the byte before, plus 128; then
// they run-length encode or deflate that. A block that would grow is stored as it is.

import { promisify } from 'node:util'
import { constants, deflate, inflate } from 'node:zlib'
import { applyFilter, undoFilter } from './exr-filter.ts'
import { refuseExr } from './exr-format.ts'
import type { ExrCompression, ExrRefusal } from './exr-format.ts'

const inflateAsync = promisify(inflate)
const deflateAsync = promisify(deflate)

/** Deflate cannot shrink by more than this, so a smaller claim is false before a byte of it is unpacked. */
const DEFLATE_RATIO_MAX = 1032

/** RLE stores a run of up to 128 bytes in two. */
const RLE_RATIO_MAX = 64
const RLE_RUN_BYTES_MAX = 128
const RLE_RUN_BYTES_MIN = 3
const RLE_LITERAL_BYTES_MAX = 127

/** zlib wants room beyond the last byte to see in one call that the stream has ended. */
const INFLATE_SLACK_BYTES = 64

/**
 * zlib gives its output in pieces of this size; a whole block's worth would mostly stay empty, and be held until
 * written.
 */
const DEFLATE_CHUNK_BYTES_MAX = 1024 * 1024

export type DecodedBlock = { readonly ok: true; readonly bytes: Buffer }

/** How blocks are deflated: level 0 to 9, and zlib's strategy. */
export interface DeflateChoice {
  readonly level: number
  readonly strategy: number
}

/**
 * Level 1: measured on Cycles renders, level 6 takes 1.7 times as long for 0.5 % less (RGBA) and 2.8 times as
 * long for 3.5 % less (18 passes). Run-length or Huffman coding alone is no faster here and triples the size.
 */
export const DEFLATE_DEFAULT: DeflateChoice = { level: 1, strategy: constants.Z_DEFAULT_STRATEGY }

/** The `rawBytes` bytes of a block from its packed form. Refused when the packed bytes do not yield exactly that. */
export async function decodeExrBlock(
  packed: Buffer,
  compression: ExrCompression,
  rawBytes: number,
): Promise<DecodedBlock | ExrRefusal> {
  if (packed.length === rawBytes) return { ok: true, bytes: packed }
  if (compression === 'none' || packed.length > rawBytes) {
    return refuseExr('corrupt', `has ${packed.length} packed bytes where ${rawBytes} are the most possible`)
  }
  const ratioMax = compression === 'rle' ? RLE_RATIO_MAX : DEFLATE_RATIO_MAX
  if (packed.length * ratioMax < rawBytes) {
    return refuseExr('corrupt', `has ${packed.length} packed bytes, which cannot yield the ${rawBytes} claimed`)
  }
  const filtered = compression === 'rle' ? unpackRuns(packed, rawBytes) : await inflateExactly(packed, rawBytes)
  if (filtered === undefined) return refuseExr('corrupt', `does not unpack to the ${rawBytes} bytes claimed`)
  return { ok: true, bytes: undoFilter(filtered) }
}

/**
 * The packed form of a block; the very same buffer when packing would not shrink it. `scratch` must be at least
 * as long as `raw` and is not to be touched until the promise is settled.
 */
export async function encodeExrBlock(
  raw: Buffer,
  compression: ExrCompression,
  choice: DeflateChoice,
  scratch: Buffer,
): Promise<Buffer> {
  if (compression === 'none') return raw
  const filtered = scratch.subarray(0, raw.length)
  applyFilter(raw, filtered)
  const packed =
    compression === 'rle'
      ? packRuns(filtered)
      : await deflateAsync(filtered, {
          ...choice,
          chunkSize: Math.max(constants.Z_MIN_CHUNK, Math.min(raw.length, DEFLATE_CHUNK_BYTES_MAX)),
        })
  return packed.length < raw.length ? packed : raw
}

async function inflateExactly(packed: Buffer, rawBytes: number): Promise<Buffer | undefined> {
  try {
    const bytes = await inflateAsync(packed, { chunkSize: rawBytes + INFLATE_SLACK_BYTES, maxOutputLength: rawBytes })
    return bytes.length === rawBytes ? bytes : undefined
  } catch (error) {
    // A damaged stream is the file's fault and a value; anything else (no memory) is not.
    if (
      error instanceof Error &&
      'code' in error &&
      typeof error.code === 'string' &&
      (/^Z_(DATA|BUF|NEED)/.test(error.code) || error.code === 'ERR_BUFFER_TOO_LARGE')
    )
      return undefined
    throw error
  }
}

function unpackRuns(packed: Buffer, rawBytes: number): Buffer | undefined {
  const bytes = Buffer.allocUnsafeSlow(rawBytes)
  let to = 0
  for (let from = 0; from < packed.length;) {
    const count = packed.readInt8(from)
    const length = count < 0 ? -count : count + 1
    const used = count < 0 ? length : 1
    if (to + length > rawBytes || from + 1 + used > packed.length) return undefined
    if (count < 0) packed.copy(bytes, to, from + 1, from + 1 + length)
    else bytes.fill(packed.readUInt8(from + 1), to, to + length)
    to += length
    from += 1 + used
  }
  return to === rawBytes ? bytes : undefined
}

function packRuns(bytes: Buffer): Buffer {
  const packed = Buffer.allocUnsafe(bytes.length + Math.ceil(bytes.length / RLE_LITERAL_BYTES_MAX) + 1)
  let to = 0
  let literalStart = 0
  const flushLiterals = (end: number): void => {
    while (literalStart < end) {
      const length = Math.min(RLE_LITERAL_BYTES_MAX, end - literalStart)
      packed.writeInt8(-length, to)
      bytes.copy(packed, to + 1, literalStart, literalStart + length)
      to += 1 + length
      literalStart += length
    }
  }
  for (let from = 0; from < bytes.length;) {
    let end = from + 1
    while (end < bytes.length && end - from < RLE_RUN_BYTES_MAX && bytes[end] === bytes[from]) end += 1
    if (end - from >= RLE_RUN_BYTES_MIN) {
      flushLiterals(from)
      packed.writeInt8(end - from - 1, to)
      packed.writeUInt8(bytes.readUInt8(from), to + 1)
      to += 2
      literalStart = end
    }
    from = end
  }
  flushLiterals(bytes.length)
  return packed.subarray(0, to)
}
