import { describe, expect, test } from 'vitest'
import { changeJob, pauseJob, resumeJob } from '../../../shared/engine/jobs/job-changes.ts'
import { viewJob } from '../../../shared/engine/jobs/job-actions.ts'
import { EngineFarm } from './engine-farm.ts'

describe('a paused job', () => {
  test(
    'hands out nothing, takes what comes in, says that it is ' + 'paused, and ends as any other once it is resumed',
    async () => {
      const farm = new EngineFarm()
      const anna = await farm.connect('anna')
      const id = await farm.submit({ frames: '1-6' })
      expect(anna.leases.size).toBe(2)
      const paused = await pauseJob(farm.engine, id, {}, 'ada')
      expect(paused).toMatchObject({
        ok: true,
        job: {
          state: 'active',
          waiting: [
            'waiting: the job is paused, 2 task(s) are still being rendered and will count; resume it to go on',
          ],
        },
      })
      await anna.finishAll()
      await farm.rounds.round()
      await farm.allSteps()
      expect(anna.leases.size).toBe(0)
      expect(await viewJob(farm.engine, id)).toMatchObject({
        state: 'active',
        secondsLeft: null,
        counts: { frames: { delivered: 2, rendering: 4 } },
      })
      await resumeJob(farm.engine, id, 'ada')
      while (await farm.quiet().then(() => anna.leases.size > 0)) await anna.finishAll()
      await farm.allSteps()
      expect((await farm.job(id)).state).toBe('completed')
      expect(await farm.faults(id)).toEqual([])
      expect((await farm.store.events(id, { limit: 100 })).items.map(({ type }) => type)).toEqual([
        'job_submitted',
        'job_started',
        'job_paused',
        'job_resumed',
        'frames_delivered',
        'job_completed',
      ])
    },
  )

  test('takes back what is rendered when it shall stop at once, and loses no task by it', async () => {
    const farm = new EngineFarm()
    const [anna, bert] = [await farm.connect('anna'), await farm.connect('bert')]
    const id = await farm.submit({ frames: '1-3' })
    await anna.commit(anna.next())
    const [kept] = [...anna.leases.values()]
    await pauseJob(farm.engine, id, { now: true }, 'ada')
    await farm.quiet()
    expect([anna.leases.size, bert.leases.size]).toEqual([1, 0])
    expect(bert.canceledLeases).toHaveLength(1)
    if (kept !== undefined) expect(await anna.deliver(kept.lease)).toMatchObject({ ok: true })
    expect(await farm.faults(id)).toEqual([])
    await resumeJob(farm.engine, id, 'ada')
    await farm.quiet()
    for (let round = 0; round < 3; round++) for (const each of [anna, bert]) await each.finishAll()
    await farm.allSteps()
    expect((await farm.job(id)).state).toBe('completed')
    expect((await farm.tasks(id)).every((task) => task.avoid.length === 0)).toBe(true)
  })

  test('gives nothing to a dispatcher that has not heard of it, and keeps the order of its queue', async () => {
    const farm = new EngineFarm()
    const id = await farm.submit({ frames: '1-3' })
    const quiet = farm.bulletin.publish
    farm.bulletin.publish = async () => undefined
    await pauseJob(farm.engine, id, {}, 'ada')
    const anna = await farm.connect('anna')
    await farm.quiet()
    expect([anna.given, await farm.queue.waitingTasks(id)]).toEqual([[], 3])
    farm.bulletin.publish = quiet
    await resumeJob(farm.engine, id, 'ada')
    await farm.quiet()
    expect(anna.given.map(({ taskId }) => taskId)).toEqual(['r0000000', 'r0000001'])
  })
})

describe('the priority of a running job', () => {
  test('decides the next lease', async () => {
    const farm = new EngineFarm()
    const [first, second] = [await farm.submit({ frames: '1-9' }), await farm.submit({ frames: '1-9' })]
    await changeJob(farm.engine, second, { priority: 90 }, 'ada')
    const anna = await farm.connect('anna')
    await farm.quiet()
    expect(anna.given.map(({ jobId }) => jobId)).toEqual([second, second])
    await changeJob(farm.engine, first, { priority: 95 }, 'ada')
    await farm.quiet()
    await anna.finish(anna.next())
    await farm.quiet()
    expect(anna.given.at(-1)?.jobId).toBe(first)
  })
})

describe('a cap', () => {
  const held = (farm: EngineFarm) => [...farm.workers.values()].reduce((sum, worker) => sum + worker.leases.size, 0)

  test('is kept to the task, however many workers are free, and other jobs have the rest', async () => {
    const farm = new EngineFarm()
    const id = await farm.submit({ frames: '1-20', cap: 3 })
    for (let number = 0; number < 6; number++) await farm.connect(`worker-${number}`)
    await farm.quiet()
    expect(held(farm)).toBe(3)
    expect(await viewJob(farm.engine, id)).toMatchObject({
      waiting: ["waiting: 17 task(s) wait: the job's cap of 3 running tasks is reached"],
    })
    const other = await farm.submit({ frames: '1-20' })
    await farm.quiet()
    expect(
      [...farm.workers.values()]
        .flatMap((worker) => [...worker.leases.values()].map(({ lease }) => lease.jobId))
        .filter((jobId) => jobId === other).length,
    ).toBeGreaterThanOrEqual(3)
    expect(await farm.faults(id)).toEqual([])
  })

  test('holds for a dispatcher that counts wrongly, because the commit of a lease counts', async () => {
    const farm = new EngineFarm()
    const anna = await farm.connect('anna', { slots: 4 })
    const id = await farm.submit({ frames: '1-8', cap: 1 })
    farm.store.counters = async () => ({ 'waiting.open': 8, 'running.all': 0 })
    await farm.dispatcher.refresh(id)
    await farm.quiet()
    expect([anna.leases.size, await farm.queue.waitingTasks(id)]).toEqual([1, 7])
  })

  test('can be raised, lowered and taken away while the job runs; audits go through it one at a time', async () => {
    const farm = new EngineFarm()
    const [anna, bert] = [await farm.connect('anna'), await farm.connect('bert')]
    const id = await farm.submit({ frames: '1-4', auditRate: 1, tiles: { columns: 2, rows: 1 } })
    await changeJob(farm.engine, id, { cap: 1 }, 'ada')
    for (let round = 0; (await farm.job(id)).state === 'active'; round++) {
      if (round > 200) throw new Error('the job does not end')
      for (const each of [anna, bert]) await each.finishAll()
      await farm.allSteps()
      await farm.dispatcher.refresh(id)
      await farm.quiet()
      if (round > 1) expect(held(farm)).toBeLessThanOrEqual(1)
    }
    await farm.allSteps()
    expect((await farm.job(id)).state).toBe('completed')
  })
})
