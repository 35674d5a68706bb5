// The first bytes of a .blend. Two layouts are in use:
//   to 4.x   BLENDER  '_' or '-' (4 or 8 byte pointers)  'v' or 'V' (little, big endian)  3 digits
//   from 5.0 BLENDER  2 digits header size  '-'  2 digits format version  'v'  4 digits
// The second always has 8 byte pointers and wider block heads.

import { BlendFault } from './blend-fault.ts'

const MAGIC = 'BLENDER'
const SHORT_HEADER_BYTES = 12
const LONG_HEADER_BYTES = 17

/** How the rest of the file is laid out. */
export interface BlendHeader {
  readonly headerBytes: number
  readonly pointerBytes: 4 | 8
  /** `wide` heads hold 64-bit lengths and are 32 bytes long. */
  readonly blockHeads: 'narrow' | 'wide'
  readonly major: number
  readonly minor: number
}

/**
 * Decodes the header from the first bytes of the (decompressed) file; undefined if more are needed.
 * Throws a BlendFault for what is not a .blend or is one of an unreadable kind.
 */
export function parseBlendHeader(bytes: Buffer): BlendHeader | undefined {
  const magicSoFar = bytes.toString('latin1', 0, Math.min(bytes.length, MAGIC.length))
  if (!MAGIC.startsWith(magicSoFar)) {
    throw new BlendFault(
      'not_a_blend',
      'the file does not begin with "BLENDER"; hand in a .blend that Blender has saved',
    )
  }
  if (bytes.length < SHORT_HEADER_BYTES) return undefined
  const pointerMark = bytes.toString('latin1', 7, 8)
  return pointerMark === '_' || pointerMark === '-' ? parseShortHeader(bytes, pointerMark) : parseLongHeader(bytes)
}

function parseShortHeader(bytes: Buffer, pointerMark: '_' | '-'): BlendHeader {
  const match = /^([vV])(\d{3})$/.exec(bytes.toString('latin1', 8, SHORT_HEADER_BYTES))
  if (match === null) throw new BlendFault('not_a_blend', 'the bytes after "BLENDER" are not those of a .blend header')
  if (match[1] === 'V') {
    throw new BlendFault(
      'blend_big_endian',
      'the file was written on a big-endian computer; open it in Blender 4.5 or older and save it again',
    )
  }
  return {
    headerBytes: SHORT_HEADER_BYTES,
    pointerBytes: pointerMark === '_' ? 4 : 8,
    blockHeads: 'narrow',
    ...splitVersion(Number(match[2])),
  }
}

function parseLongHeader(bytes: Buffer): BlendHeader | undefined {
  if (bytes.length < LONG_HEADER_BYTES) return undefined
  const match = /^(\d{2})-(\d{2})([vV])(\d{4})$/.exec(bytes.toString('latin1', 7, LONG_HEADER_BYTES))
  if (match === null) throw new BlendFault('not_a_blend', 'the bytes after "BLENDER" are not those of a .blend header')
  if (match[3] === 'V')
    throw new BlendFault('blend_big_endian', 'the file was written on a big-endian computer; save it again on another')
  if (Number(match[1]) !== LONG_HEADER_BYTES || Number(match[2]) !== 1) {
    throw new BlendFault(
      'blend_unsupported_format',
      `the file has header size ${match[1]} and format version ${match[2]}; 17 and 01 ` +
        '(Blender 5) are the newest known: save it with an older Blender',
    )
  }
  return { headerBytes: LONG_HEADER_BYTES, pointerBytes: 8, blockHeads: 'wide', ...splitVersion(Number(match[4])) }
}

// 279 is 2.79, 304 is 3.4, 500 is 5.0.
function splitVersion(version: number): { major: number; minor: number } {
  return { major: Math.floor(version / 100), minor: version % 100 }
}
