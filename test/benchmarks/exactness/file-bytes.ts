// What in two image files differs apart from pixels: bytes, or only what Blender notes about the render.

import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { isExr } from '../../../shared/adapters/imaging/exr-check.ts'
import { openExr } from '../../../shared/adapters/imaging/exr-reader.ts'

/** What two runs of one Blender on one machine write differently: when it was, and how long it took. */
const OF_THE_RUN = /^(Date|RenderTime|Memory|capDate|DateTime|cycles\..*_time)$/

export type BytesVerdict = 'equal' | 'equal but for date and time' | `metadata differs: ${string}` | 'differ'

/** A file taken apart: its notes by name, and all the rest. */
interface Parts {
  readonly notes: ReadonlyMap<string, string>
  readonly rest: Buffer
}

/** How far the bytes of two files of one format agree. */
export async function compareBytes(pathA: string, pathB: string): Promise<BytesVerdict> {
  const [bytesA, bytesB] = [await readFile(pathA), await readFile(pathB)]
  if (bytesA.equals(bytesB)) return 'equal'
  const [a, b] = [await takeApart(pathA, bytesA), await takeApart(pathB, bytesB)]
  if (!a.rest.equals(b.rest)) return 'differ'
  const names = new Set([...a.notes.keys(), ...b.notes.keys()])
  const other = [...names].filter((name) => a.notes.get(name) !== b.notes.get(name) && !OF_THE_RUN.test(name))
  return other.length === 0 ? 'equal but for date and time' : `metadata differs: ${other.slice(0, 6).join(', ')}`
}

async function takeApart(path: string, bytes: Buffer): Promise<Parts> {
  if (await isExr(path)) return await exrParts(path, bytes)
  if (bytes.subarray(1, 4).toString('latin1') === 'PNG') return pngParts(bytes)
  if (bytes.readUInt16BE(0) === 0xffd8) return jpegParts(bytes)
  return { notes: new Map(), rest: bytes }
}

function pngParts(bytes: Buffer): Parts {
  const notes = new Map<string, string>()
  const rest: Buffer[] = []
  for (let at = 8; at + 12 <= bytes.length; ) {
    const length = bytes.readUInt32BE(at)
    const kind = bytes.subarray(at + 4, at + 8).toString('latin1')
    const value = bytes.subarray(at + 8, at + 8 + length)
    if (/^(tEXt|zTXt|iTXt)$/.test(kind)) note(notes, value.subarray(0, value.indexOf(0)).toString('latin1'), value)
    else rest.push(bytes.subarray(at, at + 12 + length))
    at += 12 + length
  }
  return { notes, rest: Buffer.concat(rest) }
}

/** Blender writes its notes as comments, `Blender:name:value`. */
function jpegParts(bytes: Buffer): Parts {
  const notes = new Map<string, string>()
  const rest: Buffer[] = []
  let at = 2
  while (at + 4 <= bytes.length && bytes[at] === 0xff && bytes[at + 1] !== 0xda) {
    const end = at + 2 + bytes.readUInt16BE(at + 2)
    const segment = bytes.subarray(at, end)
    if (bytes[at + 1] === 0xfe) {
      const text = segment.subarray(4).toString('latin1')
      note(notes, /^Blender:([^:]*):/.exec(text)?.[1] ?? text, segment)
    } else rest.push(segment)
    at = end
  }
  return { notes, rest: Buffer.concat([...rest, bytes.subarray(at)]) }
}

/** The pixels of an EXR follow a table of their places, which moves with the length of the header. */
async function exrParts(path: string, bytes: Buffer): Promise<Parts> {
  const opened = await openExr(path)
  if (!opened.ok) return { notes: new Map(), rest: bytes }
  const notes = new Map<string, string>()
  const { attributes } = opened.reader.header
  await opened.reader.close()
  for (const { name, type, value } of attributes) note(notes, name, Buffer.concat([Buffer.from(type), value]))
  const headerBytes = 8 + attributes.reduce((sum, { name, type, value }) => sum + Buffer.byteLength(name) + Buffer.byteLength(type) + 2 + 4 + value.length, 0) + 1
  return { notes, rest: bytes.subarray(headerBytes + opened.reader.header.blockCount * 8) }
}

function note(notes: Map<string, string>, name: string, value: Buffer): void {
  notes.set(name, createHash('sha256').update(value).digest('hex'))
}
