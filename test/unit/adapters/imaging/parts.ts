// EXR files of several parts, made as Blender 5 writes them: header after header, table after table, and blocks that
// name their part.

import { writeFile } from 'node:fs/promises'
import { DEFLATE_DEFAULT, encodeExrBlock } from '../../../../shared/adapters/imaging/exr-block.ts'
import { makeExrHeader } from '../../../../shared/adapters/imaging/exr-build.ts'
import type { NewExr } from '../../../../shared/adapters/imaging/exr-build.ts'
import {
  EXR_FLAG,
  EXR_SAMPLE_BYTES,
  decodedBlockBytes,
  rowsInBlock,
} from '../../../../shared/adapters/imaging/exr-format.ts'
import type { ExrAttribute, ExrHeader } from '../../../../shared/adapters/imaging/exr-format.ts'
import { encodeExrHeader } from '../../../../shared/adapters/imaging/exr-header.ts'

export interface NewPart extends NewExr {
  readonly name: string
  readonly view?: string
}

export type Sample = (channel: string, x: number, y: number, view?: string) => number

export function text(name: string, value: string): ExrAttribute {
  return { name, type: 'string', value: Buffer.from(value, 'latin1') }
}

/** The header of a part, with all that the format asks of one. */
export function partHeader(part: NewPart, chunkCount?: number): ExrHeader {
  const { blockCount } = makeExrHeader(part)
  const count = Buffer.alloc(4)
  count.writeInt32LE(chunkCount ?? blockCount, 0)
  const blocks = { name: 'chunkCount', type: 'int', value: count }
  const own = [text('name', part.name), text('type', 'scanlineimage'), blocks]
  const view = part.view === undefined ? [] : [text('view', part.view)]
  return makeExrHeader({ ...part, attributes: [...(part.attributes ?? []), ...own, ...view] })
}

/** The head of a file with these headers, up to its tables. */
export function headOf(headers: readonly ExrHeader[]): Buffer {
  const start = Buffer.alloc(8)
  if (headers[0] === undefined) throw new Error('a file has at least one part')
  encodeExrHeader(headers[0]).copy(start, 0, 0, 8)
  start.writeUInt32LE(2 | EXR_FLAG.longNames | EXR_FLAG.multipart, 4)
  return Buffer.concat([start, ...headers.map((header) => encodeExrHeader(header).subarray(8)), Buffer.alloc(1)])
}

/**
 * Writes float and half channels by a function; what it gives for half samples is taken as their bits. Gives the bytes.
 */
export async function writeParts(path: string, parts: readonly NewPart[], sample: Sample): Promise<Buffer> {
  const headers = parts.map((part) => partHeader(part))
  const head = headOf(headers)
  const tableBytes = headers.reduce((sum, header) => sum + header.blockCount * 8, 0)
  const table = Buffer.alloc(tableBytes)
  const blocks: Buffer[] = []
  let at = head.length + tableBytes
  let entry = 0
  for (const [number, header] of headers.entries()) {
    for (let index = 0; index < header.blockCount; index += 1, entry += 8) {
      const raw = blockOf(header, index, (channel, x, y) => sample(channel, x, y, parts[number]?.view))
      const packed = await encodeExrBlock(raw, header.compression, DEFLATE_DEFAULT, Buffer.alloc(raw.length))
      const prefix = Buffer.alloc(12)
      prefix.writeInt32LE(number, 0)
      prefix.writeInt32LE(header.dataWindow.yMin + index * header.rowsPerBlock, 4)
      prefix.writeInt32LE(packed.length, 8)
      table.writeBigUInt64LE(BigInt(at), entry)
      blocks.push(prefix, packed)
      at += prefix.length + packed.length
    }
  }
  const bytes = Buffer.concat([head, table, ...blocks])
  await writeFile(path, bytes)
  return bytes
}

function blockOf(header: ExrHeader, index: number, sample: Sample): Buffer {
  const raw = Buffer.alloc(decodedBlockBytes(header, index))
  let at = 0
  for (let row = 0; row < rowsInBlock(header, index); row += 1) {
    for (const { name, type } of header.channels) {
      for (let x = 0; x < header.width; x += 1, at += EXR_SAMPLE_BYTES[type]) {
        const value = sample(name, x, index * header.rowsPerBlock + row)
        if (type === 'float') raw.writeFloatLE(value, at)
        else raw.writeUInt16LE(value, at)
      }
    }
  }
  return raw
}
