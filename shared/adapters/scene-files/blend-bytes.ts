// Feeds the decompressed bytes of a .blend to a block walk, in memory that does not grow with the
// file. Blender 3 and newer compress with zstd in many small frames, older ones with gzip.

import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { setImmediate } from 'node:timers/promises'
import { createGunzip } from 'node:zlib'
import type { SceneFacts } from '../../protocol/scene-facts.ts'
import type { BlendBlockWalk } from './blend-blocks.ts'
import { BlendFault } from './blend-fault.ts'
import { isGzip, isZstd } from './scene-kind.ts'
import { ZstdFrames } from './zstd-frames.ts'

/** How far a small upload may unfold before it is taken for a bomb. */
export interface BlendLimits {
  /** Decompressed bytes allowed in any case. */
  readonly unfoldedBytesMax: number
  /** Decompressed bytes that a file may reach whatever its compressed size. */
  readonly unfoldedBytesFree: number
  /** Beyond that, decompressed bytes for each compressed one. */
  readonly unfoldedRatioMax: number
}

/** Real scenes unfold 2 to 20 times; at 200 MB/s these bound the time of one reading to about a minute. */
export const BLEND_LIMITS: BlendLimits = {
  unfoldedBytesMax: 16 * 1024 ** 3,
  unfoldedBytesFree: 1024 ** 3,
  unfoldedRatioMax: 250,
}

/** Bytes of a plain file read at a time. */
const PLAIN_CHUNK_BYTES = 256 * 1024
/** Bytes of a compressed file read at a time. */
const COMPRESSED_CHUNK_BYTES = 64 * 1024
/** Bytes of that decoded at a time: few, since four of them may unfold to 128 KiB. */
const COMPRESSED_SLICE_BYTES = 2 * 1024
/** Other work gets its turn after this much has been unfolded: about every 20 ms. */
const UNFOLDED_BYTES_PER_TURN = 4 * 1024 * 1024

/**
 * Walks the file to its end block or its end and gives the compression found. Throws a BlendFault for
 * a file that cannot be read, and the system's error if the file cannot be opened.
 */
export async function walkBlendFile(
  path: string,
  walk: BlendBlockWalk,
  limits: BlendLimits,
): Promise<SceneFacts['compression']> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    const start = Buffer.alloc(4)
    const { bytesRead } = await file.read(start, 0, start.length, 0)
    const magic = start.subarray(0, bytesRead)
    if (isZstd(magic)) {
      await walkZstd(file, new UnfoldGuard(walk, size, limits))
      return 'zstd'
    }
    if (isGzip(magic)) {
      await walkGzip(file, new UnfoldGuard(walk, size, limits))
      return 'gzip'
    }
    await walkPlain(file, size, walk)
    return 'none'
  } finally {
    await file.close()
  }
}

async function walkPlain(file: FileHandle, sizeBytes: number, walk: BlendBlockWalk): Promise<void> {
  const buffer = Buffer.alloc(PLAIN_CHUNK_BYTES)
  let position = 0
  while (!walk.done && position < sizeBytes) {
    const passed = Math.min(walk.skippableBytes, sizeBytes - position)
    if (passed > 0) {
      walk.skip(passed)
      position += passed
      continue
    }
    const { bytesRead } = await file.read(buffer, 0, buffer.length, position)
    if (bytesRead === 0) break
    walk.push(buffer.subarray(0, bytesRead))
    position += bytesRead
  }
  walk.finish()
}

async function walkGzip(file: FileHandle, guard: UnfoldGuard): Promise<void> {
  const compressed = file.createReadStream({ start: 0, autoClose: false })
  const gunzip = createGunzip()
  compressed.on('error', (error) => gunzip.destroy(error))
  compressed.pipe(gunzip)
  try {
    for await (const chunk of gunzip) {
      guard.push(chunk)
      if (guard.done) return
    }
  } catch (error) {
    if (error instanceof BlendFault) throw error
    throw gzipFault(error)
  } finally {
    compressed.destroy()
    gunzip.destroy()
  }
  guard.finish()
}

function gzipFault(error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'Z_BUF_ERROR')
    return new BlendFault('blend_truncated', 'the gzip data end too early; send the file again whole')
  if (typeof code === 'string' && code.startsWith('Z_'))
    return new BlendFault('blend_corrupt', 'the gzip data are damaged; send the file again')
  return error
}

async function walkZstd(file: FileHandle, guard: UnfoldGuard): Promise<void> {
  const frames = new ZstdFrames((bytes) => guard.push(bytes))
  const buffer = Buffer.alloc(COMPRESSED_CHUNK_BYTES)
  let turnEndsAt = UNFOLDED_BYTES_PER_TURN
  for (let position = 0; !guard.done;) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, position)
    if (bytesRead === 0) break
    position += bytesRead
    for (let start = 0; start < bytesRead && !guard.done; start += COMPRESSED_SLICE_BYTES) {
      frames.push(buffer.subarray(start, Math.min(start + COMPRESSED_SLICE_BYTES, bytesRead)))
      if (guard.unfoldedBytes < turnEndsAt) continue
      await setImmediate()
      turnEndsAt = guard.unfoldedBytes + UNFOLDED_BYTES_PER_TURN
    }
  }
  if (!guard.done) frames.finish()
  guard.finish()
}

/** Counts what comes out of a decompressor and stops it at the limit. */
class UnfoldGuard {
  unfoldedBytes = 0
  private readonly allowedBytes: number
  private readonly walk: BlendBlockWalk

  constructor(walk: BlendBlockWalk, compressedBytes: number, limits: BlendLimits) {
    this.walk = walk
    this.allowedBytes = Math.min(
      limits.unfoldedBytesMax,
      Math.max(limits.unfoldedBytesFree, compressedBytes * limits.unfoldedRatioMax),
    )
  }

  get done(): boolean {
    return this.walk.done
  }

  push(bytes: Uint8Array): void {
    this.unfoldedBytes += bytes.length
    if (this.unfoldedBytes > this.allowedBytes) {
      throw new BlendFault(
        'blend_too_large',
        `the file decompresses to more than the ${this.allowedBytes} bytes allowed for ` +
          'its size; save it without compression or remove unused data',
      )
    }
    this.walk.push(bytes)
  }

  finish(): void {
    this.walk.finish()
  }
}
