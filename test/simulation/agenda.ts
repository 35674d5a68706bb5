import type { Clock } from '../../shared/ports/core.ts'

/** What was put on the agenda, to take it off again. */
export interface Entry {
  readonly at: number
  readonly order: number
  run: (() => void) | null
}

/**
 * Virtual time, in ms since 1970: the next entry runs, and the clock stands at it. Entries of one moment run in the
 * order they came.
 */
export class Agenda implements Clock {
  #now: number
  #order = 0
  readonly #heap: Entry[] = []

  constructor(startsAt: number) {
    this.#now = startsAt
  }

  now(): number {
    return this.#now
  }

  after(delayMs: number, run: () => void): Entry {
    const entry: Entry = { at: this.#now + Math.max(0, Math.floor(delayMs)), order: this.#order++, run }
    this.#push(entry)
    return entry
  }

  /** False when there is nothing to come. */
  next(): boolean {
    for (;;) {
      const entry = this.#pop()
      if (entry === undefined) return false
      if (entry.run === null) continue
      this.#now = entry.at
      const { run } = entry
      entry.run = null
      run()
      return true
    }
  }

  #push(entry: Entry): void {
    const heap = this.#heap
    let place = heap.length
    heap.push(entry)
    while (place > 0) {
      const up = (place - 1) >> 1
      const parent = heap[up]
      if (parent === undefined || !isBefore(entry, parent)) break
      heap[place] = parent
      place = up
    }
    heap[place] = entry
  }

  #pop(): Entry | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined || heap.length === 0) return first
    let place = 0
    for (;;) {
      const left = 2 * place + 1
      let child = heap[left]
      if (child === undefined) break
      let at = left
      const right = heap[left + 1]
      if (right !== undefined && isBefore(right, child)) [child, at] = [right, left + 1]
      if (!isBefore(child, last)) break
      heap[place] = child
      place = at
    }
    heap[place] = last
    return first
  }
}

/** Takes an entry off the agenda; one that ran already is fine. */
export function cancel(entry: Entry): void {
  entry.run = null
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}
