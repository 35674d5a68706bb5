import type { WorkerId } from '../../protocol/ids.ts'

/** One rendering of the same task; `own` is the one that was to be checked. */
export interface Candidate {
  readonly key: string
  readonly workerId: WorkerId
  readonly own: boolean
}

/** unread: the farm reads neither of the two, for the same reason; that says nothing of either. */
export type PairVerdict = 'agreed' | 'grey' | 'refuted' | 'unread'
export interface Pair {
  readonly a: string
  readonly b: string
  readonly verdict: PairVerdict
  /** Why they were not compared, where they were not. */
  readonly why?: string
}

export type Settlement =
  /** `canonical` counts; the workers of `refuted` are blamed: two independent workers agree against each of them. */
  | {
      readonly type: 'settled'
      readonly canonical: string
      readonly agreed: readonly string[]
      readonly refuted: readonly string[]
    }
  /** Nobody is blamed yet: somebody else must render it. */
  | { readonly type: 'open' }

/**
 * What several renderings of one task say together. A result counts when two different workers agree on it; blame falls
 * only on who differs from both of two agreeing workers, neither of which is itself: what a worker said another time
 * is no word against it, because then the scene may be what differs. If two groups of two exist the scene itself may
 * not be deterministic, and the question stays open, unless all of one group contradict themselves: then what the
 * steady ones agree on counts, without blame. A grey or unread pair neither agrees nor refutes.
 */
export function settle(candidates: readonly Candidate[], pairs: readonly Pair[]): Settlement {
  const verdictOf = (a: Candidate, b: Candidate): PairVerdict | undefined =>
    pairs.find((pair) => (pair.a === a.key && pair.b === b.key) || (pair.a === b.key && pair.b === a.key))?.verdict
  const groups = candidates
    .map((centre) => candidates.filter((other) => other === centre || verdictOf(centre, other) === 'agreed'))
    .filter((group) => differentWorkers(group) >= 2)
  if (groups.length === 0) return { type: 'open' }
  const largest = Math.max(...groups.map(differentWorkers))
  const best = groups.filter((group) => differentWorkers(group) === largest)
  const winner = best.find((group) => group.some((candidate) => candidate.own)) ?? best[0] ?? []
  const rival = groups.some(
    (group) => !group.some((candidate) => winner.includes(candidate)) && differentWorkers(group) >= 2,
  )
  if (rival) return settleAmongSteady(candidates, pairs)
  const canonical = winner.find((candidate) => candidate.own) ?? winner[0]
  if (canonical === undefined) return { type: 'open' }
  const refuted = candidates.filter(
    (candidate) =>
      !winner.includes(candidate) &&
      differentWorkers(
        winner.filter((member) => member.workerId !== candidate.workerId && verdictOf(candidate, member) === 'refuted'),
      ) >= 2,
  )
  return {
    type: 'settled',
    canonical: canonical.key,
    agreed: winner.map((candidate) => candidate.key),
    refuted: refuted.map((candidate) => candidate.key),
  }
}

/** A worker that gave two results which refute each other speaks for neither. */
function settleAmongSteady(candidates: readonly Candidate[], pairs: readonly Pair[]): Settlement {
  const steady = candidates.filter(
    ({ workerId }) => !ownPairs(workerId, candidates, pairs).some(({ verdict }) => verdict === 'refuted'),
  )
  const settlement = steady.length < candidates.length ? settle(steady, pairs) : ({ type: 'open' } as const)
  return settlement.type === 'open' ? settlement : { ...settlement, refuted: [] }
}

/** Pairs of results of one worker. */
function ownPairs(workerId: WorkerId, candidates: readonly Candidate[], pairs: readonly Pair[]): Pair[] {
  const own = candidates.filter((each) => each.workerId === workerId).map(({ key }) => key)
  return pairs.filter(({ a, b }) => own.includes(a) && own.includes(b))
}

/**
 * True when every one of several workers gave another result each time it was asked: then nobody lies, the scene shows
 * something else whenever it is rendered. Two of a worker's own results that are not near enough to agree count.
 */
export function isUnrepeatable(candidates: readonly Candidate[], pairs: readonly Pair[]): boolean {
  const workers = [...new Set(candidates.map(({ workerId }) => workerId))]
  const differs = ({ verdict, why }: Pair) => verdict === 'refuted' || (verdict === 'grey' && why === undefined)
  return workers.length >= 2 && workers.every((workerId) => ownPairs(workerId, candidates, pairs).some(differs))
}

/** True when some worker rendered it twice alike: then the scene is repeatable. */
export function isSteady(candidates: readonly Candidate[], pairs: readonly Pair[]): boolean {
  return candidates.some(({ workerId }) =>
    ownPairs(workerId, candidates, pairs).some(({ verdict }) => verdict === 'agreed'),
  )
}

/** True when at least three workers rendered it, and each contradicts all the others. */
export function allDisagree(candidates: readonly Candidate[], pairs: readonly Pair[]): boolean {
  const workerOf = new Map(candidates.map(({ key, workerId }) => [key, workerId]))
  const between = pairs.filter(({ a, b }) => workerOf.get(a) !== workerOf.get(b))
  return differentWorkers(candidates) >= 3 && between.every(({ verdict }) => verdict === 'refuted')
}

/** True when different workers rendered it and the farm reads none of that: asking others would settle nothing. */
export function isUnreadable(candidates: readonly Candidate[], pairs: readonly Pair[]): boolean {
  const workerOf = (key: string) => candidates.find((candidate) => candidate.key === key)?.workerId
  const between = pairs.filter(({ a, b }) => workerOf(a) !== workerOf(b))
  return between.length > 0 && between.every(({ verdict }) => verdict === 'unread')
}

function differentWorkers(group: readonly Candidate[]): number {
  return new Set(group.map((candidate) => candidate.workerId)).size
}
