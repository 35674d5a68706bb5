/** Bytes from the start of a file that tell which kind of image it is. */
export const IMAGE_HEAD_BYTES = 18

/** Kinds by their first bytes, in hexadecimal. */
const SIGNATURES: readonly (readonly [string, string])[] = [
  ['89504e470d0a1a0a', 'png'],
  ['ffd8ff', 'jpg'],
  ['762f3101', 'exr'],
  ['49492a00', 'tif'],
  ['4d4d002a', 'tif'],
  ['49492b00', 'tif'],
  ['4d4d002b', 'tif'],
  ['233f', 'hdr'],
  ['53445058', 'dpx'],
  ['58504453', 'dpx'],
  ['802a5fd7', 'cin'],
  ['d75f2a80', 'cin'],
  ['0000000c6a502020', 'jp2'],
  ['ff4fff51', 'j2c'],
  ['01da', 'rgb'],
]
/** Targa files have no signature: types of image, and bits of a pixel, that there are. */
const TARGA_TYPES = [1, 2, 3, 9, 10, 11]
const TARGA_BITS = [8, 16, 24, 32]

/**
 * The ending of a file's name that goes with its first IMAGE_HEAD_BYTES, as Blender names files of that kind; undefined
 * for no kind of image that Blender writes.
 */
export function imageEnding(head: Uint8Array): string | undefined {
  const hex = Array.from(head, (byte) => byte.toString(16).padStart(2, '0')).join('')
  const text = (from: number, to: number): string => String.fromCharCode(...head.subarray(from, to))
  const signed = SIGNATURES.find(([start]) => hex.startsWith(start))
  if (signed !== undefined) return signed[1]
  if (text(0, 4) === 'RIFF' && text(8, 12) === 'WEBP') return 'webp'
  if (text(4, 8) === 'ftyp' && ['avif', 'avis', 'mif1'].includes(text(8, 12))) return 'avif'
  if (text(0, 2) === 'BM') return 'bmp'
  const [, palette = 255, type = 0] = head
  const [width, height] = [(head[12] ?? 0) | ((head[13] ?? 0) << 8), (head[14] ?? 0) | ((head[15] ?? 0) << 8)]
  const isTarga = palette <= 1 && TARGA_TYPES.includes(type) && TARGA_BITS.includes(head[16] ?? 0)
  return isTarga && width > 0 && height > 0 ? 'tga' : undefined
}
