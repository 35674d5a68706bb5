/** What the order of jobs is worked out from. */
export interface Contender {
  readonly id: string
  readonly priority: number
  /** Tasks of it that are with workers now. */
  readonly running: number
  readonly createdAt: number
}

/** Higher priority first; among equals the job with the fewest running tasks (fair share), then the older. */
export function byTurn(a: Contender, b: Contender): number {
  return b.priority - a.priority || a.running - b.running || a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1)
}
