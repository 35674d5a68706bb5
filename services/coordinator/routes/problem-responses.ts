import { ERRORS } from '../../../shared/protocol/errors.ts'
import type { ErrorCode } from '../../../shared/protocol/errors.ts'
import { Problem } from '../../../shared/protocol/rest.ts'

/** What any route behind a token may answer besides its own. */
const EVERYWHERE = [
  'bad_request',
  'unauthorized',
  'forbidden',
  'rate_limited',
  'internal',
  'redis_unavailable',
  'farm_state_lost',
] as const satisfies readonly ErrorCode[]

/**
 * The problems a route may answer with, by status, for its description. The type is empty on purpose: handlers never
 * send one themselves, they throw.
 */
export function problems(...codes: readonly ErrorCode[]): Record<never, never> {
  const byStatus = new Map<number, ErrorCode[]>()
  for (const code of [...EVERYWHERE, ...codes])
    byStatus.set(ERRORS[code].status, [...(byStatus.get(ERRORS[code].status) ?? []), code])
  return Object.fromEntries(
    [...byStatus].map(([status, group]) => [
      status,
      {
        description: group.map((code) => `\`${code}\`: ${ERRORS[code].title}`).join('. '),
        content: { 'application/problem+json': { schema: Problem } },
      },
    ]),
  )
}
