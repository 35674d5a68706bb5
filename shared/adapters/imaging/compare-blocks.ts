// Counts, for one group of channels, how many pixels of two images differ and how badly the worst block
// does. Rows are given from top to bottom.

/** Side of the blocks in which local tampering is looked for. */
const BLOCK_PX = 16

/**
 * A rest narrower than this at the right or the bottom joins the block before: in a sliver, one honest pixel would
 * weigh too much.
 */
const REST_PX_MIN = 8

/** A pixel differs when its relative difference is over this (for the share of pixels and the worst block). */
const PIXEL_DIFFERS_ABOVE = 1e-2

/** A pixel differs slightly when its relative difference is over this. */
const PIXEL_DIFFERS_SLIGHTLY_ABOVE = 1e-3

export interface DifferenceShares {
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
  readonly #blockColumns: number
  readonly #blockRows: number
  readonly #inBlockRow: Uint32Array
  #row = 0
  #differing = 0
  #slightly = 0
  #worstShare = 0

  constructor(width: number, height: number) {
    this.#width = width
    this.#height = height
    this.#blockColumns = blocksAlong(width)
    this.#blockRows = blocksAlong(height)
    this.#inBlockRow = new Uint32Array(this.#blockColumns)
  }

  /** Adds the next row: the relative difference of each of its pixels. */
  addRow(differences: Float32Array): void {
    const lastColumn = this.#blockColumns - 1
    for (let x = 0; x < this.#width; x += 1) {
      const difference = differences[x] ?? 0
      if (difference <= PIXEL_DIFFERS_SLIGHTLY_ABOVE) continue
      this.#slightly += 1
      if (difference <= PIXEL_DIFFERS_ABOVE) continue
      this.#differing += 1
      const column = Math.min(Math.floor(x / BLOCK_PX), lastColumn)
      this.#inBlockRow[column] = (this.#inBlockRow[column] ?? 0) + 1
    }
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
