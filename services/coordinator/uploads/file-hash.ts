import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Sha256 } from '../../../shared/protocol/ids.ts'

/** Passes bytes on, counting and hashing them. */
export class HashingStream extends Transform {
  bytes = 0
  private readonly hash = createHash('sha256')

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: (error: null, chunk: Buffer) => void): void {
    this.bytes += chunk.length
    this.hash.update(chunk)
    done(null, chunk)
  }

  /** Of all bytes; once, after the end. */
  sha256(): Sha256 {
    return Sha256.parse(this.hash.digest('hex'))
  }
}

/** The length and SHA-256 of a file. Throws the system's error if it cannot be read. */
export async function hashFile(filePath: string): Promise<{ bytes: number; sha256: Sha256 }> {
  const hashing = new HashingStream()
  hashing.resume()
  await pipeline(createReadStream(filePath, { highWaterMark: 1024 * 1024 }), hashing)
  return { bytes: hashing.bytes, sha256: hashing.sha256() }
}
