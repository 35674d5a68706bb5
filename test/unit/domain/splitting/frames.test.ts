import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatFrames, parseFrames } from '../../../../shared/domain/splitting/frames.ts'
import { LIMITS } from '../../../../shared/protocol/limits.ts'

const frameList = fc
  .uniqueArray(fc.integer({ min: LIMITS.frameNumberMin, max: LIMITS.frameNumberMax }), { minLength: 1, maxLength: 200 })
  .map((frames) => frames.sort((a, b) => a - b))
const denseList = fc
  .uniqueArray(fc.integer({ min: -12, max: 12 }), { minLength: 1 })
  .map((frames) => frames.sort((a, b) => a - b))

describe('a frame range', () => {
  test.each<[string, number[]]>([
    ['7', [7]],
    ['1-3', [1, 2, 3]],
    ['1-10, 15, 20-26:2', [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 20, 22, 24, 26]],
    ['1-10:4', [1, 5, 9]],
    ['-3--1', [-3, -2, -1]],
    ['-1-1', [-1, 0, 1]],
    [' 5 - 6 : 1 ,2', [2, 5, 6]],
    ['3,1-4,2', [1, 2, 3, 4]],
    ['1-1', [1]],
    ['1-5:1000000000000', [1]],
  ])('%s', (text, frames) => {
    expect(parseFrames(text)).toEqual({ ok: true, frames })
  })

  test.each<[string, string]>([
    ['', 'frames_empty'],
    ['  ', 'frames_empty'],
    ['10-1', 'frames_empty'],
    ['1--5', 'frames_empty'],
    ['1,,2', 'frames_invalid'],
    ['1,', 'frames_invalid'],
    ['1-', 'frames_invalid'],
    ['a', 'frames_invalid'],
    ['1.5', 'frames_invalid'],
    ['1-10:0', 'frames_invalid'],
    ['1-10:-1', 'frames_invalid'],
    ['1;2', 'frames_invalid'],
    ['1e3', 'frames_invalid'],
    ['1-2-3', 'frames_invalid'],
    ['1-1000000000', 'frames_too_many'],
    ['1-999999999999999', 'frames_too_many'],
    ['-1000000000-1', 'frames_too_many'],
    [`1-${LIMITS.framesPerJobMax + 1}`, 'frames_too_many'],
    [`${LIMITS.frameNumberMax + 1}`, 'frames_too_many'],
    [`${LIMITS.frameNumberMin - 1}`, 'frames_too_many'],
  ])('"%s" is refused: %s', (text, code) => {
    const refused = parseFrames(text)
    expect(refused).toMatchObject({ ok: false, code })
    if (!refused.ok) expect(refused.detail).toMatch(/^frames: ./)
  })

  test('may hold as many frames as the limit says, and the whole of what Blender numbers by a step', () => {
    expect(parseFrames(`1-${LIMITS.framesPerJobMax}`)).toMatchObject({ ok: true })
    const all = parseFrames(`${LIMITS.frameNumberMin}-${LIMITS.frameNumberMax}:100`)
    expect(all.ok && all.frames.length).toBe(Math.floor((LIMITS.frameNumberMax - LIMITS.frameNumberMin) / 100) + 1)
  })

  test('of a thousand parts that are each too long is refused before any frame is listed', () => {
    const began = performance.now()
    for (let round = 0; round < 50; round++)
      expect(parseFrames(Array.from({ length: 1_000 }, () => '1-1000000').join(','))).toMatchObject({
        ok: false,
        code: 'frames_too_many',
      })
    expect(performance.now() - began).toBeLessThan(1_000)
  })

  test('written from any list parses to that list again', () => {
    fc.assert(
      fc.property(fc.oneof(frameList, denseList), (frames) => {
        expect(parseFrames(formatFrames(frames))).toEqual({ ok: true, frames })
      }),
    )
  })

  test('of any text never throws, and gives ascending frames without repeats or a refusal with a code', () => {
    const pieces = fc
      .array(
        fc.oneof(fc.integer({ min: -99, max: 99 }).map(String), fc.constantFrom('-', ':', ',', ' ', '', 'x', '--')),
        { maxLength: 12 },
      )
      .map((parts) => parts.join(''))
    fc.assert(
      fc.property(fc.oneof(pieces, fc.string()), (text) => {
        const parsed = parseFrames(text)
        if (parsed.ok) {
          expect(parsed.frames.length).toBeGreaterThan(0)
          for (const [index, frame] of parsed.frames.entries())
            expect(frame).toBeGreaterThan(index === 0 ? -Infinity : (parsed.frames[index - 1] ?? 0))
        } else {
          expect(['frames_empty', 'frames_invalid', 'frames_too_many']).toContain(parsed.code)
        }
      }),
      { numRuns: 300 },
    )
  })

  test('is written as runs where there are runs', () => {
    expect(formatFrames([1, 2, 3, 5, 7, 9, 20])).toBe('1-3, 5-9:2, 20')
    expect(formatFrames([1, 2])).toBe('1-2')
    expect(formatFrames([1, 3])).toBe('1, 3')
    expect(formatFrames([-2, -1, 0])).toBe('-2-0')
    expect(formatFrames([])).toBe('')
  })
})
