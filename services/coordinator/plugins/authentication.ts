import assert from 'node:assert'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { FarmStore } from '../../../shared/ports/farm-store.ts'
import { RefusalError } from '../../../shared/protocol/errors.ts'
import { findOwner, hasScope, isAdmin, type Owner, type Scope } from '../../wiring/tokens.ts'

declare module 'fastify' {
  interface FastifyRequest {
    owner: Owner | null
  }
  interface FastifyContextConfig {
    /** Scopes of which one is needed; an admin may do everything, and users what is not said otherwise. */
    scopes?: readonly Scope[]
  }
}

const DEFAULT_SCOPES: readonly Scope[] = ['user']

/** Lets nobody into the routes of this scope without a token that gives the right. */
export function demandToken(scope: FastifyInstance, store: Pick<FarmStore, 'token'>): void {
  scope.decorateRequest('owner', null)
  scope.addHook('onRequest', async (request) => {
    const found = await findOwner(store, request.headers.authorization)
    if (!found.ok) throw new RefusalError(found.code, found.detail)
    const { owner } = found
    const needed = request.routeOptions.config.scopes ?? DEFAULT_SCOPES
    if (!isAdmin(owner) && !needed.some((name) => hasScope(owner, name))) {
      throw new RefusalError(
        'forbidden',
        `this needs a token with the scope ${[...new Set([...needed, 'admin'])].join(' or ')}; ` +
          `the one sent has ${owner.scopes.join(', ') || 'none'}`,
      )
    }
    request.owner = owner
  })
}

/** The one who asks, in a route behind demandToken. */
export function ownerOf(request: FastifyRequest): Owner {
  assert(request.owner !== null, 'the route is behind demandToken')
  return request.owner
}
