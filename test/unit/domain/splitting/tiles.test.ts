import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkGrid, tileAt } from '../../../../shared/domain/splitting/tiles.ts'

const cut = fc
  .record({
    width: fc.integer({ min: 1, max: 97 }),
    height: fc.integer({ min: 1, max: 61 }),
    columns: fc.integer({ min: 1, max: 12 }),
    rows: fc.integer({ min: 1, max: 12 }),
    overscanPx: fc.integer({ min: 0, max: 9 }),
  })
  .filter(({ width, height, columns, rows }) => columns <= width && rows <= height)

describe('tiles', () => {
  test('cover every pixel of the image exactly once, whatever the sizes', () => {
    fc.assert(
      fc.property(cut, ({ width, height, ...grid }) => {
        const covered = new Uint8Array(width * height)
        for (let index = 0; index < grid.columns * grid.rows; index++) {
          const { placement } = tileAt(width, height, grid, index)
          for (let y = placement.y; y < placement.y + placement.height; y++)
            for (let x = placement.x; x < placement.x + placement.width; x++)
              covered[y * width + x] = (covered[y * width + x] ?? 0) + 1
        }
        expect(covered.every((times) => times === 1)).toBe(true)
      }),
    )
  })

  test('differ by one pixel at most and have at least one', () => {
    fc.assert(
      fc.property(cut, ({ width, height, ...grid }) => {
        const tiles = Array.from(
          { length: grid.columns * grid.rows },
          (_, index) => tileAt(width, height, grid, index).placement,
        )
        const [widths, heights] = [tiles.map((tile) => tile.width), tiles.map((tile) => tile.height)]
        expect(Math.min(...widths, ...heights)).toBeGreaterThanOrEqual(1)
        expect(Math.max(...widths) - Math.min(...widths)).toBeLessThanOrEqual(1)
        expect(Math.max(...heights) - Math.min(...heights)).toBeLessThanOrEqual(1)
      }),
    )
  })

  test('are rendered with all the overscan there is room for, and say what to cut off', () => {
    fc.assert(
      fc.property(cut, ({ width, height, ...grid }) => {
        for (let index = 0; index < grid.columns * grid.rows; index++) {
          const { placement, window, crop } = tileAt(width, height, grid, index)
          expect(window.x + crop.left).toBe(placement.x)
          expect(window.y + crop.top).toBe(placement.y)
          expect(window.x).toBe(Math.max(0, placement.x - grid.overscanPx))
          expect(window.y).toBe(Math.max(0, placement.y - grid.overscanPx))
          expect(window.x + window.width).toBe(Math.min(width, placement.x + placement.width + grid.overscanPx))
          expect(window.y + window.height).toBe(Math.min(height, placement.y + placement.height + grid.overscanPx))
        }
      }),
    )
  })

  test('are numbered row by row from the top left', () => {
    const grid = { columns: 2, rows: 2, overscanPx: 4 }
    expect([0, 1, 2, 3].map((index) => tileAt(101, 51, grid, index).placement)).toEqual([
      { x: 0, y: 0, width: 50, height: 25 },
      { x: 50, y: 0, width: 51, height: 25 },
      { x: 0, y: 25, width: 50, height: 26 },
      { x: 50, y: 25, width: 51, height: 26 },
    ])
  })

  test('of one pixel are allowed, of none refused', () => {
    expect(checkGrid(3, 2, { columns: 3, rows: 2 })).toEqual({ ok: true })
    expect(checkGrid(3, 2, { columns: 4, rows: 1 })).toMatchObject({ ok: false, code: 'tiles_invalid' })
    expect(checkGrid(3, 2, { columns: 1, rows: 3 })).toMatchObject({ ok: false, code: 'tiles_invalid' })
  })
})
