import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ShapeCount } from '../../../../shared/adapters/imaging/compare-shapes.ts'
import type { DifferenceShapes } from '../../../../shared/adapters/imaging/compare-shapes.ts'

/** The shapes of a drawing in which `#` is a pixel that differs. */
function shapesOf(rows: readonly string[]): DifferenceShapes {
  const width = rows[0]?.length ?? 0
  const shapes = new ShapeCount(width)
  for (const row of rows) {
    const columns = [...row].flatMap((pixel, x) => (pixel === '#' ? [x] : []))
    const padded = new Uint32Array(width)
    padded.set(columns)
    shapes.addRow(padded, columns.length)
  }
  return shapes.shapes()
}

/** The largest spot by flooding, one pixel after the other. */
function largestByFlooding(rows: readonly string[]): number {
  const left = new Set(rows.flatMap((row, y) => [...row].flatMap((pixel, x) => (pixel === '#' ? [`${x} ${y}`] : []))))
  let largest = 0
  for (const start of left) {
    const open = [start]
    left.delete(start)
    let pixels = 0
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      pixels += 1
      const [x = 0, y = 0] = at.split(' ').map(Number)
      for (const dx of [-1, 0, 1]) {
        for (const dy of [-1, 0, 1]) {
          const next = `${x + dx} ${y + dy}`
          if (left.delete(next)) open.push(next)
        }
      }
    }
    largest = Math.max(largest, pixels)
  }
  return largest
}

describe('the shape of a difference', () => {
  test('nothing differs: no line and no spot', () => {
    expect(shapesOf(['....', '....'])).toEqual({ worstLinePercent: 0, largestSpotPixels: 0 })
  })

  test('the worst line is a row or a column, and short ones count as if they had 64 pixels', () => {
    const row = '#'.repeat(50).padEnd(100, '.')
    expect(shapesOf([row, '.'.repeat(100)]).worstLinePercent).toBe(50)
    expect(shapesOf(Array.from({ length: 200 }, (_, y) => (y < 50 ? '.#.' : '...'))).worstLinePercent).toBe(25)
    expect(shapesOf(['####', '....']).worstLinePercent).toBe((100 * 4) / 64)
  })

  test.each<[string, number, string[]]>([
    ['pixels apart from each other', 1, ['#.#', '...', '#.#']],
    ['corners touch', 3, ['#..', '.#.', '..#']],
    ['two arms that meet below', 7, ['#...#', '#...#', '.#.#.', '..#..']],
    ['two arms that part below', 5, ['..#..', '.#.#.', '#...#']],
    ['a ring', 8, ['###', '#.#', '###']],
    ['a comb whose teeth meet in one back', 9, ['#.#.#', '#####', '#....']],
  ])('%s: a spot of %i', (_, pixels, rows) => {
    expect(shapesOf(rows).largestSpotPixels).toBe(pixels)
  })

  test('any drawing has the largest spot that flooding finds', () => {
    const drawing = fc.integer({ min: 1, max: 12 }).chain((width) =>
      fc.array(
        fc.array(fc.constantFrom('.', '#'), { minLength: width, maxLength: width }).map((row) => row.join('')),
        { minLength: 1, maxLength: 12 },
      ),
    )
    fc.assert(fc.property(drawing, (rows) => shapesOf(rows).largestSpotPixels === largestByFlooding(rows)))
  })
})
