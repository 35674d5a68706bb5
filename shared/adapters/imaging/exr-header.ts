// The header of an EXR file: bytes to attributes, attributes to meaning, and back. A header is always
// derived from its attributes, whether they were read from a file or made here, so the two cannot differ.

import {
  EXR_ATTRIBUTES_MAX,
  EXR_BLOCK_BYTES_MAX,
  EXR_CHANNELS_MAX,
  EXR_FLAG,
  EXR_HEADER_BYTES_MAX,
  EXR_MAGIC,
  EXR_NAME_BYTES_MAX,
  EXR_PIXELS_MAX,
  EXR_ROWS_PER_BLOCK,
  EXR_SAMPLE_BYTES,
  EXR_SIDE_PX_MAX,
  EXR_VERSION,
  refuseExr,
} from './exr-format.ts'
import type {
  ExrAttribute,
  ExrBox,
  ExrChannel,
  ExrCompression,
  ExrHeader,
  ExrLineOrder,
  ExrRefusal,
  ExrSampleType,
} from './exr-format.ts'

const COMPRESSIONS: readonly ExrCompression[] = ['none', 'rle', 'zips', 'zip']
const OTHER_COMPRESSIONS = ['PIZ', 'PXR24', 'B44', 'B44A', 'DWAA', 'DWAB', 'HTJ2K256', 'HTJ2K32']
const SAMPLE_TYPES: readonly ExrSampleType[] = ['uint', 'half', 'float']
const LINE_ORDERS: readonly ExrLineOrder[] = ['increasing', 'decreasing']

export type DerivedExrHeader = { readonly ok: true; readonly header: ExrHeader }

export type ExrVersion = { readonly ok: true; readonly longNames: boolean; readonly isMultipart: boolean }
export type ReadAttributes = { readonly ok: true; readonly attributes: readonly ExrAttribute[]; readonly next: number }

/** Bytes of the magic number and the version field: where the first header begins. */
export const EXR_START_BYTES = 8

/** What the first bytes of a file say of it; refused where that is no EXR file, or of a kind that is not read. */
export function readExrVersion(bytes: Buffer): ExrVersion | ExrRefusal {
  if (bytes.length < 4) return refuseExr('truncated', `the file has ${bytes.length} bytes, an EXR header has more`)
  if (bytes.readUInt32LE(0) !== EXR_MAGIC) return refuseExr('not_exr', 'the file does not begin like an EXR file')
  if (bytes.length < EXR_START_BYTES) return refuseExr('truncated', 'the file ends before its version field')
  const version = bytes.readUInt32LE(4)
  if ((version & 0xff) !== EXR_VERSION) {
    return refuseExr('unsupported', `EXR version ${version & 0xff}; version 2 is read`)
  }
  if ((version & EXR_FLAG.deep) !== 0) return refuseExr('unsupported', 'the file holds deep data; flat images are read')
  if ((version & EXR_FLAG.tiled) !== 0) return refuseExr('unsupported', 'the file is tiled; scanline files are read')
  if ((version & ~(0xff | EXR_FLAG.longNames | EXR_FLAG.multipart)) !== 0) {
    return refuseExr('unsupported', `unknown bits in the version field 0x${version.toString(16)}`)
  }
  const has = (flag: number): boolean => (version & flag) !== 0
  return { ok: true, longNames: has(EXR_FLAG.longNames), isMultipart: has(EXR_FLAG.multipart) }
}

/**
 * The attributes of the header that begins at `from`; `next` is the byte after its end. `bytes` may end before the
 * header does: then the refusal is `truncated` and the caller may come back with more.
 */
export function readExrAttributes(
  bytes: Buffer,
  from: number,
  longNames: boolean,
  attributesMax = EXR_ATTRIBUTES_MAX,
): ReadAttributes | ExrRefusal {
  const attributes: ExrAttribute[] = []
  let at = from
  for (;;) {
    if (at < bytes.length && bytes[at] === 0) return { ok: true, attributes, next: at + 1 }
    if (attributes.length >= attributesMax) {
      return refuseExr('too_large', `the header has more than ${attributesMax} attributes`)
    }
    const name = readName(bytes, at, longNames, 'attribute name')
    if (!name.ok) return name
    const type = readName(bytes, name.next, longNames, `type of attribute ${name.text}`)
    if (!type.ok) return type
    if (type.next + 4 > bytes.length) return refuseExr('truncated', `the file ends in attribute ${name.text}`)
    const size = bytes.readInt32LE(type.next)
    const start = type.next + 4
    if (size < 0) return refuseExr('corrupt', `attribute ${name.text} claims ${size} bytes`)
    if (start + size > EXR_HEADER_BYTES_MAX) {
      return refuseExr(
        'too_large',
        `attribute ${name.text} claims ${size} bytes; a header may have ${EXR_HEADER_BYTES_MAX}`,
      )
    }
    if (start + size > bytes.length) {
      return refuseExr('truncated', `attribute ${name.text} claims ${size} bytes, which the file does not have`)
    }
    attributes.push({ name: name.text, type: type.text, value: bytes.subarray(start, start + size) })
    at = start + size
  }
}

/** The bytes of a header up to where the offset table begins; attribute values go out as they came in. */
export function encodeExrHeader(header: ExrHeader): Buffer {
  const start = Buffer.alloc(8)
  start.writeUInt32LE(EXR_MAGIC, 0)
  start.writeUInt32LE(EXR_VERSION | (header.longNames ? EXR_FLAG.longNames : 0), 4)
  const parts: Buffer[] = [start]
  for (const attribute of header.attributes) {
    const size = Buffer.alloc(4)
    size.writeInt32LE(attribute.value.length, 0)
    parts.push(Buffer.from(`${attribute.name}\0${attribute.type}\0`, 'latin1'), size, attribute.value)
  }
  parts.push(Buffer.alloc(1))
  return Buffer.concat(parts)
}

/** What a list of attributes means. Refused when a needed one is missing, twice there, or makes no sense. */
export function deriveExrHeader(
  attributes: readonly ExrAttribute[],
  longNames: boolean,
): DerivedExrHeader | ExrRefusal {
  const byName = new Map<string, ExrAttribute>()
  for (const attribute of attributes) {
    if (byName.has(attribute.name)) return refuseExr('corrupt', `attribute ${attribute.name} is there twice`)
    byName.set(attribute.name, attribute)
  }
  const part = byName.get('type')
  if (part !== undefined && part.value.toString('latin1') !== 'scanlineimage') {
    return refuseExr(
      'unsupported',
      `the file holds a ${JSON.stringify(part.value.toString('latin1', 0, 32))}, only scanline images are read`,
    )
  }
  const channels = parseChannels(byName.get('channels'), longNames)
  if (!channels.ok) return channels
  const compression = parseChoice(byName.get('compression'), 'compression', COMPRESSIONS, OTHER_COMPRESSIONS)
  if (!compression.ok) return compression
  const lineOrder = parseChoice(byName.get('lineOrder'), 'lineOrder', LINE_ORDERS, ['RANDOM_Y'])
  if (!lineOrder.ok) return lineOrder
  const dataWindow = parseBox(byName.get('dataWindow'), 'dataWindow')
  if (!dataWindow.ok) return dataWindow
  const displayWindow = parseBox(byName.get('displayWindow'), 'displayWindow')
  if (!displayWindow.ok) return displayWindow

  const box = dataWindow.box
  const width = box.xMax - box.xMin + 1
  const height = box.yMax - box.yMin + 1
  if (width > EXR_SIDE_PX_MAX || height > EXR_SIDE_PX_MAX || width * height > EXR_PIXELS_MAX) {
    return refuseExr(
      'too_large',
      `the file claims ${width} x ${height} px; at most ${EXR_SIDE_PX_MAX} ` +
        `a side and ${EXR_PIXELS_MAX} in all are read`,
    )
  }
  const pixelBytes = channels.channels.reduce((sum, channel) => sum + EXR_SAMPLE_BYTES[channel.type], 0)
  const rowBytes = pixelBytes * width
  const rowsPerBlock = EXR_ROWS_PER_BLOCK[compression.choice]
  if (rowBytes * Math.min(rowsPerBlock, height) > EXR_BLOCK_BYTES_MAX) {
    return refuseExr(
      'too_large',
      `a block of ${rowsPerBlock} rows would have ${rowBytes * rowsPerBlock} ` +
        `bytes; at most ${EXR_BLOCK_BYTES_MAX} are read`,
    )
  }
  return {
    ok: true,
    header: {
      longNames,
      attributes,
      channels: channels.channels,
      compression: compression.choice,
      lineOrder: lineOrder.choice,
      dataWindow: box,
      displayWindow: displayWindow.box,
      width,
      height,
      pixelBytes,
      rowBytes,
      rowsPerBlock,
      blockCount: Math.ceil(height / rowsPerBlock),
    },
  }
}

type ReadName = { readonly ok: true; readonly text: string; readonly next: number }

function readName(bytes: Buffer, from: number, longNames: boolean, what: string): ReadName | ExrRefusal {
  const bytesMax = longNames ? EXR_NAME_BYTES_MAX.long : EXR_NAME_BYTES_MAX.short
  const window = bytes.subarray(from, from + bytesMax + 1)
  const length = window.indexOf(0)
  if (length === 0) return refuseExr('corrupt', `empty ${what}`)
  if (length > 0) return { ok: true, text: window.toString('latin1', 0, length), next: from + length + 1 }
  return window.length > bytesMax
    ? refuseExr('corrupt', `${what} has more than ${bytesMax} bytes`)
    : refuseExr('truncated', `the file ends in the ${what}`)
}

type ParsedChannels = { readonly ok: true; readonly channels: readonly ExrChannel[] }

function parseChannels(attribute: ExrAttribute | undefined, longNames: boolean): ParsedChannels | ExrRefusal {
  if (attribute?.type !== 'chlist') return refuseExr('corrupt', 'the header has no channel list')
  const value = attribute.value
  const channels: ExrChannel[] = []
  let at = 0
  for (;;) {
    if (at >= value.length) return refuseExr('corrupt', 'the channel list has no end')
    if (value[at] === 0) break
    const name = readName(value, at, longNames, 'channel name')
    if (!name.ok) return refuseExr('corrupt', `in the channel list: ${name.message}`)
    if (name.next + 16 > value.length) return refuseExr('corrupt', `the channel list ends in channel ${name.text}`)
    const typeCode = value.readInt32LE(name.next)
    const type = SAMPLE_TYPES[typeCode]
    if (type === undefined) return refuseExr('corrupt', `channel ${name.text} has the unknown sample type ${typeCode}`)
    if (value.readInt32LE(name.next + 8) !== 1 || value.readInt32LE(name.next + 12) !== 1) {
      return refuseExr('unsupported', `channel ${name.text} is subsampled; only full resolution is read`)
    }
    const before = channels.at(-1)
    if (before !== undefined && before.name >= name.text) {
      return refuseExr(
        'corrupt',
        `channel ${name.text} stands after ${before.name}; the format keeps channels in the order of their names`,
      )
    }
    channels.push({ name: name.text, type })
    if (channels.length > EXR_CHANNELS_MAX) return refuseExr('too_large', `more than ${EXR_CHANNELS_MAX} channels`)
    at = name.next + 16
  }
  if (at !== value.length - 1) return refuseExr('corrupt', 'bytes follow the end of the channel list')
  return channels.length > 0 ? { ok: true, channels } : refuseExr('corrupt', 'the file has no channels')
}

function parseChoice<Choice>(
  attribute: ExrAttribute | undefined,
  name: string,
  choices: readonly Choice[],
  unread: readonly string[],
): { readonly ok: true; readonly choice: Choice } | ExrRefusal {
  if (attribute?.type !== name || attribute.value.length !== 1) {
    return refuseExr('corrupt', `the header has no sound ${name} attribute`)
  }
  const code = attribute.value.readUInt8(0)
  const choice = choices[code]
  if (choice !== undefined) return { ok: true, choice }
  const unreadName = unread[code - choices.length]
  return unreadName === undefined
    ? refuseExr('corrupt', `unknown ${name} ${code}`)
    : refuseExr('unsupported', `${name} ${unreadName}; read are ${choices.join(', ')}`)
}

function parseBox(
  attribute: ExrAttribute | undefined,
  name: string,
): { readonly ok: true; readonly box: ExrBox } | ExrRefusal {
  if (attribute?.type !== 'box2i' || attribute.value.length !== 16) {
    return refuseExr('corrupt', `the header has no sound ${name} attribute`)
  }
  const value = attribute.value
  const box = {
    xMin: value.readInt32LE(0),
    yMin: value.readInt32LE(4),
    xMax: value.readInt32LE(8),
    yMax: value.readInt32LE(12),
  }
  if (box.xMax < box.xMin || box.yMax < box.yMin) {
    return refuseExr('corrupt', `${name} is empty: (${box.xMin}, ${box.yMin}) to (${box.xMax}, ${box.yMax})`)
  }
  return { ok: true, box }
}
