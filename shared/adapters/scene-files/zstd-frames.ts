// Splits a zstd stream into its frames and has each decompressed with bounded memory. The library
// does the decoding; the framing is followed here because the library reserves whatever window a
// frame asks for (up to 2 GiB) and does not say where a frame ends.

import { Decompress } from 'fzstd'
import { BlendFault } from './blend-fault.ts'

/** Windows above this are refused, as the reference decoder does by default; Blender's are under 8 MiB. */
const WINDOW_BYTES_MAX = 128 * 1024 * 1024
const FRAME_MAGIC = 0xfd2fb528
const SKIPPABLE_MAGIC = 0x184d2a50
const DICTIONARY_ID_BYTES = [0, 1, 2, 4] as const
const CONTENT_SIZE_BYTES = [0, 2, 4, 8] as const
/** Magic and descriptor: enough to know how long the frame header is. */
const FRAME_START_BYTES = 5

type Part =
  | { name: 'magic' }
  | { name: 'skippable size' }
  | { name: 'skippable' }
  | { name: 'frame header' }
  | { name: 'block head' }
  | { name: 'block' }
  | { name: 'checksum' }

/** Takes the compressed bytes in pieces; gives the decompressed ones, valid only during the call. */
export class ZstdFrames {
  private readonly onBytes: (bytes: Uint8Array) => void
  private part: Part['name'] = 'magic'
  private head = Buffer.alloc(32)
  private filled = 0
  private wanted = 4
  /** Bytes of a block, checksum or skippable frame still to come. */
  private remaining = 0
  private lastBlock = false
  private hasChecksum = false
  private decoder: Decompress | undefined

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
      this.decoder = undefined
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
    const windowBytes = singleSegment ? readSize(this.head, headerBytes - sizeBytes, sizeBytes) : windowSize(this.head[5] ?? 0)
    if (windowBytes > WINDOW_BYTES_MAX) {
      throw new BlendFault('blend_too_large', `a zstd frame wants a window of ${windowBytes} bytes, at most ${WINDOW_BYTES_MAX} are given; save the file again in Blender`)
    }
    this.hasChecksum = (descriptor & 4) !== 0
    this.decoder = new Decompress((bytes) => this.onBytes(bytes))
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

  private expect(part: Part['name'], byteCount: number): void {
    this.part = part
    this.filled = 0
    this.wanted = byteCount
  }

  private decode(piece: Uint8Array): void {
    try {
      // A copy, for the library holds on to pieces and the caller reuses its buffer.
      this.decoder?.push(Uint8Array.from(piece))
    } catch (error) {
      if (error instanceof BlendFault) throw error
      throw damaged(error instanceof Error ? error.message : 'they cannot be decoded')
    }
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
