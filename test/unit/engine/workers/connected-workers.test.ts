import { expect, test } from 'vitest'
import { connectedWorkers } from '../../../../shared/engine/workers/connected-workers.ts'
import { EngineFarm } from '../../../integration/engine/engine-farm.ts'
import { aWorker } from '../../domain/records.ts'

async function farmOf(count: number): Promise<{ farm: EngineFarm; readings: () => number }> {
  const farm = new EngineFarm()
  for (let at = 0; at < count; at++) {
    const worker = aWorker(`nr${at}`)
    await farm.store.putWorker(worker)
    await farm.store.holdSession(worker.id, 's', 3_600_000)
  }
  let readings = 0
  const read = farm.store.connectedWorkers.bind(farm.store)
  farm.store.connectedWorkers = async () => {
    readings += 1
    return read()
  }
  return { farm, readings: () => readings }
}

test('the connected workers are those with a session and a record', async () => {
  const { farm } = await farmOf(3)
  await farm.store.putWorker(aWorker('away'))
  await farm.store.holdSession(aWorker('unknown').id, 's', 1_000)
  expect([...(await connectedWorkers(farm.engine)).keys()].sort()).toEqual(
    ['nr0', 'nr1', 'nr2'].map((name) => aWorker(name).id),
  )
})

test('many that ask at once wait for one reading', async () => {
  const { farm, readings } = await farmOf(3)
  await Promise.all(Array.from({ length: 50 }, () => connectedWorkers(farm.engine)))
  expect(readings()).toBe(1)
})

test('a few workers are read anew each time, thousands every few seconds', async () => {
  const few = await farmOf(2)
  const many = await farmOf(1_200)
  for (let second = 0; second < 6; second++) {
    for (const { farm } of [few, many]) {
      await connectedWorkers(farm.engine)
      farm.clock.advance(1_000)
    }
  }
  expect([few.readings(), many.readings()]).toEqual([6, 3])
  expect((await connectedWorkers(many.farm.engine)).size).toBe(1_200)
})

test('a reading that failed is tried again by whoever asks next', async () => {
  const { farm } = await farmOf(2)
  farm.storeFault = () => 'before'
  await expect(connectedWorkers(farm.engine)).rejects.toThrow('not reached')
  farm.storeFault = () => 'none'
  expect((await connectedWorkers(farm.engine)).size).toBe(2)
})
