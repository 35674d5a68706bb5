// Images of kinds that are delivered as they are and decoded by nobody here (Targa, BMP, Iris, Radiance HDR, DPX,
// Cineon, JPEG 2000, AVIF): their kind, and their size as their header tells it.

import { open } from 'node:fs/promises'
import { IMAGE_HEAD_BYTES, imageEnding } from '../../protocol/image-kinds.ts'

/** Enough of a file to hold the size of its image: the boxes of JPEG 2000 and AVIF come first. */
const HEADER_BYTES = 4_096

interface Size {
  readonly width: number
  readonly height: number
}

/** The ending that goes with the content of a file; undefined for no image. Errors of the disk are thrown. */
export async function endingOf(path: string): Promise<string | undefined> {
  return imageEnding((await headOf(path)).subarray(0, IMAGE_HEAD_BYTES))
}

/** Whether files with this ending are delivered without being decoded. */
export function isUndecoded(ending: string | undefined): ending is string {
  return ending !== undefined && Object.hasOwn(SIZES, ending)
}

/** Holds the size that the header tells against the one that it must be, in px. */
export async function checkUndecoded(
  path: string,
  size: Size,
): Promise<{ ok: true } | { ok: false; code: 'corrupt' | 'sizes_differ'; message: string }> {
  const head = await headOf(path)
  const ending = imageEnding(head.subarray(0, IMAGE_HEAD_BYTES))
  const found = ending === undefined ? undefined : SIZES[ending]?.(head)
  if (found === undefined)
    return { ok: false, code: 'corrupt', message: `the .${ending ?? '?'} image does not tell its size` }
  if (found.width === size.width && found.height === size.height) return { ok: true }
  return {
    ok: false,
    code: 'sizes_differ',
    message: `the image has ${found.width} x ${found.height} px, not ${size.width} x ${size.height}`,
  }
}

async function headOf(path: string): Promise<Buffer> {
  const file = await open(path, 'r')
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEADER_BYTES), 0, HEADER_BYTES, 0)
    return buffer.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}

const SIZES: Readonly<Record<string, (head: Buffer) => Size | undefined>> = {
  tga: (head) => pair(head, 12, (at) => head.readUInt16LE(at), 2),
  bmp: (head) => pair(head, 18, (at) => Math.abs(head.readInt32LE(at)), 4),
  rgb: (head) => pair(head, 6, (at) => head.readUInt16BE(at), 2),
  dpx: (head) => pair(head, 772, (at) => (head[0] === 0x53 ? head.readUInt32BE(at) : head.readUInt32LE(at)), 4),
  cin: (head) => pair(head, 200, (at) => (head[0] === 0x80 ? head.readUInt32BE(at) : head.readUInt32LE(at)), 4),
  hdr: (head) => {
    const [, height, width] = /\n-Y (\d{1,6}) \+X (\d{1,6})\n/.exec(head.toString('latin1')) ?? []
    return height === undefined || width === undefined ? undefined : { width: Number(width), height: Number(height) }
  },
  j2c: (head) => codestream(head, 0),
  jp2: (head) => {
    const box = head.indexOf('ihdr', 0, 'latin1')
    const found = box < 0 ? undefined : pair(head, box + 4, (at) => head.readUInt32BE(at), 4)
    return found === undefined ? undefined : { width: found.height, height: found.width }
  },
  avif: (head) => {
    const box = head.indexOf('ispe', 0, 'latin1')
    return box < 0 ? undefined : pair(head, box + 8, (at) => head.readUInt32BE(at), 4)
  },
}

/** Width and then height, each of so many bytes. */
function pair(head: Buffer, at: number, read: (at: number) => number, bytes: number): Size | undefined {
  return head.length < at + 2 * bytes ? undefined : { width: read(at), height: read(at + bytes) }
}

/** The size that the first marker of a JPEG 2000 codestream tells: the reference grid less its offset. */
function codestream(head: Buffer, start: number): Size | undefined {
  if (head.length < start + 24) return undefined
  const [right, bottom, left, top] = [8, 12, 16, 20].map((at) => head.readUInt32BE(start + at))
  return { width: (right ?? 0) - (left ?? 0), height: (bottom ?? 0) - (top ?? 0) }
}
