// Decodes one zstd frame: by Node's own zlib where it can (22.15 and newer), else in JavaScript, which
// is about four times slower.

import * as zlib from 'node:zlib'
import { decompress } from 'fzstd'

const nativeDecompress: unknown = Reflect.get(zlib, 'zstdDecompressSync')

/** The contents of a whole frame that says it holds `contentBytes`; throws an error if it is damaged. */
export function decodeZstdFrame(frame: Uint8Array, contentBytes: number): Uint8Array {
  if (typeof nativeDecompress !== 'function') return decompress(frame)
  // The limit must be positive, and an empty frame is a legal one.
  const decoded: unknown = nativeDecompress(frame, { maxOutputLength: Math.max(contentBytes, 1) })
  if (!(decoded instanceof Uint8Array)) throw new TypeError('zstdDecompressSync gave no bytes')
  return decoded
}
