import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { FarmStoreUnavailable, type Write } from '../../../shared/ports/farm-store.ts'
import { JobId, Sha256 } from '../../../shared/protocol/ids.ts'
import { JobView } from '../../../shared/protocol/job.ts'
import { finalKey, finalManifestKey } from '../../../shared/protocol/object-keys.ts'
import type { ObjectKey } from '../../../shared/protocol/object-keys.ts'
import type { FinalFile, FrameRecord } from '../../../shared/protocol/task.ts'
import { WorkerRecord } from '../../../shared/protocol/worker.ts'
import { smallBlend } from '../../fixtures/scenes/small-blend.ts'
import { problemOf, sha256Of, startRestFarm } from '../../support/rest-farm.ts'
import type { RestFarm } from '../../support/rest-farm.ts'

const NO_JOB = 'job_00000000000000000000000000'

let farm: RestFarm
beforeEach(async () => {
  farm = await startRestFarm()
})
afterEach(() => farm.close())

const submit = (payload: unknown, headers: Record<string, string> = {}) =>
  farm.ask('ada', { method: 'POST', url: '/v1/jobs', headers, payload: JSON.parse(JSON.stringify(payload)) })

test('a job takes from the scene what its request leaves out', async () => {
  const scene = await farm.addScene()
  const answer = await submit({ scene, name: 'tiny' })
  expect(answer.statusCode).toBe(201)
  const job = JobView.parse(answer.json())
  expect(job).toMatchObject({
    name: 'tiny',
    owner: 'ada',
    scene: { sha256: scene },
    plan: { frameCount: 24, width: 320, height: 180, engine: 'CYCLES', fps: 25 },
  })
  expect(answer.headers.location).toBe(`/v1/jobs/${job.id}`)
  expect((await farm.ask('ada', { url: `/v1/jobs/${job.id}` })).json()).toMatchObject({
    id: job.id,
    state: 'active',
    progress: 0,
  })
})

test.each([
  ['no scene', {}, 'body.scene'],
  ['a scene that is no hash', { scene: 'ab' }, 'body.scene'],
  ['an unknown key', { frams: '1-3' }, 'body'],
  ['an unknown key within', { settings: { sampels: 3 } }, 'body.settings'],
  ['tiles of zero', { tiles: { columns: 0, rows: 2 } }, 'body.tiles.columns'],
  ['a share above one', { auditRate: 1.5 }, 'body.auditRate'],
  ['a resolution of no form', { settings: { resolution: { width: 10 } } }, 'body.settings.resolution'],
])('%s is a bad request that says where', async (_what, part, path) => {
  const problem = problemOf(await submit(Object.keys(part).length === 0 ? {} : { scene: 'a'.repeat(64), ...part }))
  expect(problem.code).toBe('bad_request')
  expect(problem.errors?.[0]?.path).toBe(path)
  expect(problem.detail).toContain(path)
})

test('an unknown key is named', async () => {
  expect(problemOf(await submit({ scene: 'a'.repeat(64), frams: '1' })).detail).toContain('frams')
})

test('of a value with several forms each form says what it misses', async () => {
  expect(problemOf(await submit({ scene: 'a'.repeat(64), settings: { resolution: { width: 10 } } })).detail).toMatch(
    /height.*percentage/,
  )
})

test.each([
  ['frames that are none', { frames: 'abc' }, 'frames_invalid'],
  ['a thousand million frames', { frames: '1-1000000000' }, /^frames_(too_many|invalid)$/],
  ['a scene name that is not in the file', { settings: { scene: 'Nowhere' } }, 'scene_not_in_file'],
])('%s is refused by the planner and leaves nothing', async (_what, part, code) => {
  const problem = problemOf(await submit({ scene: await farm.addScene(), ...part }))
  expect(problem.code).toMatch(code)
  expect(problem.status).toBe(422)
  expect((await farm.store.listJobs({ limit: 10 })).items).toEqual([])
})

test('a scene that was never uploaded is unknown', async () => {
  expect(problemOf(await submit({ scene: 'a'.repeat(64) })).code).toBe('scene_unknown')
})

test.each([
  ['no JSON', 'application/json', '{"scene":', 'bad_request'],
  ['an empty body', 'application/json', '', 'bad_request'],
  ['a key that poisons prototypes', 'application/json', '{"__proto__": {"x": 1}}', 'bad_request'],
  ['XML', 'application/xml', '<job/>', 'unsupported_media_type'],
  ['two megabytes', 'application/json', JSON.stringify({ scene: 'x'.repeat(2 * 1024 * 1024) }), 'too_large'],
])('%s instead of a job is refused', async (_what, type, payload, code) => {
  expect(
    problemOf(await farm.ask('ada', { method: 'POST', url: '/v1/jobs', headers: { 'content-type': type }, payload }))
      .code,
  ).toBe(code)
})

test('the same key and body give the same answer and one job', async () => {
  const scene = await farm.addScene()
  const first = await submit({ scene, frames: '1-3' }, { 'idempotency-key': 'k1' })
  const second = await submit({ frames: '1-3', scene }, { 'idempotency-key': 'k1' })
  expect([first.statusCode, second.statusCode]).toEqual([201, 201])
  expect(second.json()).toEqual(first.json())
  expect([first.headers['idempotency-replayed'], second.headers['idempotency-replayed']]).toEqual([undefined, 'true'])
  expect((await farm.store.listJobs({ limit: 10 })).items).toHaveLength(1)
})

test('a key is good for one request only, and for its owner only', async () => {
  const scene = await farm.addScene()
  const first = await submit({ scene }, { 'idempotency-key': 'k1' })
  expect(problemOf(await submit({ scene, frames: '2' }, { 'idempotency-key': 'k1' })).code).toBe('idempotency_mismatch')
  const other = await farm.ask('ben', {
    method: 'POST',
    url: '/v1/jobs',
    headers: { 'idempotency-key': 'k1' },
    payload: { scene },
  })
  expect([other.statusCode, other.json().owner]).toEqual([201, 'ben'])
  expect(other.json().id).not.toBe(first.json().id)
})

test('two requests under one key at the same moment make one job', async () => {
  const scene = await farm.addScene()
  const answers = await Promise.all([
    submit({ scene }, { 'idempotency-key': 'k' }),
    submit({ scene }, { 'idempotency-key': 'k' }),
  ])
  expect((await farm.store.listJobs({ limit: 10 })).items).toHaveLength(1)
  expect(answers.map((answer) => [answer.statusCode, answer.json().id])).toEqual(
    Array(2).fill([201, answers[0]?.json().id]),
  )
})

test('a request whose coordinator died before it answered makes no second job when it is sent again', async () => {
  const scene = await farm.addScene()
  const dying = vi
    .spyOn(farm.store, 'answerRequest')
    .mockRejectedValue(new FarmStoreUnavailable(new Error('the process is gone')))
  expect((await submit({ scene }, { 'idempotency-key': 'k' })).statusCode).toBe(503)
  dying.mockRestore()
  const again = await submit({ scene }, { 'idempotency-key': 'k' })
  expect([again.statusCode, again.headers['idempotency-replayed']]).toEqual([201, 'true'])
  expect((await farm.store.listJobs({ limit: 10 })).items.map(({ id }) => id)).toEqual([again.json().id])
})

test('a refused request frees its key', async () => {
  const payload = { scene: sha256Of(smallBlend()) }
  expect(problemOf(await submit(payload, { 'idempotency-key': 'k' })).code).toBe('scene_unknown')
  await farm.addScene()
  expect((await submit(payload, { 'idempotency-key': 'k' })).statusCode).toBe(201)
})

test('a key with a space is a bad request', async () => {
  expect(problemOf(await submit({ scene: 'a'.repeat(64) }, { 'idempotency-key': 'a b' })).errors?.[0]?.path).toBe(
    'headers.idempotency-key',
  )
})

test("somebody else's job is not there, in none of its parts and for no change", async () => {
  const job = await farm.addJob('ada')
  for (const path of [
    '',
    '/tasks',
    '/tasks/r0000000',
    '/frames',
    '/events',
    '/artifacts',
    '/artifacts/manifest.json',
  ]) {
    const mine = problemOf(await farm.ask('ben', { url: `/v1/jobs/${job}${path}` }))
    const nobodys = problemOf(await farm.ask('ben', { url: `/v1/jobs/${NO_JOB}${path}` }))
    expect([path, mine.code, mine.detail.replace(job, '')]).toEqual([
      path,
      'not_found',
      nobodys.detail.replace(NO_JOB, ''),
    ])
  }
  expect(problemOf(await farm.ask('ben', { method: 'POST', url: `/v1/jobs/${job}/cancel` })).code).toBe('not_found')
  expect(problemOf(await farm.ask('ben', { method: 'DELETE', url: `/v1/jobs/${job}` })).code).toBe('not_found')
  expect((await farm.ask('root', { url: `/v1/jobs/${job}` })).statusCode).toBe(200)
})

test('users list their own jobs, admins all, page by page and newest first', async () => {
  const mine = [await farm.addJob('ada'), await farm.addJob('ada'), await farm.addJob('ada')]
  await farm.addJob('ben')
  const first = (await farm.ask('ada', { url: '/v1/jobs?limit=2' })).json()
  const second = (await farm.ask('ada', { url: `/v1/jobs?limit=2&cursor=${encodeURIComponent(first.next)}` })).json()
  expect([...first.items, ...second.items].map(({ id }) => id).sort()).toEqual(mine.sort())
  expect([first.items.length, second.next]).toEqual([2, null])
  expect((await farm.ask('root', { url: '/v1/jobs' })).json().items).toHaveLength(4)
})

test('a list by state reads on until its page is full', async () => {
  const jobs = [await farm.addJob('ada'), await farm.addJob('ada'), await farm.addJob('ada')]
  await farm.ask('ada', { method: 'POST', url: `/v1/jobs/${jobs[0]}/cancel` })
  const { items, next } = (await farm.ask('ada', { url: '/v1/jobs?state=canceled&limit=1' })).json()
  expect([items.map(({ id }: { id: string }) => id), next]).toEqual([[jobs[0]], null])
})

test.each(['limit=0', 'limit=501', 'limit=x', 'state=done', 'stat=active', 'cursor=%20nonsense%20'])(
  'the query ?%s is a bad request',
  async (query) => {
    expect(problemOf(await farm.ask('ada', { url: `/v1/jobs?${query}` })).code).toBe('bad_request')
  },
)

test('a job is canceled, and that again is no error', async () => {
  const job = await farm.addJob('ada')
  const canceled = await farm.ask('ada', { method: 'POST', url: `/v1/jobs/${job}/cancel` })
  expect([canceled.statusCode, canceled.json().state]).toEqual([200, 'canceled'])
  expect((await farm.ask('ada', { method: 'POST', url: `/v1/jobs/${job}/cancel`, payload: {} })).statusCode).toBe(200)
  const { items } = (await farm.ask('ada', { url: `/v1/jobs/${job}/events` })).json()
  expect(items.map(({ type }: { type: string }) => type)).toContain('job_canceled')
  expect(
    problemOf(await farm.ask('ada', { method: 'POST', url: `/v1/jobs/${job}/cancel`, payload: { why: 'x' } })).code,
  ).toBe('bad_request')
})

test('a deleted job is on its way out', async () => {
  const job = await farm.addJob('ada')
  expect((await farm.ask('ada', { method: 'DELETE', url: `/v1/jobs/${job}` })).statusCode).toBe(202)
  expect((await farm.ask('ada', { url: `/v1/jobs/${job}` })).json().state).toBe('deleting')
})

test('tasks and frames of a job are listed, by state too, and a task is found by its id', async () => {
  const job = await farm.addJob('ada', { frames: '1-5', tiles: { columns: 2, rows: 2 } })
  const tasks = (await farm.ask('ada', { url: `/v1/jobs/${job}/tasks?limit=500&state=queued` })).json()
  expect(tasks.items).toHaveLength(20)
  expect((await farm.ask('ada', { url: `/v1/jobs/${job}/tasks?state=completed` })).json()).toEqual({
    items: [],
    next: null,
  })
  expect((await farm.ask('ada', { url: `/v1/jobs/${job}/tasks/r0000003` })).json()).toMatchObject({
    id: 'r0000003',
    tile: 3,
    frames: [1],
  })
  expect(problemOf(await farm.ask('ada', { url: `/v1/jobs/${job}/tasks/r0000099` })).code).toBe('not_found')
  expect(
    (await farm.ask('ada', { url: `/v1/jobs/${job}/frames?state=rendering` }))
      .json()
      .items.map((frame: { number: number }) => frame.number),
  ).toEqual([1, 2, 3, 4, 5])
})

test('delivered files are listed in whole whatever the page size, with addresses that are good', async () => {
  const job = JobId.parse(await farm.addJob('ada', { frames: '1-6' }))
  const expected = await deliver(job, 6)
  for (const limit of [1, 2, 3, 5, 50]) {
    const seen: string[] = []
    for (let cursor: string | null = ''; cursor !== null;) {
      const page: { items: { path: string; url?: string }[]; next: string | null } = (
        await farm.ask('ada', {
          url: `/v1/jobs/${job}/artifacts?urls=true&limit=${limit}${cursor && `&cursor=${encodeURIComponent(cursor)}`}`,
        })
      ).json()
      expect(page.items.length).toBeLessThanOrEqual(limit)
      for (const { path, url } of page.items) {
        seen.push(path)
        expect((await farm.objects.request({ method: 'GET', url: url ?? '' })).body.toString()).toBe(path)
      }
      cursor = page.next
    }
    expect(seen).toEqual(expected)
  }
  expect(problemOf(await farm.ask('ada', { url: `/v1/jobs/${job}/artifacts?cursor=zzz` })).code).toBe('bad_request')
})

test('the pages of delivered files may change their size on the way', async () => {
  const job = JobId.parse(await farm.addJob('ada', { frames: '1-6' }))
  const expected = await deliver(job, 6)
  const seen: string[] = []
  const limits = [5, 1, 4, 1, 1, 50]
  const after = (cursor: string): string => cursor && `&cursor=${encodeURIComponent(cursor)}`
  for (let cursor: string | null = ''; cursor !== null;) {
    const page: { items: { path: string }[]; next: string | null } = (
      await farm.ask('ada', {
        url: `/v1/jobs/${job}/artifacts?limit=${limits.shift() ?? 1}${after(cursor)}`,
      })
    ).json()
    seen.push(...page.items.map(({ path }) => path))
    cursor = page.next
  }
  expect(seen).toEqual(expected)
})

test('a delivered file is fetched by a redirect to the store', async () => {
  const job = JobId.parse(await farm.addJob('ada', { frames: '1-2' }))
  await deliver(job, 2)
  for (const path of ['frames/0001.png', 'manifest.json']) {
    const answer = await farm.ask('ada', { url: `/v1/jobs/${job}/artifacts/${path}` })
    expect(answer.statusCode).toBe(302)
    const fetched = await farm.objects.request({ method: 'GET', url: String(answer.headers.location) })
    expect([fetched.status, fetched.body.toString()]).toEqual([200, path])
  }
})

test.each([
  'frames/0099.png',
  '../journal/job.json',
  'journal/job.json',
  'frames/..%2F..%2Fjournal%2Fjob.json',
  'frames/',
  'frames//x',
  '%00',
  `frames/${'x'.repeat(600)}`,
])('the path %s leads to no file', async (path) => {
  const job = JobId.parse(await farm.addJob('ada', { frames: '1' }))
  await deliver(job, 1)
  const answer = await farm.ask('ada', { url: `/v1/jobs/${job}/artifacts/${path}` })
  expect(answer.statusCode).toBe(404)
})

test('a worker whose coordinator died is shown as offline', async () => {
  const worker = {
    id: 'wrk_test1',
    name: 'box',
    owner: 'box',
    agentVersion: '1',
    state: 'connected',
    leases: 0,
    tasksCompleted: 0,
    tasksFailed: 0,
    tasksRefuted: 0,
    quarantined: false,
    connectedAt: 1,
    lastSeenAt: 1,
    capabilities: {
      blender: { version: '3.4.1', buildHash: 'x', path: '/usr/bin/blender', engines: ['CYCLES'] },
      devices: [{ kind: 'CPU', name: 'cpu' }],
      memoryBytes: 1,
      cpuThreads: 1,
      os: 'x',
      slots: 1,
      tags: [],
    },
  }
  for (const id of ['wrk_test1', 'wrk_test2', 'wrk_test3'])
    await farm.store.putWorker(WorkerRecord.parse({ ...worker, id }))
  await farm.store.holdSession(WorkerRecord.parse(worker).id, 's', 60_000)
  const first = (await farm.ask('ada', { url: '/v1/workers?limit=2' })).json()
  const second = (await farm.ask('ada', { url: `/v1/workers?limit=2&cursor=${first.next}` })).json()
  expect([...first.items, ...second.items].map(({ id, state }) => [id, state])).toEqual([
    ['wrk_test1', 'connected'],
    ['wrk_test2', 'offline'],
    ['wrk_test3', 'offline'],
  ])
  expect(second.next).toBeNull()
  expect((await farm.ask('ada', { url: '/v1/workers/wrk_test2' })).json().state).toBe('offline')
  expect(problemOf(await farm.ask('ada', { url: '/v1/workers/wrk_nobody' })).code).toBe('not_found')
  expect((await farm.ask('ada', { url: '/v1' })).json().workersConnected).toBe(1)
})

/**
 * Writes the records and objects of a delivery: two files for each frame, a video and the manifest. Gives the paths in
 * order.
 */
async function deliver(jobId: JobId, frameCount: number): Promise<string[]> {
  const put = async (key: ObjectKey, path: string): Promise<FinalFile> => {
    await farm.objects.put(key, Buffer.from(path), { contentType: 'text/plain' })
    return { path, bytes: path.length, sha256: Sha256.parse(sha256Of(Buffer.from(path))), contentType: 'text/plain' }
  }
  const own = [
    await put(finalKey(jobId, 'video', 'video.mp4'), 'video/video.mp4'),
    await put(finalManifestKey(jobId), 'manifest.json'),
  ]
  const frames: Write<number, FrameRecord>[] = []
  for (const record of await farm.store.frames(
    jobId,
    Array.from({ length: frameCount }, (_, index) => index + 1),
  )) {
    if (record === null) throw new Error('the job has fewer frames')
    const name = String(record.value.number).padStart(4, '0')
    const files = [
      await put(finalKey(jobId, 'frames', `${name}.png`), `frames/${name}.png`),
      await put(finalKey(jobId, 'previews', `${name}.jpg`), `previews/${name}.jpg`),
    ]
    frames.push({
      id: record.value.number,
      expected: record.version,
      value: { ...record.value, state: 'delivered', files },
    })
  }
  const job = await farm.store.job(jobId)
  if (job === null) throw new Error('there is no such job')
  const committed = await farm.store.commit(
    jobId,
    {
      job: { id: jobId, expected: job.version, value: { ...job.value, files: own } },
      tasks: [],
      frames,
      counters: {},
      leases: [],
      picky: [],
      effects: [],
      credits: [],
      events: [],
    },
    Date.now(),
  )
  expect(committed.ok).toBe(true)
  return [...own, ...frames.flatMap(({ value }) => value?.files ?? [])].map(({ path }) => path)
}
