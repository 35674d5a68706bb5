/*
 * Who asks. A token is 256 bits of chance that only its owner has; the farm knows its SHA-256 alone. It is found by
 * looking the hash up, so the time this takes tells nothing about any token but the one that was sent.
 */
import assert from 'node:assert'
import { createHash } from 'node:crypto'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { FarmStore } from '../../../shared/ports/farm-store.ts'
import { RefusalError } from '../../../shared/protocol/errors.ts'
import type { Owner, Scope } from '../farm-actions.ts'

declare module 'fastify' {
  interface FastifyRequest {
    owner: Owner | null
  }
  interface FastifyContextConfig {
    /** Scopes of which one is needed; an admin may do everything, and users what is not said otherwise. */
    scopes?: readonly Scope[]
  }
}

/** Longest token looked at: ours have 47 characters, others may bring theirs. */
const TOKEN_LENGTH_MAX = 512
const DEFAULT_SCOPES: readonly Scope[] = ['user']

/** Lets nobody into the routes of this scope without a token that gives the right. */
export function demandToken(scope: FastifyInstance, store: Pick<FarmStore, 'token'>): void {
  scope.decorateRequest('owner', null)
  scope.addHook('onRequest', async (request) => {
    const owner = await findOwner(store, request.headers.authorization)
    const needed = request.routeOptions.config.scopes ?? DEFAULT_SCOPES
    if (!isAdmin(owner) && !needed.some((name) => owner.scopes.includes(name))) {
      throw new RefusalError('forbidden', `this needs a token with the scope ${[...new Set([...needed, 'admin'])].join(' or ')}; the one sent has ${owner.scopes.join(', ') || 'none'}`)
    }
    request.owner = owner
  })
}

/** The one who asks, in a route behind demandToken. */
export function ownerOf(request: FastifyRequest): Owner {
  assert(request.owner !== null, 'the route is behind demandToken')
  return request.owner
}

export function isAdmin(owner: Owner): boolean {
  return owner.scopes.includes('admin')
}

/** The name under which the farm knows a token. */
export function tokenHash(token: string): string {
  return createHash('sha256').update(token, 'utf8').digest('hex')
}

async function findOwner(store: Pick<FarmStore, 'token'>, header: string | undefined): Promise<Owner> {
  if (header === undefined) throw new RefusalError('unauthorized', 'send the header "Authorization: Bearer <token>"')
  const token = /^Bearer +([\x21-\x7e]+) *$/i.exec(header)?.[1]
  if (token === undefined || token.length > TOKEN_LENGTH_MAX) throw new RefusalError('unauthorized', 'the Authorization header is not of the form "Bearer <token>"')
  const owner = await store.token(tokenHash(token))
  if (owner === null) throw new RefusalError('unauthorized', 'this farm does not know the token; ask its operator for one')
  return owner
}
