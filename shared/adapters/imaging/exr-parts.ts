// The head of a whole file: of one part, or of several, which are read as the one image that they are.
//
// Blender 5.0 and later write several parts unless the scene says `use_exr_interleave`. What they write, seen by
// rendering with 5.0.1 and 5.3.0, which are alike but where noted:
// - Multilayer: a part for each pass of each layer (and, first, the compositor's image as `Composite.Combined`), named
//   `ViewLayer.Depth`, or `ViewLayer.Depth-left` with several views, then with a string attribute `view`: the view.
// - Its channels have the names of the interleaved file, `ViewLayer.Depth.Z`, but for the view, which is not in them:
//   interleaved they are `ViewLayer.Depth.left.Z`, and `multiView` (a stringvector) lists the views.
// - A plain EXR of several views has a part for each, named and marked `left`, with channels R, G, B, A; interleaved
//   they are `left.R`. Of one view it has one part and the bit for several is not set, nor is it for a multilayer of
//   one pass: then `name` (empty in a plain file) and `type` are all that differs from an interleaved file.
// - The first part has the attributes of the file (File, Scene, cryptomatte/..., cycles....). Every part has what the
//   format asks for (name, type, chunkCount, channels, windows, ...), `colorInteropID` and xDensity (5.0.1 leaves
//   xDensity out of plain views).
// - All parts have one data window, that of the image, also with a render border that is not cropped. Sample types may
//   differ: in a half file depth and normals are floats. Blocks begin with the number of their part.

import { encodeChannels } from './exr-build.ts'
import {
  EXR_ATTRIBUTES_MAX,
  EXR_ATTRIBUTES_OF_PARTS_MAX,
  EXR_BLOCKS_MAX,
  EXR_CHANNELS_MAX,
  EXR_HEADER_BYTES_MAX,
  EXR_PARTS_MAX,
  refuseExr,
} from './exr-format.ts'
import type { ExrAttribute, ExrChannel, ExrHeader, ExrRefusal } from './exr-format.ts'
import { EXR_START_BYTES, deriveExrHeader, readExrAttributes, readExrVersion } from './exr-header.ts'

export interface ExrPart {
  readonly header: ExrHeader
  /** Its channels in the order of its header, by the names that they have in the image. */
  readonly channels: readonly ExrChannel[]
}

/** `header` is that of the image; `headerBytes` is where the first offset table begins. */
export interface ExrHead {
  readonly ok: true
  readonly header: ExrHeader
  readonly headerBytes: number
  /** Absent in a file of one part. */
  readonly parts?: readonly ExrPart[]
}

/** What a part says of itself and not of the image that all of them are. */
const OWN_ATTRIBUTES: ReadonlySet<string> = new Set(['name', 'type', 'view', 'chunkCount'])

/**
 * Reads the head at the start of `bytes`, which may end before the head does: then the refusal is `truncated` and the
 * caller may come back with more. Parts that are not one image (other sizes, one channel twice) are `unsupported`.
 */
export function parseExrHead(bytes: Buffer): ExrHead | ExrRefusal {
  const version = readExrVersion(bytes)
  if (!version.ok) return version
  if (version.isMultipart) return parseParts(bytes, version.longNames)
  const read = readExrAttributes(bytes, EXR_START_BYTES, version.longNames)
  if (!read.ok) return read
  const derived = deriveExrHeader(read.attributes, version.longNames)
  return derived.ok ? { ok: true, header: derived.header, headerBytes: read.next } : derived
}

/** Headers one after the other; an empty one ends them. */
function parseParts(bytes: Buffer, longNames: boolean): ExrHead | ExrRefusal {
  const parts: ExrPart[] = []
  const names = new Set<string>()
  let at = EXR_START_BYTES
  let attributesLeft = EXR_ATTRIBUTES_OF_PARTS_MAX
  let blocksLeft = EXR_BLOCKS_MAX
  for (;;) {
    const what = `part ${parts.length}`
    const read = readExrAttributes(bytes, at, longNames, Math.min(EXR_ATTRIBUTES_MAX, attributesLeft))
    if (!read.ok) return { ...read, message: `${what}: ${read.message}` }
    at = read.next
    if (at > EXR_HEADER_BYTES_MAX) {
      return refuseExr('too_large', `the headers of the parts have more than ${EXR_HEADER_BYTES_MAX} bytes`)
    }
    if (read.attributes.length === 0) break
    if (parts.length >= EXR_PARTS_MAX) return refuseExr('too_large', `the file has more than ${EXR_PARTS_MAX} parts`)
    const part = derivePart(read.attributes, longNames)
    if (!part.ok) return { ...part, message: `${what}: ${part.message}` }
    if (names.has(part.name)) {
      return refuseExr('corrupt', `${what} is named ${JSON.stringify(part.name)}, as another is`)
    }
    names.add(part.name)
    attributesLeft -= read.attributes.length
    blocksLeft -= part.part.header.blockCount
    if (blocksLeft < 0) return refuseExr('too_large', `the parts have more than ${EXR_BLOCKS_MAX} blocks`)
    parts.push(part.part)
  }
  const merged = mergeParts(parts, longNames)
  return merged.ok ? { ok: true, header: merged.header, headerBytes: at, parts } : merged
}

type DerivedPart = { readonly ok: true; readonly name: string; readonly part: ExrPart }

function derivePart(attributes: readonly ExrAttribute[], longNames: boolean): DerivedPart | ExrRefusal {
  const derived = deriveExrHeader(attributes, longNames)
  if (!derived.ok) return derived
  const { header } = derived
  const name = textOf(attributes, 'name')
  if (name === undefined || textOf(attributes, 'type') === undefined) {
    return refuseExr('corrupt', 'a part must have a name and a type, and has not')
  }
  const count = attributes.find((attribute) => attribute.name === 'chunkCount')
  if (count?.type !== 'int' || count.value.length !== 4 || count.value.readInt32LE(0) !== header.blockCount) {
    return refuseExr('corrupt', `its chunkCount is not ${header.blockCount}, the blocks of ${header.height} rows`)
  }
  const view = textOf(attributes, 'view')
  const channels = header.channels.map((channel) =>
    view === undefined ? channel : { ...channel, name: nameInView(channel.name, view) },
  )
  return { ok: true, name, part: { header, channels } }
}

/** The header that the same image has in one part. */
function mergeParts(parts: readonly ExrPart[], longNames: boolean): ReturnType<typeof deriveExrHeader> {
  const [first] = parts
  if (first === undefined) return refuseExr('corrupt', 'the file has no parts')
  const channels = new Map<string, { readonly channel: ExrChannel; readonly part: number }>()
  const views = new Set<string>()
  for (const [index, { header, channels: own }] of parts.entries()) {
    if (placeOf(header) !== placeOf(first.header)) {
      const places = `part ${index} has ${placeOf(header)}, the first ${placeOf(first.header)}`
      return refuseExr('unsupported', `${places}; parts of one size and place are read`)
    }
    for (const channel of own) {
      const before = channels.get(channel.name)
      if (before !== undefined) {
        const both = `channel ${channel.name} is in parts ${before.part} and ${index}`
        return refuseExr('unsupported', `${both}; parts that make up one image are read`)
      }
      channels.set(channel.name, { channel, part: index })
    }
    if (channels.size > EXR_CHANNELS_MAX) {
      return refuseExr('too_large', `the parts have more than ${EXR_CHANNELS_MAX} channels`)
    }
    const view = textOf(header.attributes, 'view')
    if (view !== undefined) views.add(view)
  }
  const sorted = [...channels.values()].map(({ channel }) => channel).toSorted((a, b) => (a.name < b.name ? -1 : 1))
  // A block of the image covers whole blocks of every part: they have one row, or sixteen from the same row on.
  const tallest = parts
    .map(({ header }) => header)
    .reduce((best, header) => (header.rowsPerBlock > best.rowsPerBlock ? header : best))
  const packing = tallest.attributes.find(({ name }) => name === 'compression')
  const attributes = first.header.attributes
    .filter(({ name }) => !OWN_ATTRIBUTES.has(name))
    .map((attribute): ExrAttribute => {
      if (attribute.name === 'channels') return { ...attribute, value: encodeChannels(sorted) }
      return attribute.name === 'compression' ? (packing ?? attribute) : attribute
    })
  if (views.size > 0 && !attributes.some(({ name }) => name === 'multiView')) {
    attributes.push({ name: 'multiView', type: 'stringvector', value: encodeTexts([...views]) })
  }
  return deriveExrHeader(attributes, longNames)
}

function nameInView(channel: string, view: string): string {
  const dot = channel.lastIndexOf('.')
  return dot < 0 ? `${view}.${channel}` : `${channel.slice(0, dot)}.${view}${channel.slice(dot)}`
}

function placeOf({ dataWindow: data, displayWindow: display, width, height }: ExrHeader): string {
  const picture = `(${display.xMin}, ${display.yMin}) to (${display.xMax}, ${display.yMax})`
  return `${width} x ${height} px from (${data.xMin}, ${data.yMin}) on, in a picture from ${picture}`
}

function textOf(attributes: readonly ExrAttribute[], name: string): string | undefined {
  const found = attributes.find((attribute) => attribute.name === name && attribute.type === 'string')
  return found?.value.toString('latin1')
}

function encodeTexts(texts: readonly string[]): Buffer {
  return Buffer.concat(
    texts.flatMap((text) => {
      const length = Buffer.alloc(4)
      length.writeInt32LE(text.length, 0)
      return [length, Buffer.from(text, 'latin1')]
    }),
  )
}
