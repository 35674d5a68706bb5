import { describe, expect, test } from 'vitest'
import { changeJob } from '../../../shared/engine/jobs/job-changes.ts'
import { planTasks } from '../../../shared/engine/jobs/plan-tasks.ts'
import type { JobId } from '../../../shared/protocol/ids.ts'
import type { JobRequest } from '../../../shared/protocol/job.ts'
import { EngineFarm } from './engine-farm.ts'
import type { ScriptedWorker } from './scripted-worker.ts'

async function reframe(farm: EngineFarm, id: JobId, frames: string) {
  const changed = await changeJob(farm.engine, id, { frames }, 'ada')
  await planTasks(farm.engine, id)
  await farm.dispatcher.refresh(id)
  await farm.quiet()
  return changed
}

async function finishAll(farm: EngineFarm, id: JobId): Promise<void> {
  for (let round = 0; (await farm.job(id)).state === 'active'; round++) {
    if (round > 100) throw new Error(`the job does not end: ${JSON.stringify(await farm.frames(id))}`)
    for (const worker of farm.workers.values()) await worker.finishAll()
    await farm.allSteps()
    await farm.dispatcher.refresh(id)
    await farm.quiet()
  }
  await farm.allSteps()
}

const framesAre = async (farm: EngineFarm, id: JobId) =>
  (await farm.frames(id)).map(({ number, state }) => `${number} ${state}`)

async function started(request: Partial<JobRequest>): Promise<{ farm: EngineFarm; anna: ScriptedWorker; id: JobId }> {
  const farm = new EngineFarm()
  const anna = await farm.connect('anna')
  return { farm, anna, id: await farm.submit(request) }
}

describe.each([{}, { tiles: { columns: 2, rows: 1 } }])('the frames of a running job (%j)', (cut) => {
  test('become more: those that are there keep their tasks, new ones come behind them', async () => {
    const { farm, anna, id } = await started({ frames: '5-6', ...cut })
    const before = (await farm.tasks(id)).map((task) => [task.id, task.frames])
    await reframe(farm, id, '4-8')
    expect(
      (await farm.tasks(id))
        .filter((task) => task.kind === 'render')
        .slice(0, before.length)
        .map((task) => [task.id, task.frames]),
    ).toEqual(before)
    expect((await farm.job(id)).plan).toMatchObject({ frames: '4-8', frameCount: 5, asked: ['5-6', '4, 7-8'] })
    await finishAll(farm, id)
    expect(await framesAre(farm, id)).toEqual([4, 5, 6, 7, 8].map((number) => `${number} delivered`))
    expect((await farm.job(id)).state).toBe('completed')
    expect(anna.given.length).toBe(cut.tiles === undefined ? 5 : 15)
    expect(await farm.faults(id)).toEqual([])
  })

  test('become fewer: what workers hold of the others is taken back, and the job ends without them', async () => {
    const { farm, anna, id } = await started({ frames: '1-5', ...cut })
    await reframe(farm, id, '4-5')
    expect(anna.canceledLeases.length).toBeGreaterThan(0)
    expect((await framesAre(farm, id)).slice(0, 3)).toEqual(['1 canceled', '2 canceled', '3 canceled'])
    await finishAll(farm, id)
    expect([(await farm.job(id)).state, await farm.faults(id)]).toEqual(['completed', []])
  })

  test('end the job when all that is left of them is delivered', async () => {
    const { farm, anna, id } = await started({ frames: '1-3', ...cut })
    while ((await farm.frames(id))[0]?.state !== 'delivered') {
      await anna.finishAll()
      await farm.allSteps()
    }
    await reframe(farm, id, '1')
    await farm.allSteps()
    expect((await farm.job(id)).state).toBe('completed')
  })

  test('that are delivered and taken out come back without being rendered, when they are asked for again', async () => {
    const { farm, anna, id } = await started({ frames: '1-4', ...cut })
    while ((await farm.frames(id))[0]?.state !== 'delivered') {
      await anna.finishAll()
      await farm.allSteps()
    }
    await reframe(farm, id, '3-4')
    expect((await farm.frames(id))[0]).toMatchObject({ state: 'canceled', files: [expect.anything()] })
    await reframe(farm, id, '1-4')
    expect((await farm.frames(id))[0]?.state).toBe('delivered')
    await finishAll(farm, id)
    expect((await framesAre(farm, id)).join()).toBe('1 delivered,2 delivered,3 delivered,4 delivered')
    expect(anna.given.filter(({ work }) => work.kind === 'render' && work.frames[0] === 1).length).toBe(
      cut.tiles === undefined ? 1 : 2,
    )
    expect(await farm.faults(id)).toEqual([])
  })
})

test('audits of what was taken out are taken back, too', async () => {
  const { farm, anna, id } = await started({ frames: '1-3', auditRate: 1 })
  await anna.finish(anna.next())
  expect((await farm.tasks(id)).find((task) => task.id === 'r0000000')?.state).toBe('verifying')
  await reframe(farm, id, '2-3')
  expect((await farm.tasks(id)).filter((task) => task.frames[0] === 1).map((task) => task.state)).toEqual([
    'canceled',
    'canceled',
  ])
  await farm.connect('bert')
  await finishAll(farm, id)
  expect([(await farm.job(id)).state, await farm.faults(id)]).toEqual(['completed', []])
})

test.each([
  ['a range that is none', {}, 'x', 'frames_invalid'],
  ['a range that runs backwards', {}, '9-1', 'frames_empty'],
  ['frames of a job that renders several in one task', { chunk: 2 }, '1-9', 'frames_not_apart'],
])('%s is refused, and nothing changes', async (_what, request, frames, code) => {
  const { farm, id } = await started({ frames: '1-4', ...request })
  const before = await farm.job(id)
  expect(await reframe(farm, id, frames)).toMatchObject({ ok: false, code })
  expect(await farm.job(id)).toEqual(before)
})

test(
  'the same frames written otherwise change nothing, and those ' + 'of a job that is over cannot be changed',
  async () => {
    const { farm, id } = await started({ frames: '1-4' })
    const before = await farm.job(id)
    expect(await reframe(farm, id, '1, 2, 3-4')).toMatchObject({ ok: true })
    expect(await farm.job(id)).toEqual(before)
    await finishAll(farm, id)
    expect(await reframe(farm, id, '1-9')).toMatchObject({ ok: false, code: 'conflict' })
  },
)
