// Headers that we make: new ones, and those of a stitched frame, which are a tile's with the frame's size.

import assert from 'node:assert/strict'
import { deriveExrHeader } from './exr-header.ts'
import { EXR_NAME_BYTES_MAX } from './exr-format.ts'
import type { ExrAttribute, ExrBox, ExrChannel, ExrCompression, ExrHeader, ExrLineOrder } from './exr-format.ts'

const SAMPLE_TYPE_CODE = { uint: 0, half: 1, float: 2 } as const
const COMPRESSION_CODE = { none: 0, rle: 1, zips: 2, zip: 3 } as const

export interface NewExr {
  readonly width: number
  readonly height: number
  /** In any order; the file has them in the order of their names. */
  readonly channels: readonly ExrChannel[]
  readonly compression?: ExrCompression
  readonly lineOrder?: ExrLineOrder
  /** Attributes beyond those that every file has. */
  readonly attributes?: readonly ExrAttribute[]
}

/** A header for a new image with its origin at 0,0. What the format cannot hold is a bug of the caller and asserts. */
export function makeExrHeader(image: NewExr): ExrHeader {
  const channels = image.channels.toSorted((a, b) => (a.name < b.name ? -1 : 1))
  const own = image.attributes ?? []
  const names = [
    ...channels.map((channel) => channel.name),
    ...own.flatMap((attribute) => [attribute.name, attribute.type]),
  ]
  const box = encodeBox(frameBox(image.width, image.height))
  const one = Buffer.alloc(4)
  one.writeFloatLE(1, 0)
  const attributes: ExrAttribute[] = [
    ...own,
    { name: 'channels', type: 'chlist', value: encodeChannels(channels) },
    { name: 'compression', type: 'compression', value: Buffer.of(COMPRESSION_CODE[image.compression ?? 'zip']) },
    { name: 'dataWindow', type: 'box2i', value: box },
    { name: 'displayWindow', type: 'box2i', value: box },
    { name: 'lineOrder', type: 'lineOrder', value: Buffer.of(image.lineOrder === 'decreasing' ? 1 : 0) },
    { name: 'pixelAspectRatio', type: 'float', value: one },
    { name: 'screenWindowCenter', type: 'v2f', value: Buffer.alloc(8) },
    { name: 'screenWindowWidth', type: 'float', value: one },
  ]
  const longNames = names.some((name) => name.length > EXR_NAME_BYTES_MAX.short)
  const derived = deriveExrHeader(attributes, longNames)
  assert(derived.ok, derived.ok ? '' : derived.message)
  return derived.header
}

/**
 * The same header for an image of another size with its origin at 0,0. Every attribute stays as it is,
 * byte for byte, but the two windows and, where present, `chunkCount`, which follows from the size. A
 * `preview` is left out: it is a thumbnail of the old image. Refused when the new size is over a limit.
 */
export function resizeExrHeader(
  header: ExrHeader,
  size: { readonly width: number; readonly height: number },
): ReturnType<typeof deriveExrHeader> {
  const box = encodeBox(frameBox(size.width, size.height))
  const chunkCount = Buffer.alloc(4)
  chunkCount.writeInt32LE(Math.ceil(size.height / header.rowsPerBlock), 0)
  const replaced = new Map<string, Buffer>([
    ['dataWindow', box],
    ['displayWindow', box],
    ['chunkCount', chunkCount],
  ])
  const attributes = header.attributes
    .filter((attribute) => attribute.type !== 'preview')
    .map((attribute) => ({ ...attribute, value: replaced.get(attribute.name) ?? attribute.value }))
  return deriveExrHeader(attributes, header.longNames)
}

function frameBox(width: number, height: number): ExrBox {
  return { xMin: 0, yMin: 0, xMax: width - 1, yMax: height - 1 }
}

function encodeBox(box: ExrBox): Buffer {
  const value = Buffer.alloc(16)
  value.writeInt32LE(box.xMin, 0)
  value.writeInt32LE(box.yMin, 4)
  value.writeInt32LE(box.xMax, 8)
  value.writeInt32LE(box.yMax, 12)
  return value
}

/** The value of a `channels` attribute, in the order given. */
export function encodeChannels(channels: readonly ExrChannel[]): Buffer {
  const parts = channels.flatMap((channel) => {
    const fields = Buffer.alloc(16)
    fields.writeInt32LE(SAMPLE_TYPE_CODE[channel.type], 0)
    fields.writeInt32LE(1, 8)
    fields.writeInt32LE(1, 12)
    return [Buffer.from(`${channel.name}\0`, 'latin1'), fields]
  })
  return Buffer.concat([...parts, Buffer.alloc(1)])
}
