/*
 * Who asks, on REST and on the workers' socket alike. A token is 256 bits of chance that only its owner has; the farm
 * knows its SHA-256 alone. It is found by looking the hash up, so the time this takes tells nothing about any token but
 * the one that was sent.
 */
import { createHash } from 'node:crypto'
import type { FarmStore } from '../../shared/ports/farm-store.ts'
import { type Refusal, refuse } from '../../shared/protocol/errors.ts'
import { Sha256 } from '../../shared/protocol/ids.ts'

/** What a token may be for: one's own jobs, connecting workers, those of the operator's own machines, everything. */
const SCOPES = ['user', 'worker', 'anchor', 'admin'] as const
export type Scope = (typeof SCOPES)[number]

/** Whom a token belongs to. A name may have several tokens; what belongs to the name belongs to all of them. */
export interface Owner {
  readonly name: string
  readonly scopes: readonly string[]
}

/** Longest token looked at: ours have 47 characters, others may bring theirs. */
const TOKEN_LENGTH_MAX = 512

/** The name under which the farm knows a token. */
export function tokenHash(token: string): Sha256 {
  return Sha256.parse(createHash('sha256').update(token, 'utf8').digest('hex'))
}

/**
 * The owner of the token in an Authorization header. Refused with `unauthorized` when there is none, or none that the
 * farm knows.
 */
export async function findOwner(
  store: Pick<FarmStore, 'token'>,
  header: string | undefined,
): Promise<{ ok: true; owner: Owner } | Refusal> {
  if (header === undefined) return refuse('unauthorized', 'send the header "Authorization: Bearer <token>"')
  const token = /^Bearer +([\x21-\x7e]+) *$/i.exec(header)?.[1]
  if (token === undefined || token.length > TOKEN_LENGTH_MAX)
    return refuse('unauthorized', 'the Authorization header is not of the form "Bearer <token>"')
  const owner = await store.token(tokenHash(token))
  return owner === null
    ? refuse('unauthorized', 'this farm does not know the token; ask its operator for one')
    : { ok: true, owner }
}

/** Whether a token may do what needs this scope. */
export function hasScope(owner: Owner, scope: Scope): boolean {
  return owner.scopes.includes(scope)
}

/** Whether a token may do everything. */
export function isAdmin(owner: Owner): boolean {
  return hasScope(owner, 'admin')
}
