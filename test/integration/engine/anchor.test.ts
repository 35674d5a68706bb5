// Frames are finished on machines of the operator's own while one is connected, and then nobody needs to check them.

import { expect, test } from 'vitest'
import { finishTaskId } from '../../../shared/protocol/ids.ts'
import { EngineFarm } from './engine-farm.ts'
import type { ScriptedWorker } from './scripted-worker.ts'

const TILED = { frames: '1', tiles: { columns: 2, rows: 1 }, auditRate: 0.01 }

async function farmWithAnchor(): Promise<{ farm: EngineFarm; anna: ScriptedWorker; bert: ScriptedWorker }> {
  const farm = new EngineFarm()
  const [anna, bert] = [await farm.connect('anna', { slots: 4 }), await farm.connect('bert', { slots: 4 })]
  const record = await farm.store.worker(anna.workerId)
  if (record === null) throw new Error('anna is not known')
  await farm.store.putWorker({ ...record, anchor: true })
  await farm.rounds.round() // hears who is connected
  return { farm, anna, bert }
}

/** Renders every tile, audits included, until only the finish is left. */
async function renderTiles(farm: EngineFarm, workers: readonly ScriptedWorker[]): Promise<void> {
  for (let turn = 0; turn < 6; turn++) {
    for (const worker of workers)
      for (const { lease } of worker.leases.values()) if (lease.work.kind === 'render') await worker.finish(lease)
    await farm.allSteps()
    await farm.rounds.round()
    await farm.quiet()
  }
}

test('a finish goes to the anchor and is accepted without an audit', async () => {
  const { farm, anna, bert } = await farmWithAnchor()
  const id = await farm.submit(TILED)
  await renderTiles(farm, [anna, bert])
  expect(bert.given.filter((lease) => lease.work.kind === 'finish')).toEqual([])
  expect(anna.given.filter((lease) => lease.work.kind === 'finish')).toHaveLength(1)
  for (const { lease } of anna.leases.values()) await anna.finish(lease)
  const finish = (await farm.tasks(id)).find((task) => task.id === finishTaskId(0))
  expect(finish).toMatchObject({ state: 'completed', attempts: [{ workerId: anna.workerId, drawnForAudit: false }] })
})

test('an anchor is known as one from the moment it sits down', async () => {
  const farm = new EngineFarm()
  const bert = await farm.connect('bert', { slots: 4 })
  const id = await farm.submit(TILED)
  const anna = await farm.connect('anna', { slots: 4 })
  farm.dispatcher.setConnected(new Map([[bert.workerId, bert.capabilities]])) // as of the last round, before she came
  farm.dispatcher.addWorker(Object.defineProperty(anna, 'anchor', { value: true }))
  for (let turn = 0; turn < 6; turn++) {
    for (const worker of [bert, anna])
      for (const { lease } of worker.leases.values()) if (lease.work.kind === 'render') await worker.finish(lease)
    await farm.allSteps()
    await farm.dispatcher.refresh(id)
    await farm.quiet()
  }
  expect([...anna.given, ...bert.given].filter((lease) => lease.work.kind === 'finish')).toHaveLength(1)
  expect(bert.given.filter((lease) => lease.work.kind === 'finish')).toEqual([])
})

test('a finish goes to anybody when no anchor is connected, and is checked by another', async () => {
  const { farm, anna, bert } = await farmWithAnchor()
  await anna.disconnect()
  farm.clock.advance(10) // who is connected may be known some milliseconds late
  const carl = await farm.connect('carl', { slots: 4 })
  const id = await farm.submit(TILED)
  await renderTiles(farm, [bert, carl])
  const holder = [bert, carl].find((worker) =>
    [...worker.leases.values()].some(({ lease }) => lease.work.kind === 'finish'),
  )
  if (holder === undefined) throw new Error('nobody finishes')
  for (const { lease } of holder.leases.values()) await holder.finish(lease)
  const finish = (await farm.tasks(id)).find((task) => task.id === finishTaskId(0))
  expect(finish).toMatchObject({ state: 'verifying', attempts: [{ drawnForAudit: true }] })
})
