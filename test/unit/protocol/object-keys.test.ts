import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  attemptKey,
  attemptPrefix,
  AttemptFileName,
  blobKey,
  checkKey,
  finalKey,
  finalManifestKey,
  InvalidKeyPart,
  jobPrefix,
  journalKey,
  KEY_PART_CHARS_MAX,
  ObjectKey,
  ObjectPrefix,
  parseAttemptKey,
  parseBlobKey,
  parseFinalKey,
  parseJobOfKey,
  parseJournalKey,
  workKey,
} from '../../../shared/protocol/object-keys.ts'

const HASH = 'ab'.repeat(32)
const part = fc.stringMatching(/^[A-Za-z0-9_-]([A-Za-z0-9._-]{0,20}[A-Za-z0-9_-])?$/)

describe('object keys', () => {
  test('are spelled as the design says', () => {
    expect(blobKey(HASH)).toBe(`blobs/sha256/ab/${HASH}`)
    expect(attemptKey('j1', 'r0000001', 3, 'tile.exr')).toBe('jobs/j1/attempts/r0000001/3/tile.exr')
    expect(finalKey('j1', 'frames', 'Layer/0001.png')).toBe('jobs/j1/final/frames/Layer/0001.png')
    expect(finalManifestKey('j1')).toBe('jobs/j1/final/manifest.json')
    expect(workKey('j1', 'stitched/0001.exr')).toBe('jobs/j1/work/stitched/0001.exr')
    expect(journalKey('j1', 'job.json')).toBe('jobs/j1/journal/job.json')
    expect(checkKey('c1')).toBe('checks/c1')
  })

  test('that are parsed come back as they were made', () => {
    fc.assert(
      fc.property(part, part, fc.nat(), part, (jobId, taskId, epoch, file) => {
        const key = attemptKey(jobId, taskId, epoch, file)
        expect(parseAttemptKey(key)).toEqual({ jobId, taskId, epoch, file })
        expect(key.startsWith(attemptPrefix(jobId, taskId, epoch))).toBe(true)
        expect(parseJobOfKey(key)).toEqual({ jobId })
        expect(parseFinalKey(finalKey(jobId, 'previews', `${taskId}/${file}`))).toEqual({
          jobId,
          folder: 'previews',
          path: `${taskId}/${file}`,
        })
        expect(parseJournalKey(journalKey(jobId, file))).toEqual({ jobId, path: file })
      }),
    )
    expect(parseBlobKey(blobKey(HASH))).toEqual({ sha256: HASH })
  })

  test('of one kind are not taken for another', () => {
    const keys = [
      blobKey(HASH),
      attemptKey('j', 't', 0, 'f'),
      finalKey('j', 'video', 'f'),
      finalManifestKey('j'),
      workKey('j', 'f'),
      journalKey('j', 'f'),
    ]
    expect(
      keys.map(
        (key) =>
          [parseBlobKey(key), parseAttemptKey(key), parseFinalKey(key), parseJournalKey(key)].filter(
            (found) => found !== null,
          ).length,
      ),
    ).toEqual([1, 1, 1, 0, 0, 1])
    expect(parseJobOfKey(blobKey(HASH))).toBeNull()
  })

  test('are not parsed from what was never made', () => {
    for (const text of [
      'jobs/j/attempts/t/01/f',
      'jobs/j/attempts/t/-1/f',
      'jobs/j/attempts/t/1',
      'jobs/j/attempts/t/1/f/g',
      'jobs/j/attempts/t/9999999999999999/f',
      'jobs/j/attempts/../1/f',
    ]) {
      expect(parseAttemptKey(text), text).toBeNull()
    }
    expect(parseBlobKey(`blobs/sha256/cd/${HASH}`)).toBeNull()
    expect(parseFinalKey('jobs/j/final/other/f')).toBeNull()
    expect(parseJobOfKey('jobs/j')).toBeNull()
  })

  test('take no part that could leave its place', () => {
    for (const bad of [
      '',
      '.',
      '..',
      'a/b',
      '.hidden',
      'dot.',
      'a b',
      'ä',
      'a\n',
      'a\\b',
      'a%2e',
      'x'.repeat(KEY_PART_CHARS_MAX + 1),
    ]) {
      expect(() => attemptKey('j', 't', 0, bad), bad).toThrow(InvalidKeyPart)
      expect(() => attemptKey(bad, 't', 0, 'f'), bad).toThrow(InvalidKeyPart)
      expect(() => attemptKey('j', bad, 0, 'f'), bad).toThrow(InvalidKeyPart)
      expect(AttemptFileName.safeParse(bad).success, bad).toBe(false)
    }
    for (const epoch of [-1, 0.5, NaN, Infinity]) expect(() => attemptKey('j', 't', epoch, 'f')).toThrow(InvalidKeyPart)
    for (const path of ['', '/', 'a//b', 'a/../b', '/a', 'a/'])
      expect(() => workKey('j', path), path).toThrow(InvalidKeyPart)
    for (const hash of ['', HASH.toUpperCase(), HASH.slice(1), `${HASH}0`])
      expect(() => blobKey(hash), hash).toThrow(InvalidKeyPart)
  })

  test('have prefixes of whole parts only', () => {
    expect(jobPrefix('j1')).toBe('jobs/j1/')
    expect(finalManifestKey('j10').startsWith(jobPrefix('j1'))).toBe(false)
    for (const text of ['', '/', 'jobs', 'jobs/j', 'jobs//', '../', 'jobs/../'])
      expect(ObjectPrefix.safeParse(text).success, text).toBe(false)
  })

  test('that are too long are refused', () => {
    expect(ObjectKey.safeParse(Array(8).fill('x'.repeat(64)).join('/')).success).toBe(false)
    expect(() => workKey('j', Array(8).fill('x'.repeat(64)).join('/'))).toThrow()
  })
})
