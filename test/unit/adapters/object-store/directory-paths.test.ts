import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  folderNameOf,
  partOfFileName,
  partOfFolderName,
  pathOfKey,
} from '../../../../shared/adapters/object-store/directory-paths.ts'
import { ObjectKey } from '../../../../shared/protocol/object-keys.ts'

const part = fc.stringMatching(/^[A-Za-z0-9_-]([A-Za-z0-9._-]{0,30}[A-Za-z0-9_-])?$/)

test('usual names are left as they are', () => {
  const key = ObjectKey.parse('jobs/job_1/final/frames/0001.png')
  expect(pathOfKey(key)).toBe('jobs/job_1/final/frames/0001.png')
})

test('every part comes back from its file and its folder name', () => {
  fc.assert(
    fc.property(part, (text) => {
      expect(partOfFileName(pathOfKey(ObjectKey.parse(text)))).toBe(text)
      expect(partOfFolderName(folderNameOf(text))).toBe(text)
    }),
  )
})

test('two keys never share a path, not even where case does not count, nor is one the folder of another', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(
        fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/')),
        { minLength: 2, maxLength: 2 },
      ),
      ([a = '', b = '']) => {
        const [one, other] = [a, b].map((text) => pathOfKey(ObjectKey.parse(text)).toLowerCase())
        expect(one).not.toBe(other)
        expect(one?.startsWith(`${other}/`)).toBe(false)
      },
    ),
  )
})

test('every name fits a file system', () => {
  const longest = ObjectKey.parse('A'.repeat(80))
  expect(Buffer.byteLength(pathOfKey(longest))).toBeLessThanOrEqual(255)
})

test('names that are not ours are seen as such', () => {
  for (const name of [
    'A.png',
    'plain',
    'x%',
    '%',
    '%41',
    'a%zz.png',
    '.nfs0001',
    'a.png%',
    '%2e%2e',
    'lost+found',
    '.DS_Store',
  ]) {
    const mine = partOfFileName(name)
    if (mine !== null) expect(pathOfKey(ObjectKey.parse(mine)), name).toBe(name)
  }
  expect(partOfFileName('A.png')).toBeNull()
  expect(partOfFileName('plain')).toBeNull()
  expect(partOfFileName('.DS_Store')).toBeNull()
  expect(partOfFolderName('a.b')).toBeNull()
})
