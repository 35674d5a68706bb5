import { expect, test } from 'vitest'
import { contentDisposition } from '../../../../shared/adapters/object-store/content-disposition.ts'
import { contentTypeOfKey } from '../../../../shared/protocol/content-types.ts'
import { parseRange } from '../../../../shared/adapters/object-store/http-range.ts'

test('a range is read as HTTP means it', () => {
  expect(parseRange('bytes=0-0', 10)).toEqual({ start: 0, end: 1 })
  expect(parseRange('bytes=2-', 10)).toEqual({ start: 2, end: 10 })
  expect(parseRange('bytes=-3', 10)).toEqual({ start: 7, end: 10 })
  expect(parseRange('bytes=-30', 10)).toEqual({ start: 0, end: 10 })
  expect(parseRange('bytes=5-100', 10)).toEqual({ start: 5, end: 10 })
})

test('a range that gives nothing is unsatisfiable', () => {
  for (const header of ['bytes=10-', 'bytes=10-20', 'bytes=-0'])
    expect(parseRange(header, 10), header).toBe('unsatisfiable')
  expect(parseRange('bytes=0-', 0)).toBe('unsatisfiable')
})

test('what is no single range means the whole object', () => {
  for (const header of [
    undefined,
    '',
    'bytes=-',
    'bytes=5-2',
    'bytes=0-1,3-4',
    'lines=1-2',
    'bytes=a-b',
    'bytes=0x1-2',
  ]) {
    expect(parseRange(header, 10), header).toBeNull()
  }
})

test('a file name cannot break out of its header or into a folder', () => {
  const header = contentDisposition('../a"b\r\nset-cookie: x/\u0000ü\ud800%.png')
  expect(header).toBe(
    `attachment; filename=".._a'b__set-cookie: x_____.png"; ` +
      `filename*=UTF-8''.._a%22b__set-cookie%3A%20x__%C3%BC_%25.png`,
  )
})

test('a cut in the middle of a sign outside the basic plane is harmless', () => {
  expect(() => contentDisposition(`${'a'.repeat(199)}😀.png`)).not.toThrow()
})

test('no key is served as something that a browser runs', () => {
  for (const key of ['a.html', 'a.svg', 'a.js', 'a.xhtml', 'a'])
    expect(contentTypeOfKey(key)).toBe('application/octet-stream')
  expect(contentTypeOfKey('frames/0001.PNG')).toBe('image/png')
})
