import { afterEach, beforeEach, expect, test } from 'vitest'
import { everyActionFails } from '../../support/every-action.ts'
import { problemOf, startRestFarm, TOKENS } from '../../support/rest-farm.ts'
import type { RestFarm } from '../../support/rest-farm.ts'

let farm: RestFarm
beforeEach(async () => {
  farm = await startRestFarm()
})
afterEach(() => farm.close())

test('a process that is alive says so to anybody', async () => {
  const answer = await farm.ask(null, { url: '/healthz' })
  expect([answer.statusCode, answer.json()]).toEqual([200, { status: 'ok' }])
})

test('a farm whose state is away is alive but not ready', async () => {
  expect((await farm.ask(null, { url: '/readyz' })).statusCode).toBe(200)
  await farm.close()
  farm = await startRestFarm()
  farm.store.away = true
  expect((await farm.ask(null, { url: '/healthz' })).statusCode).toBe(200)
  expect(problemOf(await farm.ask(null, { url: '/readyz' }))).toMatchObject({ status: 503, code: 'redis_unavailable' })
})

test('an outage of the farm state is told with the time to try again', async () => {
  farm.store.away = true
  const answer = await farm.ask('ada', { url: '/v1/jobs' })
  expect(problemOf(answer).code).toBe('redis_unavailable')
  expect(answer.headers['retry-after']).toBe('5')
  expect(answer.body).not.toContain('memory')
})

test.each([
  ['no token', undefined],
  ['another scheme', 'Basic YWRhOmFkYQ=='],
  ['an unknown token', 'Bearer nobody'],
  ['an empty token', 'Bearer '],
  ['a token of a megabyte', `Bearer ${'x'.repeat(4000)}`],
])('%s is unauthorized', async (_what, authorization) => {
  const answer = await farm.app.inject({
    url: '/v1/jobs',
    headers: authorization === undefined ? {} : { authorization },
  })
  expect(problemOf(answer).code).toBe('unauthorized')
  expect(answer.headers['www-authenticate']).toContain('Bearer')
})

test('a worker may ask what farm this is, and nothing of the users', async () => {
  expect((await farm.ask('worker', { url: '/v1' })).json()).toEqual({
    name: 'tilework',
    version: '0.0.0-test',
    workersConnected: 0,
    jobsOpen: 0,
  })
  expect(problemOf(await farm.ask('worker', { url: '/v1/jobs' })).code).toBe('forbidden')
  expect(problemOf(await farm.ask('worker', { url: '/v1/workers' })).code).toBe('forbidden')
})

test('figures are for admins, and count requests by the pattern of their route', async () => {
  const job = await farm.addJob('ada')
  await farm.ask('ada', { url: `/v1/jobs/${job}` })
  expect(problemOf(await farm.ask('ada', { url: '/metrics' })).code).toBe('forbidden')
  const answer = await farm.ask('root', { url: '/metrics' })
  expect(answer.headers['content-type']).toContain('text/plain')
  expect(answer.body).toContain('route="/v1/jobs/:jobId"')
  expect(answer.body).not.toContain(job)
  expect(answer.body).toContain('process_cpu_seconds_total')
})

test('the farm adds its own figures', async () => {
  await farm.close()
  farm = await startRestFarm({
    metrics: async () => [
      {
        name: 'tilework_tasks',
        help: 'Tasks by state',
        values: [
          { labels: { state: 'queued' }, value: 3 },
          { labels: { state: 'leased' }, value: 1 },
        ],
      },
    ],
  })
  const first = await farm.ask('root', { url: '/metrics' })
  expect(first.body).toContain('tilework_tasks{state="queued"} 3')
  expect((await farm.ask('root', { url: '/metrics' })).statusCode).toBe(200)
})

test('an unknown route is not found, by a problem', async () => {
  expect(problemOf(await farm.ask('ada', { url: '/v1/nonsense?token=secret' }))).toMatchObject({
    code: 'not_found',
    detail: expect.not.stringContaining('secret'),
  })
})

test('an address that is none is a bad request', async () => {
  expect(problemOf(await farm.ask('ada', { url: '/v1/jobs/%E0%A4%A' })).code).toBe('bad_request')
})

test('too many requests of one address are slowed down, but never the probe', async () => {
  await farm.close()
  farm = await startRestFarm({ limits: { requestsPerMinuteMax: 3 } })
  for (let count = 0; count < 3; count++) expect((await farm.ask('ada', { url: '/v1' })).statusCode).toBe(200)
  const answer = await farm.ask('ada', { url: '/v1' })
  expect(problemOf(answer).code).toBe('rate_limited')
  expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0)
  // One that guesses tokens is slowed down before the token is looked at.
  expect(problemOf(await farm.ask(null, { url: '/v1' })).code).toBe('rate_limited')
  for (let count = 0; count < 5; count++) expect((await farm.ask(null, { url: '/healthz' })).statusCode).toBe(200)
})

test('what breaks inside is called internal, told to the log and not to the client', async () => {
  await farm.close()
  farm = await startRestFarm({ farm: everyActionFails('the inner words') })
  const scene = await farm.addScene()
  const answer = await farm.ask('ada', { method: 'POST', url: '/v1/jobs', payload: { scene } })
  expect(problemOf(answer).code).toBe('internal')
  expect(answer.body).not.toContain('inner')
  expect(JSON.stringify(farm.logged)).toContain('the inner words')
})

test('no token gets into the log', async () => {
  await farm.addJob('ada')
  await farm.ask('ada', { url: `/v1/jobs?cursor=${TOKENS.ada}` })
  expect(JSON.stringify(farm.logged)).toContain('answered')
  expect(JSON.stringify(farm.logged)).not.toContain(TOKENS.ada)
})

test('answers may not be kept, guessed at or framed by a browser, and no other site is let in', async () => {
  const { headers } = await farm.ask('ada', { url: '/v1', headers: { origin: 'https://elsewhere.example' } })
  expect(headers).toMatchObject({
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
  })
  expect(headers['access-control-allow-origin']).toBeUndefined()
})
