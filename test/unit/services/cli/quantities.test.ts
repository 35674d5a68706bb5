import { expect, test } from 'vitest'
import { ByteSize, formatBytes, formatSeconds, Share } from '../../../../services/cli/quantities.ts'

test.each([
  ['8GiB', 8 * 2 ** 30],
  ['8 gib', 8 * 2 ** 30],
  ['1.5MiB', 1.5 * 2 ** 20],
  ['1024', 1024],
  ['2k', 2048],
])('%s is a size of %i bytes', (text, bytes) => {
  expect(ByteSize.parse(text)).toBe(bytes)
})

test.each(['', 'GiB', '-1', '8 XB', '8GiB!'])('%o is no size', (text) => {
  expect(ByteSize.safeParse(text).success).toBe(false)
})

test.each([
  ['0.1', 0.1],
  ['10%', 0.1],
  ['.5', 0.5],
  ['1', 1],
  ['100%', 1],
  ['0', 0],
])('%s is a share of %f', (text, share) => {
  expect(Share.parse(text)).toBeCloseTo(share)
})

test.each(['', '101%', '1.01', '-0.1', '1e-3'])('%o is no share', (text) => {
  expect(Share.safeParse(text).success).toBe(false)
})

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1536, '1.5 KiB'],
  [250 * 2 ** 20, '250 MiB'],
  [5 * 2 ** 50, '5120 TiB'],
])('%i bytes are written %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text)
})

test.each([
  [0, '0 s'],
  [59.4, '59 s'],
  [60, '1 min 00 s'],
  [3599, '59 min 59 s'],
  [7440, '2 h 04 min'],
])('%f seconds are written %s', (seconds, text) => {
  expect(formatSeconds(seconds)).toBe(text)
})
