/*
 * What each Idempotency-Key was used for, for as long as it is remembered.
 */
import { z } from 'zod'
import type { FarmStore } from '../../ports/farm-store.ts'
import type { Link } from './link.ts'
import { parsed } from './stored.ts'

const StoredRequest = z.strictObject({ fingerprint: z.string(), makes: z.string(), answer: z.string().nullable() })

export function requests(link: Link): Pick<FarmStore, 'rememberRequest' | 'answerRequest'> {
  return {
    async rememberRequest(key, request, ttlMs) {
      const place = link.keys.request(key)
      const fresh = JSON.stringify(request)
      // the key may run out between the two commands; then it is free, and the second turn takes it
      for (let turn = 0; turn < 2; turn++) {
        if ((await link.reach((redis) => redis.set(place, fresh, 'PX', ttlMs, 'NX'))) === 'OK') return null
        const stored = await link.reach((redis) => redis.get(place))
        if (stored !== null) return parsed(StoredRequest, stored, place)
      }
      throw new Error(
        `${place} ran out twice while it was being looked up: its time to live of ${ttlMs} ms is too short`,
      )
    },
    async answerRequest(key, request, ttlMs) {
      await link.reach((redis) => redis.set(link.keys.request(key), JSON.stringify(request), 'PX', ttlMs))
    },
  }
}
