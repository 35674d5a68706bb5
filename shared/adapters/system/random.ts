import { randomBytes } from 'node:crypto'
import type { Random } from '../../ports/core.ts'

/** Randomness that nobody can guess, from the operating system. */
export class SystemRandom implements Random {
  /** 53 random bits, as many as a double below 1 holds. */
  float(): number {
    const bits = randomBytes(8).readBigUInt64BE() >> 11n
    return Number(bits) / 2 ** 53
  }
  bytes(count: number): Uint8Array {
    return new Uint8Array(randomBytes(count))
  }
}
