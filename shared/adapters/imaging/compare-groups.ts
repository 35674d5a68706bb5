// The channels of an image in the groups that are compared together, and the relative difference of one
// row of one group.
//
// Color channels of one layer count pixel by pixel, the worst channel speaking for the pixel, alpha
// included. Quantities (depth, position, coverage) each stand alone under the same relative rule:
// mixed into the color of a pixel, twenty passes would add up twenty times the honest noise.
// Identities (uint channels, Cryptomatte hashes, object indices) differ or do not: for a relative rule,
// hashes near zero all look alike and neighboring large indices too.

import { EXR_SAMPLE_BYTES } from './exr-format.ts'
import type { ExrChannel, ExrHeader } from './exr-format.ts'
import { exrChannelRole } from './exr-channel-kind.ts'
import type { ExrChannelKind } from './exr-channel-kind.ts'
import { SampleRowReader } from './exr-samples.ts'
import { DifferenceCount } from './compare-blocks.ts'

/** Keeps the relative difference of two nearly black samples from being large. */
const DARK_FLOOR = 0.02

/** Relative differences. Honest machines with other kernels stay below the first in all but a few pixels. */
const RELATIVE_BOUNDS = { differsAbove: 1e-2, slightlyAbove: 1e-3 } as const

/** What an identity that differs counts as: well over every threshold. */
const OTHER_IDENTITY = 2

interface GroupChannel {
  readonly channel: ExrChannel
  /** Where its samples begin within a row, in bytes. */
  readonly rowStart: number
}

export interface NonFiniteTotals {
  /** Samples that are NaN or infinite in the first and in the second file. */
  readonly a: number
  readonly b: number
  /** Samples that are so in one file and not in the other, or in another way. */
  readonly mismatched: number
}

export class GroupComparison {
  readonly name: string
  readonly kind: ExrChannelKind
  readonly count: DifferenceCount
  readonly #channels: readonly GroupChannel[]
  readonly #width: number
  readonly #readA: SampleRowReader
  readonly #readB: SampleRowReader
  readonly #differences: Float32Array
  #notFiniteA = 0
  #notFiniteB = 0
  #mismatched = 0
  #worst = 0

  constructor(name: string, kind: ExrChannelKind, channels: readonly GroupChannel[], header: ExrHeader) {
    this.name = name
    this.kind = kind
    this.#channels = channels
    this.#width = header.width
    this.count = new DifferenceCount(header.width, header.height, RELATIVE_BOUNDS)
    this.#readA = new SampleRowReader(header.width)
    this.#readB = new SampleRowReader(header.width)
    this.#differences = new Float32Array(header.width)
  }

  /** Adds the next row of both images. */
  addRow(a: Buffer, rowA: number, b: Buffer, rowB: number): void {
    this.#differences.fill(0)
    for (const { channel, rowStart } of this.#channels) {
      if (channel.type === 'uint' || this.kind === 'identity')
        this.#addIdentities(channel, a, rowA + rowStart, b, rowB + rowStart)
      else {
        this.#addNumbers(
          this.#readA.floats(a, rowA + rowStart, channel.type, this.#width),
          this.#readB.floats(b, rowB + rowStart, channel.type, this.#width),
        )
      }
    }
    this.count.addRow(this.#differences)
  }

  /** The largest relative difference of any pixel; infinite where only one of the samples is finite. */
  get worstDifference(): number {
    return this.#worst
  }

  get notFinite(): NonFiniteTotals {
    return { a: this.#notFiniteA, b: this.#notFiniteB, mismatched: this.#mismatched }
  }

  #addIdentities(channel: ExrChannel, a: Buffer, startA: number, b: Buffer, startB: number): void {
    const bitsA = this.#readA.bits(a, startA, channel.type, this.#width)
    const bitsB = this.#readB.bits(b, startB, channel.type, this.#width)
    for (let x = 0; x < this.#width; x += 1) {
      if (bitsA[x] !== bitsB[x]) this.#count(x, OTHER_IDENTITY)
    }
  }

  #addNumbers(a: Float32Array, b: Float32Array): void {
    for (let x = 0; x < this.#width; x += 1) {
      const sampleA = a[x] ?? 0
      const sampleB = b[x] ?? 0
      const difference = Math.abs(sampleA - sampleB) / (DARK_FLOOR + (Math.abs(sampleA) + Math.abs(sampleB)) / 2)
      // Two finite floats never sum to more than a double holds, so anything but a number below infinity means a sample
      // is not finite.
      if (difference < Infinity) {
        if (difference > 0) this.#count(x, difference)
      } else this.#addNotFinite(x, sampleA, sampleB)
    }
  }

  #addNotFinite(x: number, a: number, b: number): void {
    if (!Number.isFinite(a)) this.#notFiniteA += 1
    if (!Number.isFinite(b)) this.#notFiniteB += 1
    if (Object.is(a, b)) return
    this.#mismatched += 1
    this.#count(x, Infinity)
  }

  #count(x: number, difference: number): void {
    if (difference > (this.#differences[x] ?? 0)) this.#differences[x] = difference
    if (difference > this.#worst) this.#worst = difference
  }
}

/** The groups of an image's channels, in the order of their first channel. */
export function groupsOf(header: ExrHeader): readonly GroupComparison[] {
  const groups = new Map<
    string,
    { readonly name: string; readonly kind: ExrChannelKind; readonly channels: GroupChannel[] }
  >()
  let rowStart = 0
  for (const channel of header.channels) {
    const { kind, group: name } = exrChannelRole(channel)
    const key = `${kind} ${name}`
    const group = groups.get(key) ?? { name, kind, channels: [] }
    group.channels.push({ channel, rowStart })
    groups.set(key, group)
    rowStart += EXR_SAMPLE_BYTES[channel.type] * header.width
  }
  return [...groups.values()].map((group) => new GroupComparison(group.name, group.kind, group.channels, header))
}
