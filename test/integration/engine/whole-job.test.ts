import { describe, expect, test } from 'vitest'
import type { JobId } from '../../../shared/protocol/ids.ts'
import { EngineFarm } from './engine-farm.ts'

/** Everybody hands in what they hold and every step is run, until nothing moves any more. */
async function renderAll(farm: EngineFarm): Promise<void> {
  for (let turn = 0; turn < 200; turn++) {
    const before = [...farm.workers.values()].reduce((sum, worker) => sum + worker.given.length, 0)
    for (const worker of farm.workers.values()) await worker.finishAll()
    await farm.allSteps()
    if (
      before === [...farm.workers.values()].reduce((sum, worker) => sum + worker.given.length, 0) &&
      [...farm.workers.values()].every((worker) => worker.leases.size === 0)
    )
      return
  }
  throw new Error('the farm never settled')
}

async function expectWhole(farm: EngineFarm, id: JobId): Promise<void> {
  expect(await farm.faults(id)).toEqual([])
  expect((await farm.job(id)).state).toBe('completed')
  expect(farm.logged).toEqual([])
}

describe('a job that meets no trouble', () => {
  test('of whole frames goes from submission to delivered frames', async () => {
    const farm = new EngineFarm()
    await farm.connect('anna')
    const id = await farm.submit({ frames: '1-5, 9' })
    await renderAll(farm)
    await expectWhole(farm, id)
    expect((await farm.frames(id)).map((frame) => frame.files?.[0]?.path)).toEqual(
      [1, 2, 3, 4, 5, 9].map((number) => `frames/${number}: frame ${number} final "whole"`),
    )
  })

  test('of chunks renders every frame once', async () => {
    const farm = new EngineFarm()
    const anna = await farm.connect('anna')
    const id = await farm.submit({ frames: '1-10', chunk: 4 })
    await renderAll(farm)
    await expectWhole(farm, id)
    expect(anna.given).toHaveLength(3)
  })

  test('of tiles stitches, finishes and delivers every frame', async () => {
    const farm = new EngineFarm()
    await farm.connect('anna')
    await farm.connect('bert')
    const id = await farm.submit({ frames: '-1-1', tiles: { columns: 3, rows: 2 } })
    await renderAll(farm)
    await expectWhole(farm, id)
    expect((await farm.tasks(id)).filter((task) => task.kind === 'finish' && task.state === 'completed')).toHaveLength(
      3,
    )
    expect((await farm.frames(id)).every((frame) => frame.files?.[0]?.path.endsWith('"finished"'))).toBe(true)
  })

  test('with every task audited has every result checked by another worker', async () => {
    const farm = new EngineFarm()
    await farm.connect('anna')
    await farm.connect('bert')
    const id = await farm.submit({ frames: '1-4', auditRate: 1, tiles: { columns: 2, rows: 1 } })
    await renderAll(farm)
    await expectWhole(farm, id)
    const tasks = await farm.tasks(id)
    const audits = tasks.filter((task) => task.kind === 'audit')
    expect(audits).toHaveLength(12)
    for (const audit of audits) {
      const checked = tasks.find((task) => task.id === audit.audits)
      expect(audit.attempts.at(-1)?.workerId).not.toBe(checked?.attempts.at(-1)?.workerId)
      expect([audit.verdict, checked?.verdict]).toEqual(['agreed', 'agreed'])
    }
  })

  test('with the smallest audit rate has one render task audited at least', async () => {
    const farm = new EngineFarm()
    await farm.connect('anna')
    await farm.connect('bert')
    const id = await farm.submit({ frames: '1-30', auditRate: 1e-9 })
    await renderAll(farm)
    await expectWhole(farm, id)
    expect((await farm.tasks(id)).filter((task) => task.kind === 'audit')).toHaveLength(1)
  })

  test('takes a worker from the first moment: the plan itself wakes an idle one', async () => {
    const farm = new EngineFarm()
    const anna = await farm.connect('anna')
    expect(anna.leases.size).toBe(0)
    await farm.submit({ frames: '1' })
    expect(anna.leases.size).toBe(1)
  })
})
