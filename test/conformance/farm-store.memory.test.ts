import { expect, it } from 'vitest'
import { MemoryFarmStore } from '../../shared/adapters/memory/farm-store.ts'
import { FarmStoreUnavailable } from '../../shared/ports/farm-store.ts'
import { NOW, aJobId } from './farm-store-records.ts'
import { farmStoreSuite } from './farm-store.ts'
import { listsSuite } from './farm-store-lists.ts'
import { farmTermSuite } from './farm-store-term.ts'
import { workersSuite } from './farm-store-workers.ts'

function open() {
  let now = NOW
  const advance = async (ms: number) => {
    now += ms
  }
  const store = new MemoryFarmStore({ now: () => now })
  return { store, advance, empty: async () => store.empty() }
}

farmStoreSuite('memory', open)
listsSuite('memory', open)
workersSuite('memory', open)
farmTermSuite('memory', open)

it('throws for every call while it is told to be away', async () => {
  const store = new MemoryFarmStore()
  store.away = true
  await expect(store.job(aJobId(1))).rejects.toBeInstanceOf(FarmStoreUnavailable)
  await expect(store.time()).rejects.toBeInstanceOf(FarmStoreUnavailable)
  store.away = false
  expect(await store.job(aJobId(1))).toBeNull()
})
