// Puts the tiles of a frame together, bit for bit, in bounded memory: bands of output rows are gathered
// from the tiles that cross them, packed on zlib's threads and written in order. What is kept at any
// time is a few bands and the tile blocks under them, never an image.

import assert from 'node:assert/strict'
import { mkdtemp, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { DEFLATE_DEFAULT, encodeExrBlock } from './exr-block.ts'
import type { DeflateChoice } from './exr-block.ts'
import { resizeExrHeader } from './exr-build.ts'
import { decodedBlockBytes, rowsInBlock } from './exr-format.ts'
import type { ExrChannel, ExrHeader } from './exr-format.ts'
import { inOrder } from './exr-pipeline.ts'
import { openExr } from './exr-reader.ts'
import { blocksInFileOrder, createExr } from './exr-writer.ts'
import { checkPlacements } from './stitch-placement.ts'
import type { PixelSize, PlacementRefusalCode } from './stitch-placement.ts'
import type { NonFiniteCount } from './stitch-finiteness.ts'
import { TileSource, checkTileHeader } from './stitch-tile.ts'
import type { StitchTile, TileRefusal } from './stitch-tile.ts'

/**
 * Bytes that the bands in flight may take, each counted four times: its rows, the tile blocks under it, its
 * rearranged copy and its packed form. More bands keep zlib's four threads busier, up to the next limit.
 */
const BANDS_BYTES_MAX = 64 * 1024 * 1024
const COPIES_PER_BAND = 4
const BANDS_IN_FLIGHT_MAX = 8

export type { StitchTile } from './stitch-tile.ts'

type StitchRefusalCode = TileRefusal['code'] | PlacementRefusalCode

export interface StitchRefusal {
  readonly ok: false
  readonly code: StitchRefusalCode
  readonly message: string
  /** The tile at fault, as an index into `tiles`, where it is one tile's fault. */
  readonly tileIndex?: number
}

export interface StitchReport {
  readonly ok: true
  readonly width: number
  readonly height: number
  readonly channels: readonly ExrChannel[]
  readonly outputBytes: number
  /** NaN and infinite samples within the kept areas, by tile; tiles without any are not listed. */
  readonly notFinite: readonly { readonly tileIndex: number; readonly channels: readonly NonFiniteCount[] }[]
}

export interface StitchOptions {
  readonly deflate?: DeflateChoice
  /** Stops between two bands, throwing the signal's reason; no output is left behind. */
  readonly signal?: AbortSignal
}

/**
 * Writes the frame that the tiles make up to `outputPath`, in the compression and with the header attributes of the
 * first tile (see `resizeExrHeader` for what follows from the size). The tiles must cover the frame exactly, have the
 * same channels and types, and hold finite samples in every channel; otherwise nothing is written and the refusal says
 * which tile and why. The file appears under its name only when it is whole. Errors of the disk are thrown.
 */
export async function stitchTiles(
  tiles: readonly StitchTile[],
  full: PixelSize,
  outputPath: string,
  options: StitchOptions = {},
): Promise<StitchReport | StitchRefusal> {
  const placed = checkPlacements(
    tiles.map((tile) => tile.placement),
    full,
  )
  if (!placed.ok) return placed
  const checked = await checkTiles(tiles, full)
  if (!checked.ok) return checked
  const { header } = checked

  // A folder beside the output: rename stays on one file system, and two runs never share a name.
  const scratchFolder = await mkdtemp(join(dirname(outputPath), '.stitch-'))
  const bandsInFlight = Math.max(
    1,
    Math.min(BANDS_IN_FLIGHT_MAX, Math.floor(BANDS_BYTES_MAX / (decodedBlockBytes(header, 0) * COPIES_PER_BAND))),
  )
  const sources = tiles.map((tile, tileIndex) => new TileSource(tile, tileIndex, header, bandsInFlight))
  try {
    const scratchPath = join(scratchFolder, basename(outputPath))
    const outputBytes = await writeFrame(sources, header, bandsInFlight, scratchPath, options)
    if (typeof outputBytes !== 'number') return outputBytes
    await rename(scratchPath, outputPath)
    const notFinite = sources.flatMap((source) =>
      source.notFinite.length > 0 ? [{ tileIndex: source.tileIndex, channels: source.notFinite }] : [],
    )
    return { ok: true, width: header.width, height: header.height, channels: header.channels, outputBytes, notFinite }
  } finally {
    // An error while opening a tile has surfaced above already; here it must not keep the folder from going.
    await Promise.allSettled(sources.map((source) => source.close()))
    await rm(scratchFolder, { recursive: true, force: true })
  }
}

/** Opens every tile once, before anything is written, and makes the frame's header from the first one. */
async function checkTiles(
  tiles: readonly StitchTile[],
  full: PixelSize,
): Promise<{ readonly ok: true; readonly header: ExrHeader } | StitchRefusal> {
  let frame: ExrHeader | undefined
  for (const [tileIndex, tile] of tiles.entries()) {
    const opened = await openExr(tile.path)
    if (!opened.ok) return { ...opened, message: `tile ${tileIndex}: ${opened.message}`, tileIndex }
    await opened.reader.close()
    if (frame === undefined) {
      const resized = resizeExrHeader(opened.reader.header, full)
      if (!resized.ok) return { ...resized, message: `the stitched frame: ${resized.message}` }
      frame = resized.header
    }
    const refusal = checkTileHeader(opened.reader.header, tile, frame)
    if (refusal !== undefined) return { ...refusal, message: `tile ${tileIndex}: ${refusal.message}`, tileIndex }
  }
  assert(frame !== undefined, 'checkPlacements has seen at least one tile')
  return { ok: true, header: frame }
}

/** The length of the finished file, or why there is none. */
async function writeFrame(
  sources: readonly TileSource[],
  header: ExrHeader,
  bandsInFlight: number,
  path: string,
  options: StitchOptions,
): Promise<number | StitchRefusal> {
  const bandBytes = decodedBlockBytes(header, 0)
  const spare: { readonly raw: Buffer; readonly scratch: Buffer }[] = []

  const pack = async (
    band: number,
  ): Promise<
    { readonly ok: true; readonly band: number; readonly packed: Buffer; readonly free: () => void } | StitchRefusal
  > => {
    const firstRow = band * header.rowsPerBlock
    const endRow = firstRow + rowsInBlock(header, band)
    const buffers = spare.pop() ?? {
      raw: Buffer.allocUnsafeSlow(bandBytes),
      scratch: Buffer.allocUnsafeSlow(bandBytes),
    }
    const raw = buffers.raw.subarray(0, decodedBlockBytes(header, band))
    const crossing = sources.filter((source) => source.crosses(firstRow, endRow))
    const copied = await Promise.all(crossing.map((source) => source.copyRows(raw, firstRow, endRow)))
    const refusal = copied.find((each) => each !== undefined)
    if (refusal !== undefined) return refusal
    const packed = await encodeExrBlock(raw, header.compression, options.deflate ?? DEFLATE_DEFAULT, buffers.scratch)
    return { ok: true, band, packed, free: () => spare.push(buffers) }
  }

  const writer = await createExr(path, header)
  try {
    for await (const result of inOrder(blocksInFileOrder(header), bandsInFlight, pack)) {
      options.signal?.throwIfAborted()
      if (!result.ok) return result
      await writer.append(result.band, result.packed)
      result.free()
    }
    return await writer.finish()
  } finally {
    await writer.abandon()
  }
}
