// Counts, for one group of channels, how many pixels of two images differ, how badly the worst block does, and what
// shape the difference has. Rows are given from top to bottom.

import { ShapeCount } from './compare-shapes.ts'
import type { DifferenceShapes } from './compare-shapes.ts'

/** Side of the blocks in which local tampering is looked for. */
const BLOCK_PX = 16

/**
 * A rest narrower than this at the right or the bottom joins the block before: in a sliver, one honest pixel would
 * weigh too much.
 */
const REST_PX_MIN = 8

/** From which difference on a pixel counts as one that differs, and as one that differs slightly. */
export interface PixelBounds {
  readonly differsAbove: number
  readonly slightlyAbove: number
}

export interface DifferenceShares extends DifferenceShapes {
  /** T1: percent of pixels that differ. */
  readonly differingPercent: number
  /** T2: percent of pixels that differ in the block where most do. */
  readonly worstBlockPercent: number
  /** T3: percent of pixels that differ at least slightly. */
  readonly slightlyDifferingPercent: number
}

export class DifferenceCount {
  readonly #width: number
  readonly #height: number
  readonly #bounds: PixelBounds
  readonly #blockColumns: number
  readonly #blockRows: number
  readonly #inBlockRow: Uint32Array
  readonly #shapes: ShapeCount
  /** The columns of a row that differ. */
  readonly #columns: Uint32Array
  #row = 0
  #differing = 0
  #slightly = 0
  #worstShare = 0

  constructor(width: number, height: number, bounds: PixelBounds) {
    this.#width = width
    this.#height = height
    this.#bounds = bounds
    this.#blockColumns = blocksAlong(width)
    this.#blockRows = blocksAlong(height)
    this.#inBlockRow = new Uint32Array(this.#blockColumns)
    this.#shapes = new ShapeCount(width)
    this.#columns = new Uint32Array(width)
  }

  /** Adds the next row: the difference of each of its pixels, in the unit of the bounds. */
  addRow(differences: Float32Array): void {
    const { differsAbove, slightlyAbove } = this.#bounds
    const lastColumn = this.#blockColumns - 1
    let count = 0
    for (let x = 0; x < this.#width; x += 1) {
      const difference = differences[x] ?? 0
      if (difference <= slightlyAbove) continue
      this.#slightly += 1
      if (difference <= differsAbove) continue
      this.#columns[count] = x
      count += 1
      const column = Math.min(Math.floor(x / BLOCK_PX), lastColumn)
      this.#inBlockRow[column] = (this.#inBlockRow[column] ?? 0) + 1
    }
    this.#differing += count
    this.#shapes.addRow(this.#columns, count)
    this.#row += 1
    const endsBlock = this.#row % BLOCK_PX === 0 && this.#row / BLOCK_PX < this.#blockRows
    if (endsBlock || this.#row === this.#height) this.#closeBlockRow()
  }

  /** The shares over all rows; call after the last one. */
  shares(): DifferenceShares {
    const pixels = this.#width * this.#height
    return {
      differingPercent: (100 * this.#differing) / pixels,
      worstBlockPercent: 100 * this.#worstShare,
      slightlyDifferingPercent: (100 * this.#slightly) / pixels,
      ...this.#shapes.shapes(),
    }
  }

  #closeBlockRow(): void {
    const blockRow = Math.ceil(this.#row / BLOCK_PX) - 1
    const firstRow = Math.min(blockRow, this.#blockRows - 1) * BLOCK_PX
    const rows = this.#row - firstRow
    for (let column = 0; column < this.#blockColumns; column += 1) {
      const firstX = column * BLOCK_PX
      const endX = column === this.#blockColumns - 1 ? this.#width : firstX + BLOCK_PX
      this.#worstShare = Math.max(this.#worstShare, (this.#inBlockRow[column] ?? 0) / (rows * (endX - firstX)))
    }
    this.#inBlockRow.fill(0)
  }
}

function blocksAlong(lengthPx: number): number {
  const whole = Math.floor(lengthPx / BLOCK_PX)
  return Math.max(1, whole + (lengthPx % BLOCK_PX >= REST_PX_MIN ? 1 : 0))
}
