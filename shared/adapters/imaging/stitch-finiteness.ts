// Counts NaN and infinite samples of a tile as its rows pass by, and says when a tile is unusable.
//
// The rule: a single NaN may be honest (a broken shader makes the same one on every machine, and the
// un-split render would hold it too), so it is counted and reported. A channel of the kept area that
// holds no finite sample at all is what a broken GPU or a liar sends, and the tile is refused. One
// exception: a quantity such as depth may be infinite everywhere, where a tile sees nothing but sky.
// (Blender itself writes 1e10 there, which is finite.)

import { EXR_SAMPLE_BYTES } from './exr-format.ts'
import type { ExrChannel, ExrHeader } from './exr-format.ts'
import { exrChannelRole } from './exr-channel-kind.ts'

export interface NonFiniteCount {
  readonly channel: string
  readonly nan: number
  readonly infinite: number
}

/** Where the exponent of a sample is: in the half itself, or in the upper half of a little-endian float. */
const EXPONENT = { half: { bits: 0x7c00, rest: 0x03ff }, float: { bits: 0x7f80, rest: 0x007f } } as const

export class FinitenessCount {
  readonly #channels: readonly ExrChannel[]
  readonly #channelStarts: readonly number[]
  readonly #nan: Uint32Array
  readonly #infinite: Uint32Array
  readonly #cropLeft: number
  readonly #keptWidth: number
  #samples = 0

  /** Counts columns `cropLeft` up to `cropLeft + keptWidth` of a tile with this header. */
  constructor(header: ExrHeader, cropLeft: number, keptWidth: number) {
    this.#channels = header.channels
    let start = 0
    this.#channelStarts = header.channels.map((channel) => {
      const own = start
      start += EXR_SAMPLE_BYTES[channel.type] * header.width
      return own
    })
    this.#nan = new Uint32Array(header.channels.length)
    this.#infinite = new Uint32Array(header.channels.length)
    this.#cropLeft = cropLeft
    this.#keptWidth = keptWidth
  }

  /** Adds the row that begins at `byteOffset`. */
  addRow(bytes: Buffer, byteOffset: number): void {
    // All samples are 2 or 4 bytes long, so 16-bit words are always aligned, floats in mixed rows are not.
    const words = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length >> 1)
    this.#samples += this.#keptWidth
    for (const [index, channel] of this.#channels.entries()) {
      if (channel.type === 'uint') continue
      const { bits, rest } = EXPONENT[channel.type]
      const step = EXR_SAMPLE_BYTES[channel.type] >> 1
      const first = ((byteOffset + (this.#channelStarts[index] ?? 0)) >> 1) + this.#cropLeft * step + step - 1
      const end = first + this.#keptWidth * step
      for (let at = first; at < end; at += step) {
        const word = words[at] ?? 0
        if ((word & bits) !== bits) continue
        const isNan = (word & rest) !== 0 || (step === 2 && words[at - 1] !== 0)
        const counts = isNan ? this.#nan : this.#infinite
        counts[index] = (counts[index] ?? 0) + 1
      }
    }
  }

  /** Channels with any NaN or infinite sample so far. */
  counts(): readonly NonFiniteCount[] {
    return this.#channels
      .map((channel, index) => ({
        channel: channel.name,
        nan: this.#nan[index] ?? 0,
        infinite: this.#infinite[index] ?? 0,
      }))
      .filter((count) => count.nan + count.infinite > 0)
  }

  /** After the last row: a channel that makes the tile unusable, if there is one. */
  unusableChannel(): NonFiniteCount | undefined {
    return this.counts().find((count) => {
      if (count.nan + count.infinite < this.#samples) return false
      const channel = this.#channels.find((each) => each.name === count.channel)
      return count.nan > 0 || channel === undefined || exrChannelRole(channel).kind !== 'quantity'
    })
  }
}
