// The shape of what differs: thin things weigh little in a share of all pixels and in square blocks, so lines and
// connected spots are measured as well. Rows are given from top to bottom; memory is that of one row.

/** Shorter lines count as if they were this long: in a line of eight pixels one honest pixel would weigh too much. */
const LINE_PX_MIN = 64

export interface DifferenceShapes {
  /** Percent of pixels that differ in the row or column where most do. */
  readonly worstLinePercent: number
  /** Pixels of the largest spot: pixels that differ and touch one another, corners included. */
  readonly largestSpotPixels: number
}

/** Pixels `from` up to `to` of one row, both included, and the spot they belong to. */
interface Run {
  readonly from: number
  to: number
  spot: number
}

export class ShapeCount {
  readonly #width: number
  readonly #inColumn: Uint32Array
  #rows = 0
  #worstRow = 0
  #largestSpot = 0
  #above: Run[] = []
  /** Pixels of each spot that reaches the row above. */
  #sizes: number[] = []

  constructor(width: number) {
    this.#width = width
    this.#inColumn = new Uint32Array(width)
  }

  /** Adds the next row: the first `count` of `columns` are those of its pixels that differ, in rising order. */
  addRow(columns: Uint32Array, count: number): void {
    this.#rows += 1
    this.#worstRow = Math.max(this.#worstRow, count)
    const runs: Run[] = []
    for (let index = 0; index < count; index += 1) {
      const x = columns[index] ?? 0
      this.#inColumn[x] = (this.#inColumn[x] ?? 0) + 1
      const last = runs.at(-1)
      if (last !== undefined && last.to === x - 1) last.to = x
      else runs.push({ from: x, to: x, spot: -1 })
    }
    this.#join(runs)
  }

  /** The shapes over all rows; call after the last one. */
  shapes(): DifferenceShapes {
    const worstColumn = this.#inColumn.reduce((worst, count) => Math.max(worst, count), 0)
    const ofRow = this.#worstRow / Math.max(this.#width, LINE_PX_MIN)
    const ofColumn = worstColumn / Math.max(this.#rows, LINE_PX_MIN)
    return { worstLinePercent: 100 * Math.max(ofRow, ofColumn), largestSpotPixels: this.#largestSpot }
  }

  /** Joins the runs of a row with the spots above that they touch. */
  #join(runs: Run[]): void {
    const spots = new Spots(this.#sizes)
    let first = 0
    for (const run of runs) {
      run.spot = spots.add(run.to - run.from + 1)
      while ((this.#above[first]?.to ?? Infinity) < run.from - 1) first += 1
      for (let index = first; (this.#above[index]?.from ?? Infinity) <= run.to + 1; index += 1) {
        spots.join(run.spot, this.#above[index]?.spot ?? run.spot)
      }
    }
    const kept = new Map<number, number>()
    this.#sizes = []
    for (const run of runs) {
      const root = spots.rootOf(run.spot)
      const known = kept.get(root)
      run.spot = known ?? this.#sizes.push(spots.sizeOf(root)) - 1
      kept.set(root, run.spot)
      this.#largestSpot = Math.max(this.#largestSpot, this.#sizes[run.spot] ?? 0)
    }
    this.#above = runs
  }
}

/** Disjoint sets with the number of pixels of each. */
class Spots {
  readonly #parents: number[]
  readonly #sizes: number[]

  constructor(sizes: readonly number[]) {
    this.#sizes = [...sizes]
    this.#parents = sizes.map((_, index) => index)
  }

  add(pixels: number): number {
    this.#sizes.push(pixels)
    return this.#parents.push(this.#parents.length) - 1
  }

  rootOf(spot: number): number {
    let at = spot
    for (let parent = this.#parents[at] ?? at; parent !== at; parent = this.#parents[at] ?? at) {
      this.#parents[at] = this.#parents[parent] ?? parent // halves the way for the next look
      at = parent
    }
    return at
  }

  sizeOf(root: number): number {
    return this.#sizes[root] ?? 0
  }

  join(a: number, b: number): void {
    const [rootA, rootB] = [this.rootOf(a), this.rootOf(b)]
    if (rootA === rootB) return
    this.#parents[rootB] = rootA
    this.#sizes[rootA] = this.sizeOf(rootA) + this.sizeOf(rootB)
  }
}
