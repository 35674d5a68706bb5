import { open } from 'node:fs/promises'

/** What a handed-in file seems to be, by its first bytes. */
export type SceneKind = 'blend' | 'zip' | 'unknown'

/** True for the first bytes of gzip data. */
export function isGzip(magic: Buffer): boolean {
  return magic.length >= 2 && magic[0] === 0x1f && magic[1] === 0x8b
}

/** True for the first bytes of a zstd frame. */
export function isZstd(magic: Buffer): boolean {
  return magic.length >= 4 && magic.readUInt32LE(0) === 0xfd2fb528
}

/**
 * Tells a .blend (plain or compressed) from a .zip by its first bytes, whatever its name is. Compressed
 * data count as a .blend here; readBlend finds out whether there is one inside. Throws the system's
 * error if the file cannot be opened.
 */
export async function kindOfScene(path: string): Promise<SceneKind> {
  const file = await open(path, 'r')
  try {
    const start = Buffer.alloc(7)
    const { bytesRead } = await file.read(start, 0, start.length, 0)
    const magic = start.subarray(0, bytesRead)
    if (magic.toString('latin1') === 'BLENDER' || isGzip(magic) || isZstd(magic)) return 'blend'
    // An archive begins with its first entry, an empty one with its end record.
    const signature = magic.length >= 4 ? magic.readUInt32LE(0) : 0
    return signature === 0x04034b50 || signature === 0x06054b50 ? 'zip' : 'unknown'
  } finally {
    await file.close()
  }
}
