import { afterEach, beforeEach, expect, test } from 'vitest'
import { JobView } from '../../../shared/protocol/job.ts'
import { problemOf, startRestFarm, type RestFarm } from '../../support/rest-farm.ts'

let farm: RestFarm
let job: string
beforeEach(async () => {
  farm = await startRestFarm()
  job = await farm.addJob('ada', { frames: '1-6', cap: 4 })
})
afterEach(() => farm.close())

const post = (path: string, payload?: Record<string, unknown>, who: 'ada' | 'ben' = 'ada') =>
  farm.ask(who, { method: 'POST', url: `/v1/jobs/${job}/${path}`, ...(payload === undefined ? {} : { payload }) })
const patch = (payload: Record<string, unknown>, who: 'ada' | 'ben' = 'ada') =>
  farm.ask(who, { method: 'PATCH', url: `/v1/jobs/${job}`, payload })
const eventTypes = async () =>
  (await farm.ask('ada', { url: `/v1/jobs/${job}/events` })).json().items.map(({ type }: { type: string }) => type)

test('a job is paused and resumed, and saying either twice is no error', async () => {
  expect(JobView.parse((await post('pause')).json())).toMatchObject({
    state: 'active',
    pausedAt: expect.any(Number),
    waiting: [expect.stringContaining('paused')],
  })
  expect((await post('pause', { now: true })).statusCode).toBe(200)
  expect((await post('resume', {})).json()).not.toHaveProperty('pausedAt')
  expect((await post('resume')).statusCode).toBe(200)
  expect(await eventTypes()).toEqual(['job_submitted', 'job_started', 'job_paused', 'job_resumed'])
})

test('priority, cap and name are changed, together or alone', async () => {
  expect((await patch({ priority: 90, name: 'night' })).json()).toMatchObject({ priority: 90, name: 'night', cap: 4 })
  expect((await patch({ cap: null })).json()).not.toHaveProperty('cap')
  expect((await patch({ cap: 2 })).json()).toMatchObject({ cap: 2, priority: 90 })
})

test.each([
  [{}, 'body'],
  [{ priority: 101 }, 'body.priority'],
  [{ cap: 0 }, 'body.cap'],
  [{ state: 'active' }, 'body'],
  [{ name: '' }, 'body.name'],
])('the change %j is a bad request that says where', async (change, path) => {
  const problem = problemOf(await patch(change))
  expect([problem.code, problem.errors?.[0]?.path]).toEqual(['bad_request', path])
})

test('what is over cannot be changed, and says so', async () => {
  await post('cancel')
  for (const answer of [await post('pause'), await post('resume'), await patch({ priority: 1 })])
    expect(problemOf(answer)).toMatchObject({ code: 'conflict', detail: expect.stringContaining('canceled') })
})

test('a job that was canceled is tried again; one that runs is left alone', async () => {
  expect((await post('retry')).json()).toMatchObject({ state: 'active' })
  await post('cancel')
  expect(JobView.parse((await post('retry', {})).json())).toMatchObject({ state: 'active', revision: 1 })
  expect((await eventTypes()).slice(-2)).toEqual(['job_canceled', 'job_retried'])
  expect(problemOf(await post('retry', {}, 'ben')).code).toBe('not_found')
})

test("somebody else's job is not there to be changed", async () => {
  for (const answer of [
    await post('pause', {}, 'ben'),
    await post('resume', {}, 'ben'),
    await patch({ priority: 1 }, 'ben'),
  ])
    expect(problemOf(answer).code).toBe('not_found')
})
