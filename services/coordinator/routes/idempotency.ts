/*
 * A client that got no answer sends its request again under the same Idempotency-Key and gets the answer of the first
 * one, whatever became of the connection. Keys belong to their owner: nobody can read an answer by guessing a key.
 */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { FarmStore } from '../../../shared/ports/farm-store.ts'
import { RefusalError } from '../../../shared/protocol/errors.ts'
import type { Refusal } from '../../../shared/protocol/errors.ts'

/** An answer is kept for a day: longer than any client keeps trying. */
const ANSWER_TTL_MS = 24 * 3600 * 1000
/** Frees a key at once: a refused request made nothing, and may succeed when it is sent again. */
const FREED_TTL_MS = 1

export const IdempotencyHeaders = z.object({
  'idempotency-key': z
    .string()
    .regex(
      /^[\x21-\x7e]{1,200}$/,
      'an Idempotency-Key has 1 to 200 printable ASCII characters and no space; a random UUID is good',
    )
    .optional()
    .describe('Makes sending the request again safe: the same key with the same body gives the same answer for a day'),
})

export interface IdempotentRequest {
  readonly owner: string
  /** Method and address. */
  readonly route: string
  readonly key: string | undefined
  readonly body: unknown
}

type Memory = Pick<FarmStore, 'rememberRequest' | 'answerRequest'>

/**
 * Does the work once for each key. `call` is told what to name the thing it makes, and when it is done again under that
 * name (the first coordinator died, or is still at it) it must give what the first one made. Throws
 * idempotency_mismatch when the key was used for another request.
 */
export async function once<T>(
  store: Memory,
  request: IdempotentRequest,
  {
    name,
    call,
    parse,
  }: {
    name: () => Promise<string>
    call: (makes?: string) => Promise<{ ok: true; answer: T } | Refusal>
    parse: (stored: unknown) => T
  },
): Promise<{ answer: T; replayed: boolean }> {
  if (request.key === undefined) return { answer: granted(await call()), replayed: false }
  const key = hashOf([request.owner, request.key])
  const own = { fingerprint: hashOf([request.route, canonical(request.body)]), makes: await name(), answer: null }
  const before = await store.rememberRequest(key, own, ANSWER_TTL_MS)
  const { fingerprint, makes, answer } = before ?? own
  if (fingerprint !== own.fingerprint)
    throw new RefusalError(
      'idempotency_mismatch',
      'this Idempotency-Key was used for a request with another body; use a new key for a new request',
    )
  if (answer !== null) return { answer: parse(JSON.parse(answer)), replayed: true }
  const result = await call(makes)
  await store.answerRequest(
    key,
    { fingerprint, makes, answer: result.ok ? JSON.stringify(result.answer) : null },
    result.ok ? ANSWER_TTL_MS : FREED_TTL_MS,
  )
  return { answer: granted(result), replayed: before !== null }
}

function granted<T>(result: { ok: true; answer: T } | Refusal): T {
  if (!result.ok) throw new RefusalError(result.code, result.detail)
  return result.answer
}

function hashOf(parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex')
}

/** JSON with sorted keys: the same request is the same, however its sender orders it. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}
