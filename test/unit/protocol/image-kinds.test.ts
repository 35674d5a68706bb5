import { expect, test } from 'vitest'
import { imageEnding } from '../../../shared/protocol/image-kinds.ts'

test.each([
  ['89504e470d0a1a0a0000000d', 'png'],
  ['ffd8ffe000104a4649460001', 'jpg'],
  ['762f31010204000000000000', 'exr'],
  ['49492a000800000000000000', 'tif'],
  ['4d4d002a0000000800000000', 'tif'],
  ['524946460000000057454250', 'webp'],
  ['233f52414449414e43450a46', 'hdr'],
  ['5344505800001f9c56322e30', 'dpx'],
  ['58504453002000005632', 'dpx'],
  ['802a5fd70000080000000400', 'cin'],
  ['0000000c6a5020200d0a870a', 'jp2'],
  ['ff4fff510032000000000030', 'j2c'],
  ['01da01010003003000200004', 'rgb'],
  ['424d36120000000000003600', 'bmp'],
  ['0000001c6674797061766966', 'avif'],
  ['00000a000000000000000000300020002008', 'tga'],
  ['0000020000000000000000003000200018', 'tga'],
  ['524946460000000041564920', undefined],
  ['00000a000000000000000000000020002008', undefined],
  ['000000000000000000000000000000000000', undefined],
  ['68656c6c6f', undefined],
  ['', undefined],
  ['8950', undefined],
])('a file that begins with %s is named .%s', (hex, ending) => {
  expect(imageEnding(Buffer.from(hex, 'hex'))).toBe(ending)
})
