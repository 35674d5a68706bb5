import { z } from 'zod'
import type { FarmStore } from '../../ports/farm-store.ts'
import type { Link } from './link.ts'
import { parsed } from './stored.ts'

const TokenOwner = z.strictObject({ name: z.string(), scopes: z.array(z.string()) })

/** Who tokens belong to, by their SHA-256. */
export function tokens(link: Link): Pick<FarmStore, 'token' | 'putToken'> {
  return {
    async token(sha256) {
      const text = await link.believed((redis) => redis.hget(link.keys.tokens, sha256))
      return text === null ? null : parsed(TokenOwner, text, link.keys.tokens)
    },
    async putToken(sha256, owner) {
      await link.reach((redis) => redis.hset(link.keys.tokens, sha256, JSON.stringify(owner)))
    },
  }
}
