import { afterEach, beforeEach, expect, test } from 'vitest'
import { JobView } from '../../../shared/protocol/job.ts'
import { PlanView } from '../../../shared/protocol/plan.ts'
import { inspectScene, problemOf, startRestFarm } from '../../support/rest-farm.ts'
import type { RestFarm } from '../../support/rest-farm.ts'

let farm: RestFarm
beforeEach(async () => {
  farm = await startRestFarm()
})
afterEach(() => farm.close())

const plan = (payload: object) => farm.ask('ada', { method: 'POST', url: '/v1/plans', payload })

test('a plan tells the tasks, the tiles and the inspection to come, and leaves no job', async () => {
  const scene = await farm.addScene()
  const answer = await plan({ scene, frames: '1-4', tiles: { columns: 2, rows: 2 }, auditRate: 0.5 })
  expect(answer.statusCode).toBe(200)
  const view = PlanView.parse(answer.json())
  expect(view).toMatchObject({
    scene: { sha256: scene },
    plan: { frameCount: 4 },
    tasks: { inspect: 1, render: 16, finish: 4, audits: 12 },
    inspected: null,
    estimate: null,
  })
  expect(view.tiles).toHaveLength(4)
  expect((await farm.ask('ada', { url: '/v1/jobs' })).json().items).toEqual([])
  expect((await farm.store.scene(scene))?.inspections).toBeUndefined()
})

test('a plan is the plan of the job that is submitted with the same request', async () => {
  const scene = await farm.addScene()
  await inspectScene(farm.store, scene)
  const request = { scene, frames: '3-9:2', chunk: 2, settings: { samples: 8 } }
  const planned = PlanView.parse((await plan(request)).json())
  const job = JobView.parse((await farm.ask('ada', { method: 'POST', url: '/v1/jobs', payload: request })).json())
  expect(job.plan).toEqual(planned.plan)
  expect(planned).toMatchObject({ tasks: { inspect: 0 }, inspected: { blenderVersion: '5.0.1' } })
})

test('what a submission is refused for a plan is refused for too', async () => {
  const scene = await farm.addScene()
  expect(problemOf(await plan({ scene, frames: 'x' })).code).toBe('frames_invalid')
  expect(problemOf(await plan({ scene: 'f'.repeat(64) })).code).toBe('scene_unknown')
  expect(problemOf(await plan({ scene, frams: '1' })).detail).toContain('frams')
})

test('inexact tiles are told beside the plan without them', async () => {
  const scene = await farm.addScene()
  await inspectScene(farm.store, scene)
  const record = await farm.store.scene(scene)
  const inspections = record?.inspections?.map((inspection) => ({
    ...inspection,
    tiling: { exact: false, overscanPx: 0, reasons: ['it glows'] },
  }))
  if (record === null || inspections === undefined) throw new Error('no scene')
  await farm.store.putScene({ ...record, inspections })
  const view = PlanView.parse((await plan({ scene, tiles: { columns: 2, rows: 2 } })).json())
  expect(view).toMatchObject({
    refusal: { code: 'tiles_not_exact', detail: expect.stringContaining('it glows') },
    tiles: [],
    exactness: { tiles: { exact: false, reasons: ['it glows'] } },
  })
})

test('what an inspection found is told of the scene itself, and left out of the list', async () => {
  const scene = await farm.addScene()
  await inspectScene(farm.store, scene)
  const [listed] = (await farm.ask('ada', { url: '/v1/scenes' })).json().items
  expect(listed).toMatchObject({ sha256: scene })
  expect(listed.inspections).toBeUndefined()
  expect((await farm.ask('ada', { url: `/v1/scenes/${scene}` })).json().inspections).toMatchObject([
    { inspectedBy: 'wrk_seer', tiling: { exact: true } },
  ])
})

test('a plan needs a token of a user', async () => {
  const payload = { scene: await farm.addScene() }
  expect(problemOf(await farm.ask(null, { method: 'POST', url: '/v1/plans', payload })).code).toBe('unauthorized')
  expect(problemOf(await farm.ask('worker', { method: 'POST', url: '/v1/plans', payload })).code).toBe('forbidden')
})
