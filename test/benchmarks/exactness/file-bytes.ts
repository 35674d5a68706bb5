// What in two image files differs apart from pixels: bytes, or only what Blender metadata about the render.

import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { EXR_FLAG, EXR_MAGIC } from '../../../shared/adapters/imaging/exr-format.ts'

const TIFF_DATE_TIME = 306
/** What two runs of one Blender on one machine write differently: when it was, and how long it took. */
const OF_THE_RUN = /^(Date|RenderTime|Memory|capDate|DateTime|cycles\..*_time)$/

export type BytesVerdict = 'equal' | 'equal but for date and time' | `metadata differs: ${string}` | 'differ'

/** A file taken apart: its metadata by name, and all the rest. */
interface Parts {
  readonly metadata: ReadonlyMap<string, string>
  readonly rest: Buffer
}

/** How far the bytes of two files of one format agree. `alsoOfTheRun`: a field that says nothing here. */
export async function compareBytes(pathA: string, pathB: string, alsoOfTheRun?: string): Promise<BytesVerdict> {
  const [bytesA, bytesB] = [await readFile(pathA), await readFile(pathB)]
  if (bytesA.equals(bytesB)) return 'equal'
  const [a, b] = [takeApart(bytesA), takeApart(bytesB)]
  if (!a.rest.equals(b.rest)) return 'differ'
  const names = new Set([...a.metadata.keys(), ...b.metadata.keys()])
  const other = [...names].filter(
    (name) => a.metadata.get(name) !== b.metadata.get(name) && !OF_THE_RUN.test(name) && name !== alsoOfTheRun,
  )
  return other.length === 0 ? 'equal but for date and time' : `metadata differs: ${other.slice(0, 6).join(', ')}`
}

function takeApart(bytes: Buffer): Parts {
  if (bytes.readUInt32LE(0) === EXR_MAGIC) return exrParts(bytes)
  if (bytes.subarray(1, 4).toString('latin1') === 'PNG') return pngParts(bytes)
  if (bytes.readUInt16BE(0) === 0xffd8) return jpegParts(bytes)
  if (bytes.readUInt32BE(0) === 0x49492a00) return tiffParts(bytes)
  return { metadata: new Map(), rest: bytes }
}

function pngParts(bytes: Buffer): Parts {
  const metadata = new Map<string, string>()
  const rest: Buffer[] = []
  for (let at = 8; at + 12 <= bytes.length;) {
    const length = bytes.readUInt32BE(at)
    const kind = bytes.subarray(at + 4, at + 8).toString('latin1')
    const value = bytes.subarray(at + 8, at + 8 + length)
    if (/^(tEXt|zTXt|iTXt)$/.test(kind)) add(metadata, value.subarray(0, value.indexOf(0)).toString('latin1'), value)
    else rest.push(bytes.subarray(at, at + 12 + length))
    at += 12 + length
  }
  return { metadata, rest: Buffer.concat(rest) }
}

/** Blender writes its metadata as comments, `Blender:name:value`. */
function jpegParts(bytes: Buffer): Parts {
  const metadata = new Map<string, string>()
  const rest: Buffer[] = []
  let at = 2
  while (at + 4 <= bytes.length && bytes[at] === 0xff && bytes[at + 1] !== 0xda) {
    const end = at + 2 + bytes.readUInt16BE(at + 2)
    const segment = bytes.subarray(at, end)
    if (bytes[at + 1] === 0xfe) {
      const text = segment.subarray(4).toString('latin1')
      add(metadata, /^Blender:([^:]*):/.exec(text)?.[1] ?? text, segment)
    } else rest.push(segment)
    at = end
  }
  return { metadata, rest: Buffer.concat([...rest, bytes.subarray(at)]) }
}

/** A little-endian TIFF, as Blender writes; of its metadata only the time, which OpenImageIO adds. */
function tiffParts(bytes: Buffer): Parts {
  const metadata = new Map<string, string>()
  const rest = Buffer.from(bytes)
  const directory = bytes.readUInt32LE(4)
  for (let entry = 0; entry < bytes.readUInt16LE(directory); entry++) {
    const at = directory + 2 + entry * 12
    if (bytes.readUInt16LE(at) !== TIFF_DATE_TIME) continue
    const [length, place] = [bytes.readUInt32LE(at + 4), bytes.readUInt32LE(at + 8)]
    add(metadata, 'DateTime', bytes.subarray(place, place + length))
    rest.fill(0, place, place + length)
  }
  return { metadata, rest }
}

/**
 * An EXR of any codec: its attributes, of every part, and its pixels, which follow the tables of their places. The
 * tables move with the length of the headers, so they are left out; they end where their own first entry points to.
 */
function exrParts(bytes: Buffer): Parts {
  const metadata = new Map<string, string>()
  let at = 8
  const text = (): string => {
    const end = bytes.indexOf(0, at)
    const found = bytes.subarray(at, end).toString('latin1')
    at = end + 1
    return found
  }
  const hasParts = (bytes.readUInt32LE(4) & EXR_FLAG.multipart) !== 0
  for (let part = 0; ; part += 1) {
    while (bytes[at] !== 0) {
      const name = text()
      const kind = text()
      const size = bytes.readInt32LE(at)
      const value = Buffer.concat([Buffer.from(kind), bytes.subarray(at + 4, at + 4 + size)])
      add(metadata, part === 0 ? name : `${name} of part ${part}`, value)
      at += 4 + size
    }
    // An empty header ends the parts.
    if (!hasParts || bytes[at + 1] === 0) break
    at += 1
  }
  if (hasParts) at += 1
  return { metadata, rest: bytes.subarray(Number(bytes.readBigUInt64LE(at + 1))) }
}

function add(metadata: Map<string, string>, name: string, value: Buffer): void {
  metadata.set(name, createHash('sha256').update(value).digest('hex'))
}
