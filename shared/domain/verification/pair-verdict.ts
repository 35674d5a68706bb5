// What two renderings of one task say of each other, file by file.

import { worstVerdict } from './display-verdict.ts'
import type { PairVerdict } from './settle-dispute.ts'

/** What reading a file gave. `unread`: nothing is wrong with it, but the farm does not read files of its kind. */
export type Readable =
  | { readonly state: 'read' }
  | { readonly state: 'unread'; readonly why: string }
  | { readonly state: 'damaged'; readonly why: string }

/** A verdict on two files, or on two renderings; `why` where they were not compared. */
export interface ToldVerdict {
  readonly verdict: PairVerdict
  readonly why?: string
}

/**
 * The verdict on two files that could not be compared, of which none is damaged. What the farm does not read
 * contradicts nothing: `unread` where both are so for the same reason, `grey` where only one is, which asks a third
 * worker. Two images that are read and do not go together (other channels, other sizes) contradict each other.
 */
export function verdictOnUncompared(
  a: Exclude<Readable, { state: 'damaged' }>,
  b: Exclude<Readable, { state: 'damaged' }>,
): ToldVerdict {
  if (a.state === 'read' && b.state === 'read') return { verdict: 'refuted' }
  if (a.state === 'unread' && b.state === 'unread' && a.why === b.why) return { verdict: 'unread', why: a.why }
  const why = a.state === 'unread' ? a.why : b.state === 'unread' ? b.why : ''
  return { verdict: 'grey', why }
}

/** The verdict on two renderings: the worst on those of their files that were compared; `unread` where none were. */
export function pairVerdict(files: readonly ToldVerdict[]): ToldVerdict {
  const compared = files.flatMap(({ verdict }) => (verdict === 'unread' ? [] : [verdict]))
  const verdict = compared.length === 0 && files.length > 0 ? 'unread' : worstVerdict(compared)
  const why = files.find((file) => file.verdict === verdict && file.why !== undefined)?.why
  return why === undefined ? { verdict } : { verdict, why }
}
