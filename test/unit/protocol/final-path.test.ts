import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { finalPathKey, nameForFile, PlacePath } from '../../../shared/protocol/final-path.ts'
import { ObjectKey } from '../../../shared/protocol/object-keys.ts'

const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }).map((text) => nameForFile(text))

describe('the path of a delivered file', () => {
  test('is its own key where a key can hold it', () => {
    expect(finalPathKey('j1', 'frames/0001.png')).toBe('jobs/j1/final/frames/0001.png')
    expect(finalPathKey('j1', 'outputs/comp/beauty_0001.png')).toBe('jobs/j1/final/outputs/comp/beauty_0001.png')
    expect(finalPathKey('j1', 'manifest.json')).toBe('jobs/j1/final/manifest.json')
  })

  test('has a key that shows what letters it can, and its ending, in any alphabet', () => {
    expect(finalPathKey('j1', 'video/Käsekuchen Ω 猫.mp4')).toMatch(
      /^jobs\/j1\/final\/video\/_other-letters\/[0-9a-f]{16}-Kasekuchen-\.mp4$/,
    )
    expect(finalPathKey('j1', `video/${'ü'.repeat(120)}.mp4`)).toMatch(/-u{40}\.mp4$/)
  })

  test('has a key for every path of names, and another for every other path', () => {
    const path = fc.array(name, { minLength: 1, maxLength: 5 }).map((names) => `outputs/${names.join('/')}`)
    fc.assert(
      fc.property(path, path, (one, other) => {
        const [ofOne, ofOther] = [finalPathKey('j1', one), finalPathKey('j1', other)]
        expect(ObjectKey.safeParse(ofOne).success).toBe(true)
        expect(ofOne === ofOther).toBe(one === other)
      }),
    )
  })

  test('leads nowhere else', () => {
    for (const path of [
      'frames/../../x',
      'frames//x',
      '/etc/passwd',
      'frames/./x',
      'other/x',
      'frames/a\\b',
      'frames/',
    ])
      expect(finalPathKey('j1', path), path).toBeNull()
    expect(PlacePath.safeParse('a/b\u0000c').success).toBe(false)
  })
})

describe('a name for a file', () => {
  test('keeps every letter, but for what no file name can hold', () => {
    expect(nameForFile('Straße № 5 / Akt')).toBe('Straße № 5 _ Akt')
    expect(nameForFile('a\u0000b\ud800')).toBe('a_b_')
    expect(['', '.', '..'].map((text) => nameForFile(text))).toEqual(['_', '_', '_'])
  })

  test('is cut between letters where it has too many bytes', () => {
    expect(nameForFile('猫'.repeat(100))).toBe('猫'.repeat(85))
  })
})
