import { z } from 'zod'
import { FarmStateLost } from '../../../shared/ports/farm-store.ts'
import { RefusalError } from '../../../shared/protocol/errors.ts'
import type { AppDependencies } from '../dependencies.ts'
import type { RestApp } from './rest-app.ts'
import { problems } from './problem-responses.ts'

/** The stores are asked at most this often, however many probes there are: a check writes an object. */
const READINESS_LIFE_MS = 2_000

const Alive = z.strictObject({ status: z.literal('ok') }).meta({ id: 'Health' })

/** For load balancers and orchestrators; open to anybody, so they say no more than yes or no. */
export function addHealthRoutes(app: RestApp, { store, objects }: Pick<AppDependencies, 'store' | 'objects'>): void {
  app.get('/healthz', {
    schema: {
      tags: ['farm'],
      summary: 'Whether the process is alive',
      security: [],
      response: { 200: Alive.describe('It is') },
    },
    handler: async () => ({ status: 'ok' as const }),
  })

  let checked: { readonly atMs: number; readonly result: Promise<void> } | null = null
  app.get('/readyz', {
    schema: {
      tags: ['farm'],
      summary: 'Whether the farm state and the object store can be reached',
      security: [],
      response: {
        200: Alive.describe('They can'),
        ...problems('redis_unavailable', 'farm_state_lost', 'store_unavailable'),
      },
    },
    handler: async () => {
      if (checked === null || performance.now() - checked.atMs > READINESS_LIFE_MS)
        checked = { atMs: performance.now(), result: checkStores({ store, objects }) }
      await checked.result
      return { status: 'ok' as const }
    },
  })
}

async function checkStores({ store, objects }: Pick<AppDependencies, 'store' | 'objects'>): Promise<void> {
  const [farmState, objectStore] = await Promise.allSettled([store.check(), objects.check()])
  if (farmState.status === 'rejected' && farmState.reason instanceof FarmStateLost) throw farmState.reason
  if (farmState.status === 'rejected') throw new RefusalError('redis_unavailable', 'Redis does not answer')
  if (objectStore.status === 'rejected') throw new RefusalError('store_unavailable', 'the object store does not answer')
}
