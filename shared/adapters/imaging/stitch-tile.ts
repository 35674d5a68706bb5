// One tile while its frame is stitched: opened when the first band needs it, closed after the last, so
// a frame of thousands of tiles holds open only the row of tiles that it is working on.

import { EXR_SAMPLE_BYTES } from './exr-format.ts'
import type { ExrHeader, ExrRefusalCode } from './exr-format.ts'
import { openExr } from './exr-reader.ts'
import { rowsOf } from './exr-rows.ts'
import type { ReadRows } from './exr-rows.ts'
import { FinitenessCount } from './stitch-finiteness.ts'
import type { NonFiniteCount } from './stitch-finiteness.ts'
import type { PixelRect } from './stitch-placement.ts'

export interface StitchTile {
  readonly path: string
  /** Where the kept pixels go in the frame, origin at the top left. */
  readonly placement: PixelRect
  /** Overscan to cut off at the left and the top; what is left over at the right and the bottom is cut off too. */
  readonly crop: { readonly left: number; readonly top: number }
}

export type TileHeaderRefusalCode = 'channels_differ' | 'tile_too_small' | 'crop_invalid'

export interface TileRefusal {
  readonly ok: false
  readonly code: ExrRefusalCode | TileHeaderRefusalCode | 'not_finite'
  readonly message: string
  /** The tile at fault, as an index into the tiles given. */
  readonly tileIndex: number
}

/** Why a tile with this header does not fit into the frame, if it does not. */
export function checkTileHeader(
  header: ExrHeader,
  tile: StitchTile,
  frame: ExrHeader,
): { readonly ok: false; readonly code: TileHeaderRefusalCode; readonly message: string } | undefined {
  const { crop, placement } = tile
  if (![crop.left, crop.top].every((px) => Number.isSafeInteger(px) && px >= 0)) {
    return {
      ok: false,
      code: 'crop_invalid',
      message: `cannot crop ${crop.left} px at the left and ${crop.top} px at the top`,
    }
  }
  if (crop.left + placement.width > header.width || crop.top + placement.height > header.height) {
    return {
      ok: false,
      code: 'tile_too_small',
      message:
        `the file has ${header.width} x ${header.height} px; ${placement.width} x ` +
        `${placement.height} px from (${crop.left}, ${crop.top}) on are needed`,
    }
  }
  const own = new Set(header.channels.map((channel) => `${channel.name} (${channel.type})`))
  const wanted = new Set(frame.channels.map((channel) => `${channel.name} (${channel.type})`))
  const missing = [...wanted].filter((channel) => !own.has(channel))
  const extra = [...own].filter((channel) => !wanted.has(channel))
  if (missing.length + extra.length === 0) return undefined
  return {
    ok: false,
    code: 'channels_differ',
    message: `its channels differ from the first tile's; missing: ${list(missing)}; extra: ${list(extra)}`,
  }
}

/** A message names only so many channels; a multilayer file has hundreds. */
const CHANNELS_NAMED_MAX = 5

function list(names: readonly string[]): string {
  if (names.length === 0) return 'none'
  const named = names.slice(0, CHANNELS_NAMED_MAX).join(', ')
  return names.length > CHANNELS_NAMED_MAX ? `${named} and ${names.length - CHANNELS_NAMED_MAX} more` : named
}

interface OpenTile {
  readonly ok: true
  readonly header: ExrHeader
  readonly readRows: ReadRows
  readonly finiteness: FinitenessCount
  readonly close: () => Promise<void>
}

export class TileSource {
  readonly tile: StitchTile
  readonly tileIndex: number
  readonly #frame: ExrHeader
  readonly #rowsKept: number
  #bandsLeft: number
  #opening: Promise<OpenTile | TileRefusal> | undefined
  #notFinite: readonly NonFiniteCount[] = []

  /** `bandsInFlight` is how many bands may ask for rows before the first of them is done. */
  constructor(tile: StitchTile, tileIndex: number, frame: ExrHeader, bandsInFlight: number) {
    this.tile = tile
    this.tileIndex = tileIndex
    this.#frame = frame
    this.#rowsKept = (bandsInFlight + 1) * frame.rowsPerBlock
    const { y, height } = tile.placement
    this.#bandsLeft = Math.floor((y + height - 1) / frame.rowsPerBlock) - Math.floor(y / frame.rowsPerBlock) + 1
  }

  /** Whether any kept row lies in frame rows `firstRow` up to `endRow`. */
  crosses(firstRow: number, endRow: number): boolean {
    const { y, height } = this.tile.placement
    return y < endRow && firstRow < y + height
  }

  /** NaN and infinite samples by channel; complete once every band was copied. */
  get notFinite(): readonly NonFiniteCount[] {
    return this.#notFinite
  }

  /**
   * Copies the tile's part of one band, frame rows `firstRow` up to `endRow`, into `band`, which holds whole frame
   * rows. Each band is asked for once; after the last one the tile is closed. Gives what is wrong with the tile, if
   * anything.
   */
  async copyRows(band: Buffer, firstRow: number, endRow: number): Promise<TileRefusal | undefined> {
    this.#opening ??= this.#open()
    const open = await this.#opening
    if (!open.ok) return open
    const { placement, crop } = this.tile
    const from = Math.max(firstRow, placement.y)
    const to = Math.min(endRow, placement.y + placement.height)
    const tileRow = crop.top - placement.y
    const rows = await open.readRows(from + tileRow, to + tileRow)
    if (!rows.ok) return this.#refuse(rows.code, rows.message)
    for (const run of rows.runs) {
      for (let at = 0; at < run.rowCount; at += 1) {
        const byteOffset = run.byteOffset + at * open.header.rowBytes
        open.finiteness.addRow(run.bytes, byteOffset)
        this.#copyRow(
          open.header,
          run.bytes,
          byteOffset,
          band,
          (run.firstRow + at - tileRow - firstRow) * this.#frame.rowBytes,
        )
      }
    }
    this.#bandsLeft -= 1
    if (this.#bandsLeft > 0) return undefined
    this.#notFinite = open.finiteness.counts()
    await this.close()
    const unusable = open.finiteness.unusableChannel()
    return unusable === undefined
      ? undefined
      : this.#refuse(
          'not_finite',
          `channel ${unusable.channel} holds no finite sample (${unusable.nan} NaN, ${unusable.infinite} infinite)`,
        )
  }

  /** Legal at any time and twice. */
  async close(): Promise<void> {
    const opening = this.#opening
    if (opening === undefined) return
    const open = await opening
    if (open.ok) await open.close()
  }

  #copyRow(header: ExrHeader, source: Buffer, sourceRow: number, band: Buffer, bandRow: number): void {
    const { placement, crop } = this.tile
    if (header.width === this.#frame.width) {
      source.copy(band, bandRow, sourceRow, sourceRow + header.rowBytes)
      return
    }
    let pixelBytesBefore = 0
    for (const channel of header.channels) {
      const sampleBytes = EXR_SAMPLE_BYTES[channel.type]
      const from = sourceRow + pixelBytesBefore * header.width + crop.left * sampleBytes
      source.copy(
        band,
        bandRow + pixelBytesBefore * this.#frame.width + placement.x * sampleBytes,
        from,
        from + placement.width * sampleBytes,
      )
      pixelBytesBefore += sampleBytes
    }
  }

  async #open(): Promise<OpenTile | TileRefusal> {
    const opened = await openExr(this.tile.path)
    if (!opened.ok) return this.#refuse(opened.code, opened.message)
    const { reader } = opened
    // The file was checked before, but it may have been replaced since.
    const refusal = checkTileHeader(reader.header, this.tile, this.#frame)
    if (refusal !== undefined) {
      await reader.close()
      return this.#refuse(refusal.code, refusal.message)
    }
    return {
      ok: true,
      header: reader.header,
      readRows: rowsOf(reader, this.#rowsKept),
      finiteness: new FinitenessCount(reader.header, this.tile.crop.left, this.tile.placement.width),
      close: () => reader.close(),
    }
  }

  #refuse(code: TileRefusal['code'], message: string): TileRefusal {
    return { ok: false, code, message: `tile ${this.tileIndex}: ${message}`, tileIndex: this.tileIndex }
  }
}
