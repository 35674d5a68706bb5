import { describe, expect, test } from 'vitest'
import { settleEndedJob } from '../../../shared/engine/jobs/ended-jobs.ts'
import { cancelJob, deleteJob } from '../../../shared/engine/jobs/job-actions.ts'
import { retryJob } from '../../../shared/engine/jobs/job-changes.ts'
import { planTasks } from '../../../shared/engine/jobs/plan-tasks.ts'
import { reportStepFailed } from '../../../shared/engine/results/step-reports.ts'
import type { JobId } from '../../../shared/protocol/ids.ts'
import { LIMITS } from '../../../shared/protocol/limits.ts'
import { EngineFarm } from './engine-farm.ts'

/** As a coordinator does: the retry, and then its tasks are gone over. */
async function retry(farm: EngineFarm, id: JobId) {
  const retried = await retryJob(farm.engine, id, 'ada')
  await planTasks(farm.engine, id)
  await farm.dispatcher.refresh(id)
  await farm.quiet()
  return retried
}

async function finishAll(farm: EngineFarm, id: JobId): Promise<void> {
  for (let round = 0; (await farm.job(id)).state === 'active'; round++) {
    if (round > 100)
      throw new Error(
        `the job does not end: ${JSON.stringify((await farm.tasks(id)).filter((task) => task.state !== 'completed'))}`,
      )
    for (const worker of farm.workers.values()) await worker.finishAll()
    await farm.allSteps()
    await farm.dispatcher.refresh(id)
    await farm.quiet()
  }
  await farm.allSteps()
}

const rendered = (farm: EngineFarm) => [...farm.workers.values()].reduce((sum, worker) => sum + worker.given.length, 0)

describe('a job that failed', () => {
  test('goes on where it was: what is done is not rendered again, what failed has all its tries back', async () => {
    const farm = new EngineFarm()
    const anna = await farm.connect('anna', { slots: 2 })
    const id = await farm.submit({ frames: '1-4', tiles: { columns: 2, rows: 1 } })
    // The first frame is delivered, and then a tile fails for good.
    while ((await farm.frames(id))[0]?.state !== 'delivered') {
      await anna.finish(anna.next())
      await farm.allSteps()
    }
    for (let failures = 0; (await farm.job(id)).state === 'active'; failures++) {
      if (failures > 20) throw new Error('the job does not fail')
      await anna.fail(anna.next(), 'blender_error')
      await farm.quiet()
    }
    const done = (await farm.tasks(id)).filter((task) => task.state === 'completed').map((task) => task.id)
    expect((await farm.job(id)).failure?.code).toBe('poison_scene')
    await farm.rounds.round()
    expect(await settleEndedJob(farm.engine, id)).toBe(true)

    const before = rendered(farm)
    expect(await retry(farm, id)).toMatchObject({ ok: true, job: { state: 'active', revision: 1 } })
    expect(await farm.job(id)).not.toHaveProperty('failure')
    expect(await farm.faults(id)).toEqual([])
    await finishAll(farm, id)
    expect((await farm.job(id)).state).toBe('completed')
    // Eight tiles and four finishes in all.
    expect(rendered(farm) - before).toBe(12 - done.length)
    expect(await farm.faults(id)).toEqual([])
    expect((await farm.store.events(id, { limit: 100 })).items.map(({ type }) => type)).toContain('job_retried')
  })

  test('may fail again, with as many tries as before, and be tried again', async () => {
    const farm = new EngineFarm()
    const anna = await farm.connect('anna')
    const id = await farm.submit({ frames: '1' })
    for (let time = 1; time <= 3; time++) {
      for (let tries = 1; tries <= LIMITS.sceneFaultsMax; tries++) {
        expect((await farm.job(id)).state).toBe('active')
        await anna.fail(anna.next(), 'blender_error')
        await farm.quiet()
      }
      expect((await farm.job(id)).state).toBe('failed')
      expect(await farm.faults(id)).toEqual([])
      await retry(farm, id)
    }
    await finishAll(farm, id)
    expect((await farm.job(id)).state).toBe('completed')
  })

  test('with a result that nobody had checked has that checked, and not rendered again', async () => {
    const farm = new EngineFarm()
    const anna = await farm.connect('anna')
    const id = await farm.submit({ frames: '1-2', auditRate: 1 })
    await anna.finish(anna.next())
    await cancelJob(farm.engine, id, 'too dear')
    await farm.rounds.round()
    expect((await farm.tasks(id)).map((task) => task.state)).toEqual(['canceled', 'canceled', 'canceled'])
    await farm.connect('bert')
    await retry(farm, id)
    const [first] = (await farm.tasks(id)).filter((task) => task.id === 'r0000000')
    expect(first).toMatchObject({ state: 'verifying', epoch: 1, auditRounds: 2, auditsFrom: 1 })
    await finishAll(farm, id)
    expect((await farm.job(id)).state).toBe('completed')
    expect((await farm.tasks(id)).find((task) => task.id === 'r0000000')?.epoch).toBe(1)
    expect(await farm.faults(id)).toEqual([])
  })

  test('while its video was made only makes that again', async () => {
    const farm = new EngineFarm()
    const anna = await farm.connect('anna')
    const id = await farm.submit({ frames: '1-2' })
    for (const _frame of [1, 2]) await anna.finishAll()
    for (const _frame of [1, 2]) await farm.step()
    expect((await farm.job(id)).state).toBe('encoding')
    await reportStepFailed(farm.engine, id, 'encode_failed', 'no disk')
    const before = rendered(farm)
    await retry(farm, id)
    expect((await farm.job(id)).state).toBe('encoding')
    await farm.allSteps()
    expect([(await farm.job(id)).state, rendered(farm)]).toEqual(['completed', before])
  })
})

describe('a retry', () => {
  test('of a job that was canceled while it was planned or inspected goes on with that', async () => {
    const farm = new EngineFarm()
    const id = await farm.submitUnplanned({ frames: '1-3' })
    await cancelJob(farm.engine, id, '')
    await retry(farm, id)
    expect((await farm.job(id)).state).toBe('active')
    await farm.connect('anna')
    await finishAll(farm, id)
    expect((await farm.job(id)).state).toBe('completed')
  })

  test('that comes before the leases of the ended job were taken back keeps them', async () => {
    const farm = new EngineFarm()
    const anna = await farm.connect('anna')
    const id = await farm.submit({ frames: '1-6' })
    const [held] = [...anna.leases.values()]
    await cancelJob(farm.engine, id, 'by mistake')
    await retry(farm, id)
    await settleEndedJob(farm.engine, id)
    if (held !== undefined) expect(await anna.finish(held.lease)).toMatchObject({ ok: true })
    await farm.rounds.round()
    // The reconciler puts back what the end of the job dropped.
    for (let count = 0; count < 10; count++) await farm.rounds.round()
    await finishAll(farm, id)
    expect((await farm.job(id)).state).toBe('completed')
    expect(await farm.faults(id)).toEqual([])
  })

  test('between the two halves of a deletion does not stop it', async () => {
    const farm = new EngineFarm()
    const id = await farm.submit({ frames: '1' })
    const publish = farm.bulletin.publish.bind(farm.bulletin)
    let retries = 0
    farm.bulletin.publish = async (notice) => {
      await publish(notice)
      if ((await farm.job(id)).state === 'canceled' && retries++ < 2) await retryJob(farm.engine, id, 'ben')
    }
    expect(await deleteJob(farm.engine, id)).toEqual({ ok: true })
    expect([retries, (await farm.job(id)).state]).toEqual([3, 'deleting'])
  })

  test('changes nothing where nothing failed, and is refused for what is done', async () => {
    const farm = new EngineFarm()
    await farm.connect('anna')
    const id = await farm.submit({ frames: '1' })
    const before = await farm.job(id)
    expect(await retryJob(farm.engine, id, 'ada')).toMatchObject({ ok: true })
    expect(await farm.job(id)).toEqual(before)
    await finishAll(farm, id)
    expect(await retryJob(farm.engine, id, 'ada')).toMatchObject({ ok: false, code: 'conflict' })
  })
})
