import { expect, test } from 'vitest'
import { ENGINE_TIMES } from '../../../../shared/engine/context.ts'
import { Dispatcher } from '../../../../shared/engine/dispatch/dispatcher.ts'
import { Rounds } from '../../../../shared/engine/loops/rounds.ts'
import { EngineFarm } from '../../../integration/engine/engine-farm.ts'

/** Calls of the farm store while `call` runs, by name. */
async function callsOf(farm: EngineFarm, call: () => Promise<void>): Promise<Record<string, number>> {
  const calls: Record<string, number> = {}
  farm.storeFault = (call) => {
    calls[call] = (calls[call] ?? 0) + 1
    return 'none'
  }
  await call()
  await farm.quiet()
  farm.storeFault = () => 'none'
  return calls
}

test(
  'of several coordinators one looks at every job in a second, ' + 'and the others only now and then at what waits',
  async () => {
    const farm = new EngineFarm()
    for (let count = 0; count < 10; count++) await farm.submit({ frames: '1', name: `job ${count}` })
    const others = Array.from({ length: 3 }, () => new Rounds(farm.engine, new Dispatcher(farm.engine)))
    farm.clock.advance(1_000)
    const first = await callsOf(farm, () => farm.rounds.takeRound())
    expect(first).toMatchObject({ expiredLeases: 10, pendingEffects: 10, counters: 10 })
    const second = await callsOf(farm, async () => {
      for (const rounds of others) await rounds.takeRound()
    })
    expect(second).toEqual({ takeTurn: 3, connectedWorkers: 3 })
    // Four more rounds that are another's, and each has asked once what waits.
    const fifth = await callsOf(farm, async () => {
      for (let count = 0; count < 4; count++) for (const rounds of others) await rounds.takeRound()
    })
    expect(fifth).toMatchObject({ takeTurn: 12, openJobs: 3, counters: 30 })
    expect(fifth).not.toHaveProperty('expiredLeases')
  },
)

test(
  'when the coordinator that looked at the jobs is gone, the next ' + 'one does, and ends the leases that ran out',
  async () => {
    const farm = new EngineFarm()
    await farm.connect('anna')
    const id = await farm.submit({ frames: '1' })
    await farm.rounds.takeRound()
    const other = new Rounds(farm.engine, new Dispatcher(farm.engine))
    farm.clock.advance(ENGINE_TIMES.leaseMs)
    await other.takeRound()
    await farm.quiet()
    expect((await farm.tasks(id))[0]?.attempts[0]).toMatchObject({ epoch: 1, outcome: 'expired' })
  },
)

test('a job that another coordinator removed is not remembered', async () => {
  const farm = new EngineFarm()
  const id = await farm.submit({ frames: '1' })
  const dispatcher = new Dispatcher(farm.engine)
  await dispatcher.refreshAll()
  let letGo = 0
  farm.queue.letGoOfJob = async () => void (letGo += 1)
  await farm.store.eraseJob(id)
  await dispatcher.refreshAll()
  expect(letGo).toBe(1)
})
