import { expect, test } from 'vitest'
import { Dispatcher } from '../../../../shared/engine/dispatch/dispatcher.ts'
import { EngineFarm } from '../../../integration/engine/engine-farm.ts'

test('a hundred notices about a job while it is read are one more reading', async () => {
  const farm = new EngineFarm()
  const jobId = await farm.submit({ frames: '1-3' })
  let readings = 0
  const counters = farm.store.counters.bind(farm.store)
  farm.store.counters = async (id) => {
    readings += 1
    return counters(id)
  }
  const dispatcher = new Dispatcher(farm.engine)
  await Promise.all(Array.from({ length: 100 }, () => dispatcher.refresh(jobId)))
  expect(readings).toBe(2)
  await dispatcher.refresh(jobId)
  expect(readings).toBe(3)
})

test('a reading that fails tells those who asked for it, and the next one reads again', async () => {
  const farm = new EngineFarm()
  const jobId = await farm.submit({ frames: '1-3' })
  const dispatcher = new Dispatcher(farm.engine)
  farm.storeFault = () => 'before'
  const asked = await Promise.allSettled([
    dispatcher.refresh(jobId),
    dispatcher.refresh(jobId),
    dispatcher.refresh(jobId),
  ])
  expect(asked.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
  farm.storeFault = () => 'none'
  await dispatcher.refresh(jobId)
})
