import { buffer } from 'node:stream/consumers'
import { ZipFile } from 'yazl'

/** One entry to pack; a name that ends in "/" is a folder. */
export interface ZipPart {
  name: string
  contents?: Buffer | string
  /** Unix mode with its file type, such as 0o120777 for a symbolic link. */
  mode?: number
  stored?: boolean
}

/** Packs an archive. Names must be safe here; use renamed() to make them otherwise. */
export async function zipOf(...parts: (ZipPart | string)[]): Promise<Buffer> {
  const zip = new ZipFile()
  for (const part of parts) {
    const { name, contents = '', mode = 0o100644, stored = false } = typeof part === 'string' ? { name: part } : part
    if (name.endsWith('/')) zip.addEmptyDirectory(name)
    else zip.addBuffer(Buffer.from(contents), name, { mode, compress: !stored })
  }
  zip.end()
  return buffer(zip.outputStream)
}

/** The archive with a name replaced by another of the same length, wherever it stands. */
export function renamed(zip: Buffer, from: string, to: string): Buffer {
  if (Buffer.byteLength(from) !== Buffer.byteLength(to)) throw new Error('the names must have the same length')
  const bytes = Buffer.from(zip)
  for (let at = bytes.indexOf(from); at >= 0; at = bytes.indexOf(from, at + 1)) bytes.write(to, at)
  return bytes
}

/** The archive with a number changed in the table of contents, for the entry with this index. */
export function withTableValue(
  zip: Buffer,
  entry: number,
  field: keyof typeof TABLE_FIELDS,
  change: (value: number) => number,
): Buffer {
  const bytes = Buffer.from(zip)
  let at = bytes.indexOf(TABLE_SIGNATURE)
  for (let passed = 0; passed < entry; passed++) at = bytes.indexOf(TABLE_SIGNATURE, at + 1)
  const [offset, size] = TABLE_FIELDS[field]
  bytes.writeUIntLE(change(bytes.readUIntLE(at + offset, size)), at + offset, size)
  return bytes
}

const TABLE_SIGNATURE = Buffer.from('PK\x01\x02', 'latin1')
const TABLE_FIELDS = {
  flags: [8, 2],
  method: [10, 2],
  crc32: [16, 4],
  packedBytes: [20, 4],
  unpackedBytes: [24, 4],
  offset: [42, 4],
} as const
