// Splits a zstd stream into its frames and has each decompressed in bounded memory and time. The
// decoding is done elsewhere; the framing is followed here because a decoder reserves whatever window
// a frame asks for (up to 2 GiB) and does not say where a frame ends. Blender writes frames of about
// 1 MiB that say their size: these are decoded at once. Other frames are decoded block by block.

import { Decompress } from 'fzstd'
import { BlendFault } from './blend-fault.ts'
import { decodeZstdFrame } from './zstd-decode.ts'

/** Larger windows are refused: Blender's are its frames, the zstd command's are 8 MiB at most. */
const WINDOW_BYTES_MAX = 8 * 1024 * 1024
/** Frames that say they hold no more than this are decoded at once. */
const WHOLE_FRAME_BYTES_MAX = 8 * 1024 * 1024
/** How much longer than its contents a frame may be: zstd never adds more than this. */
const FRAME_OVERHEAD_BYTES_MAX = 128 * 1024
/**
 * Decoding block by block moves the whole window for each block, so that many tiny blocks would keep
 * the processor busy for hours. Common frames move 16 to 64 bytes for each one they give.
 */
const MOVED_BYTES_FREE = 4 * 1024 ** 3
const MOVED_BYTES_PER_BYTE_MAX = 128
const FRAME_MAGIC = 0xfd2fb528
const SKIPPABLE_MAGIC = 0x184d2a50
const DICTIONARY_ID_BYTES = [0, 1, 2, 4] as const
const CONTENT_SIZE_BYTES = [0, 2, 4, 8] as const
/** Magic and descriptor: enough to know how long the frame header is. */
const FRAME_START_BYTES = 5

type Part = 'magic' | 'skippable size' | 'skippable' | 'frame header' | 'block head' | 'block' | 'checksum'

/** How the frame under way is decoded. */
type Frame =
  | { decoding: 'whole'; contentBytes: number; pieces: Uint8Array[]; collectedBytes: number }
  | { decoding: 'by block'; decoder: Decompress; windowBytes: number }

/** Takes the compressed bytes in pieces; gives the decompressed ones, valid only during the call. */
export class ZstdFrames {
  private readonly onBytes: (bytes: Uint8Array) => void
  private part: Part = 'magic'
  private readonly head = Buffer.alloc(32)
  private filled = 0
  private wanted = 4
  /** Bytes of a block, checksum or skippable frame still to come. */
  private remaining = 0
  private lastBlock = false
  private hasChecksum = false
  private frame: Frame | undefined
  private movedBytes = 0
  private givenBytes = 0

  constructor(onBytes: (bytes: Uint8Array) => void) {
    this.onBytes = onBytes
  }

  /** Throws a BlendFault for damaged data. */
  push(chunk: Uint8Array): void {
    let offset = 0
    while (offset < chunk.length) {
      if (this.remaining > 0) {
        const taken = Math.min(this.remaining, chunk.length - offset)
        const piece = chunk.subarray(offset, offset + taken)
        this.remaining -= taken
        offset += taken
        if (this.part !== 'skippable') this.decode(piece)
        if (this.remaining === 0) this.afterBody()
        continue
      }
      const taken = Math.min(this.wanted - this.filled, chunk.length - offset)
      this.head.set(chunk.subarray(offset, offset + taken), this.filled)
      this.filled += taken
      offset += taken
      if (this.filled === this.wanted) this.afterHead()
    }
  }

  /** Call when the bytes have run out; throws a BlendFault if a frame is not whole. */
  finish(): void {
    if (this.part === 'magic' && this.filled === 0) return
    throw new BlendFault('blend_truncated', 'the zstd data end too early; send the file again whole')
  }

  private afterHead(): void {
    switch (this.part) {
      case 'magic':
        this.startFrame(this.head.readUInt32LE(0))
        return
      case 'skippable size':
        this.remaining = this.head.readUInt32LE(0)
        this.part = 'skippable'
        if (this.remaining === 0) this.afterBody()
        return
      case 'frame header':
        this.readFrameHeader()
        return
      case 'block head':
        this.readBlockHead()
        return
      default:
        throw new Error(`a ${this.part} has no head`)
    }
  }

  private afterBody(): void {
    if (this.part === 'block' && !this.lastBlock) this.expect('block head', 3)
    else if (this.part === 'block' && this.hasChecksum) {
      this.part = 'checksum'
      this.remaining = 4
    } else {
      this.endFrame()
      this.expect('magic', 4)
    }
  }

  private startFrame(magic: number): void {
    if (magic === FRAME_MAGIC) {
      this.part = 'frame header'
      this.wanted = FRAME_START_BYTES
    } else if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) this.expect('skippable size', 4)
    else throw damaged('a frame does not begin where the one before it ends')
  }

  private readFrameHeader(): void {
    const descriptor = this.head[4] ?? 0
    const singleSegment = (descriptor & 0x20) !== 0
    const dictionaryBytes = DICTIONARY_ID_BYTES[descriptor & 3] ?? 0
    const storedSizeBytes = CONTENT_SIZE_BYTES[descriptor >> 6] ?? 0
    const sizeBytes = singleSegment && storedSizeBytes === 0 ? 1 : storedSizeBytes
    const headerBytes = FRAME_START_BYTES + (singleSegment ? 0 : 1) + dictionaryBytes + sizeBytes
    if (this.filled < headerBytes) {
      this.wanted = headerBytes
      return
    }
    const windowBytes = singleSegment
      ? readSize(this.head, headerBytes - sizeBytes, sizeBytes)
      : windowSize(this.head[5] ?? 0)
    if (windowBytes > WINDOW_BYTES_MAX) {
      throw new BlendFault(
        'blend_too_large',
        `a zstd frame wants a window of ${windowBytes} bytes, at most ` +
          `${WINDOW_BYTES_MAX} are given; save the file again in Blender`,
      )
    }
    this.hasChecksum = (descriptor & 4) !== 0
    const contentBytes = sizeBytes === 0 ? undefined : readSize(this.head, headerBytes - sizeBytes, sizeBytes)
    this.frame =
      contentBytes !== undefined && contentBytes <= WHOLE_FRAME_BYTES_MAX
        ? { decoding: 'whole', contentBytes, pieces: [], collectedBytes: 0 }
        : { decoding: 'by block', decoder: new Decompress((bytes) => this.give(bytes)), windowBytes }
    this.decode(this.head.subarray(0, headerBytes))
    this.expect('block head', 3)
  }

  private readBlockHead(): void {
    const bits = this.head.readUIntLE(0, 3)
    this.lastBlock = (bits & 1) !== 0
    const type = (bits >> 1) & 3
    const size = bits >> 3
    if (type === 3) throw damaged('a block has the reserved type')
    if (size > 128 * 1024) throw damaged(`a block says it has ${size} bytes, more than zstd allows`)
    this.part = 'block'
    // A run-length block holds one byte, whatever it unfolds to.
    this.remaining = type === 1 ? 1 : size
    this.decode(this.head.subarray(0, 3))
    if (this.remaining === 0) this.afterBody()
  }

  private expect(part: Part, byteCount: number): void {
    this.part = part
    this.filled = 0
    this.wanted = byteCount
  }

  private decode(piece: Uint8Array): void {
    if (this.frame === undefined) return
    // A copy, since the pieces are held and the caller reuses its buffer.
    const copy = Uint8Array.from(piece)
    if (this.frame.decoding === 'by block') {
      const { decoder } = this.frame
      decodeOrFault(() => decoder.push(copy))
      return
    }
    this.frame.pieces.push(copy)
    this.frame.collectedBytes += copy.length
    if (this.frame.collectedBytes > this.frame.contentBytes + FRAME_OVERHEAD_BYTES_MAX)
      throw damaged('a frame is longer than what it says it holds')
  }

  private endFrame(): void {
    const { frame } = this
    this.frame = undefined
    if (frame?.decoding === 'whole')
      this.give(decodeOrFault(() => decodeZstdFrame(Buffer.concat(frame.pieces), frame.contentBytes)))
  }

  private give(bytes: Uint8Array): void {
    this.givenBytes += bytes.length
    if (this.frame?.decoding === 'by block') {
      this.movedBytes += this.frame.windowBytes
      if (this.movedBytes > MOVED_BYTES_FREE + this.givenBytes * MOVED_BYTES_PER_BYTE_MAX) {
        throw new BlendFault(
          'blend_too_large',
          'the zstd data have too many tiny blocks to be decoded in reasonable time; save the file again in Blender',
        )
      }
    }
    this.onBytes(bytes)
  }
}

// The decoders throw plain errors, and errors of the language when damage leads them out of bounds.
function decodeOrFault<T>(decode: () => T): T {
  try {
    return decode()
  } catch (error) {
    if (error instanceof BlendFault) throw error
    throw damaged(error instanceof Error ? error.message : 'they cannot be decoded')
  }
}

function windowSize(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3))
  return base + (base / 8) * (descriptor & 7)
}

// A two-byte size counts from 256, since one byte holds the smaller ones.
function readSize(bytes: Buffer, offset: number, byteCount: number): number {
  if (byteCount === 8) return Number(bytes.readBigUInt64LE(offset))
  return bytes.readUIntLE(offset, byteCount) + (byteCount === 2 ? 256 : 0)
}

function damaged(why: string): BlendFault {
  return new BlendFault('blend_corrupt', `the zstd data are damaged (${why}); send the file again`)
}
