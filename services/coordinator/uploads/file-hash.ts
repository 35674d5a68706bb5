import { createHash } from 'node:crypto'
import { Transform } from 'node:stream'
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
