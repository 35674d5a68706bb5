import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { attemptKey, KEY_PART_CHARS_MAX } from '../../../shared/protocol/object-keys.ts'
import { ResultFile } from '../../../shared/protocol/task.ts'
import { aFile } from '../domain/records.ts'

const isTaken = (name: string): boolean => ResultFile.safeParse(aFile('final', 1, { name })).success

describe('the name of a result file', () => {
  test('is taken from a worker exactly when the object store has a key for it', () => {
    const hasKey = (name: string): boolean => {
      try {
        attemptKey('j', 't', 1, name)
        return true
      } catch {
        return false
      }
    }
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.stringMatching(/^[A-Za-z0-9._-]{1,130}$/)),
        (name) => isTaken(name) === hasKey(name),
      ),
    )
  })

  test.each([
    ['0001.final.png', true],
    ['x'.repeat(KEY_PART_CHARS_MAX), true],
    ['x'.repeat(KEY_PART_CHARS_MAX + 1), false],
    ['0001.', false],
    ['.hidden', false],
    ['a/b', false],
  ])('such as %s is taken: %s', (name, taken) => {
    expect(isTaken(name)).toBe(taken)
  })
})
