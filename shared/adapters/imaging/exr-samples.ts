// Samples of one channel row as 32-bit floats, whatever their type in the file.

import type { ExrSampleType } from './exr-format.ts'

/** Reads rows of at most `widthMax` samples; what it returns is valid until the next call. */
export class SampleRowReader {
  readonly #floats: Float32Array
  readonly #uints: Uint32Array
  readonly #halves: Uint16Array
  readonly #rowBytes: Buffer
  readonly #halfBytes: Buffer

  constructor(widthMax: number) {
    this.#floats = new Float32Array(widthMax)
    this.#uints = new Uint32Array(this.#floats.buffer)
    this.#halves = new Uint16Array(widthMax)
    this.#rowBytes = Buffer.from(this.#floats.buffer)
    this.#halfBytes = Buffer.from(this.#halves.buffer)
  }

  /**
   * `width` half or float samples from `byteOffset` on, as floats. Rows of mixed types are not aligned, hence the copy.
   */
  floats(bytes: Buffer, byteOffset: number, type: Exclude<ExrSampleType, 'uint'>, width: number): Float32Array {
    if (type === 'float') {
      bytes.copy(this.#rowBytes, 0, byteOffset, byteOffset + width * 4)
      return this.#floats
    }
    bytes.copy(this.#halfBytes, 0, byteOffset, byteOffset + width * 2)
    const table = halfTable()
    for (let x = 0; x < width; x += 1) this.#floats[x] = table[this.#halves[x] ?? 0] ?? 0
    return this.#floats
  }

  /** The bits of `width` samples from `byteOffset` on: two samples that are equal have equal bits. */
  bits(bytes: Buffer, byteOffset: number, type: ExrSampleType, width: number): Uint32Array | Uint16Array {
    if (type === 'half') {
      bytes.copy(this.#halfBytes, 0, byteOffset, byteOffset + width * 2)
      return this.#halves
    }
    bytes.copy(this.#rowBytes, 0, byteOffset, byteOffset + width * 4)
    return this.#uints
  }
}

let table: Float32Array | undefined

/** The 65,536 halves as floats, made on first use (a quarter of a MiB). */
function halfTable(): Float32Array {
  table ??= Float32Array.from({ length: 65_536 }, (_, bits) => halfToNumber(bits))
  return table
}

/** The number that 16 bits mean as an IEEE 754 half. */
function halfToNumber(bits: number): number {
  const sign = (bits & 0x8000) === 0 ? 1 : -1
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25)
}
