/*
 * Which farm this Redis holds, in one key: `3`, or `3 recovering`. A Redis that was emptied does not have it, and
 * nothing that is not found there means anything.
 */
import type { Redis } from 'ioredis'
import { FarmStateLost } from '../../ports/farm-store.ts'
import type { FarmStore, FarmTerm } from '../../ports/farm-store.ts'
import type { Keys } from './keys.ts'
import type { Link } from './link.ts'
import { loadScript } from './scripts.ts'

const CHANGE = loadScript('change-farm-term')

export function farmTerms(link: Link): Pick<FarmStore, 'farmTerm' | 'changeFarmTerm' | 'holdsJobs' | 'takeTurn'> {
  const { keys } = link
  return {
    farmTerm: () => link.reach((redis) => readFarmTerm(redis, keys)),
    async changeFarmTerm(from, to) {
      return (await link.run(CHANGE, [keys.farm], [written(from), written(to)])) === 1
    },
    async holdsJobs() {
      return (await link.reach((redis) => redis.exists(keys.jobs))) === 1
    },
    async takeTurn(name, ttlMs) {
      return (await link.reach((redis) => redis.set(keys.turn(name), '1', 'PX', ttlMs, 'NX'))) === 'OK'
    },
  }
}

/**
 * Reads again what found nothing, if the farm is there: the first time it may have been read just before a recovery
 * ended. Throws FarmStateLost if it is not.
 */
export async function believedIn<T>(redis: Redis, keys: Keys, read: (redis: Redis) => Promise<T>): Promise<T> {
  const found = await read(redis)
  if (found !== null && !(Array.isArray(found) && found.length === 0)) return found
  const farmTerm = await readFarmTerm(redis, keys)
  if (farmTerm === null || !farmTerm.open) throw new FarmStateLost(farmTerm)
  return await read(redis)
}

async function readFarmTerm(redis: Redis, keys: Keys): Promise<FarmTerm | null> {
  const [, term, closed] = /^(\d+)( recovering)?$/.exec((await redis.get(keys.farm)) ?? '') ?? []
  return term === undefined ? null : { term: Number(term), open: closed === undefined }
}

function written(farmTerm: FarmTerm | null): string {
  return farmTerm === null ? '' : `${farmTerm.term}${farmTerm.open ? '' : ' recovering'}`
}
