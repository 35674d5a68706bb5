// Two of each service over one Redis and one object store, as processes of their own: any of them serves any worker and
// any job.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { samePixels } from '../../shared/adapters/imaging/compare-same-pixels.ts'
import type { JobView } from '../../shared/protocol/job.ts'
import type { TaskRecord } from '../../shared/protocol/task.ts'
import { FarmApi } from '../support/farm-api.ts'
import { ProcessFarm } from '../support/process-farm.ts'
import { buildTinyScene, renderBareAnimation } from '../support/tiny-scene.ts'

const MINUTES = 60_000
const COORDINATORS = ['north', 'south']
const WORKERS = ['ann', 'bob', 'cid', 'dot']

let farm: ProcessFarm
let scene: string
let bare: Map<number, string>
/** Past the line before the coordinators, to one of them. */
let at: FarmApi[]

beforeAll(async () => {
  // No lease runs out here by itself: one that is lost shows.
  farm = await ProcessFarm.start({ store: 'folder', env: { TILEWORK_LEASE_SECONDS: '120' } })
  const blend = await buildTinyScene(join(farm.folder, 'tiny.blend'))
  bare = await renderBareAnimation(blend, farm.folder)
  await Promise.all([
    ...COORDINATORS.map((name) => farm.add('coordinator', name)),
    ...['v1', 'v2'].map((name) => farm.add('verifier', name)),
    ...['a1', 'a2'].map((name) => farm.add('assembler', name)),
  ])
  at = COORDINATORS.map((_, index) => new FarmApi(`http://127.0.0.1:${farm.ports[index]}`, farm.token, farm.folder))
  await Promise.all(WORKERS.map((name) => farm.addWorker(name)))
  scene = (await farm.upload(blend)).sha256
}, 5 * MINUTES)

afterAll(async () => farm?.stop(), MINUTES)

async function expectBareFrames(job: JobView): Promise<void> {
  const frames = (await farm.artifacts(job.id)).filter((each) => each.path.startsWith('frames/'))
  expect(frames.map((each) => each.frame)).toEqual([...bare.keys()])
  for (const artifact of frames)
    expect(
      await samePixels(
        await farm.download(artifact, `${job.id}-${artifact.frame}.png`),
        bare.get(artifact.frame ?? 0) ?? '',
      ),
    ).toEqual({ ok: true, same: true })
}

/** What became of the tries at a task; second tries that a slow machine brings are left out. */
function outcomes(task: TaskRecord): string[] {
  return task.attempts.map(({ outcome }) => outcome).filter((outcome) => outcome !== 'overtaken')
}

/** How often a worker connected to any coordinator. */
async function connections(): Promise<number> {
  const logs = await Promise.all(COORDINATORS.map((name) => farm.part(name).log()))
  return logs.join('').split('worker connected').length - 1
}

describe('two of each service', () => {
  it(
    'share the workers, and end a job that was submitted to one and is watched at the other',
    { timeout: 2 * MINUTES },
    async () => {
      for (const name of COORDINATORS)
        expect((await farm.part(name).log()).split('worker connected').length - 1).toBeGreaterThan(0)
      const [north, south] = at
      const job = await north!.submit({ scene, tiles: { columns: 2, rows: 2 }, video: 'none', auditRate: 1 })
      const ended = await south!.ended(job.id)
      expect(ended.state).toBe('completed')
      const tasks = await south!.tasks(job.id)
      for (const task of tasks) expect([task.id, outcomes(task)]).toEqual([task.id, ['rendered']])
      expect(new Set(tasks.flatMap((task) => task.attempts.map(({ workerId }) => workerId))).size).toBe(WORKERS.length)
      await expectBareFrames(ended)
    },
  )

  it(
    'are stopped and started again one by one under load, and no lease is lost and no task done twice',
    { timeout: 3 * MINUTES },
    async () => {
      const job = await farm.submit({ scene, tiles: { columns: 2, rows: 3 }, video: 'mp4', auditRate: 1 })
      await farm.jobWhen(job.id, ({ counts }) => (counts.render['completed'] ?? 0) > 0)
      for (const name of [...COORDINATORS, 'v1', 'a1', 'v2', 'a2']) {
        const lives = farm.part(name).lives
        await farm.part(name).stop()
        expect(farm.part(name).ending).toBe('exit code 0')
        await farm
          .part(name)
          .start()
          .said(
            name.length > 2 ? 'coordinator listens' : name.startsWith('v') ? 'verifier runs' : 'assembler runs',
            lives + 1,
          )
      }
      const ended = await farm.ended(job.id)
      expect(ended.state).toBe('completed')
      const tasks = await farm.tasks(job.id)
      expect(tasks.filter(({ kind }) => kind === 'render')).toHaveLength(18)
      for (const task of tasks)
        expect([
          task.id,
          outcomes(task).filter((outcome) => outcome === 'rendered'),
          outcomes(task).includes('expired'),
        ]).toEqual([task.id, ['rendered'], false])
      await expectBareFrames(ended)
    },
  )

  it('make one job of a request that is sent to both, at the same time and again', async () => {
    const request = { scene, frames: '1', video: 'none', auditRate: 0 }
    const headers = { 'idempotency-key': 'sent-to-both' }
    const jobs = await Promise.all([...at, ...at].map((coordinator) => coordinator.submit(request, headers)))
    expect(new Set(jobs.map(({ id }) => id)).size).toBe(1)
    expect((await farm.submit(request, headers)).id).toBe(jobs[0]?.id)
    expect((await farm.ended(jobs[0]?.id ?? '')).state).toBe('completed')
  })

  it("serve each other's signed addresses, and go on with each other's uploads", async () => {
    const [north, south] = at
    const [job] = (await north!.get('/v1/jobs?state=completed')).items
    const [artifact] = await north!.artifacts(job.id)
    for (const port of farm.ports.slice(0, COORDINATORS.length)) {
      const address = new URL(artifact?.url ?? '')
      address.port = String(port)
      expect((await fetch(address)).status).toBe(200)
    }
    const bytes = await readFile(join(farm.folder, 'tiny.blend'))
    const tus = { 'tus-resumable': '1.0.0', authorization: `Bearer ${farm.token}` }
    const begun = await fetch(`${north!.url}/v1/uploads`, {
      method: 'POST',
      headers: { ...tus, 'upload-length': String(bytes.length) },
    })
    const path = begun.headers.get('location') ?? ''
    const send = (to: FarmApi, from: number, until: number) =>
      fetch(to.url + path, {
        method: 'PATCH',
        headers: { ...tus, 'upload-offset': String(from), 'content-type': 'application/offset+octet-stream' },
        body: bytes.subarray(from, until),
      })
    expect((await send(south!, 0, 10_000)).status).toBe(204)
    expect((await fetch(north!.url + path, { method: 'HEAD', headers: tus })).headers.get('upload-offset')).toBe(
      '10000',
    )
    expect((await send(north!, 10_000, bytes.length)).headers.get('tilework-scene')).toBe(scene)
    expect((await fetch(south!.url + path, { method: 'HEAD', headers: tus })).headers.get('tilework-scene')).toBe(scene)
  })

  it(
    'know a worker that comes by the other one as the same, and let the older connection go',
    { timeout: MINUTES },
    async () => {
      const [north, south] = at
      const known = async () =>
        (await south!.get('/v1/workers')).items.map(({ id, state }: { id: string; state: string }) => [id, state])
      const [before, connected] = [await known(), await connections()]
      farm.front.cut()
      await farm.until(async () => (await connections()) >= connected + WORKERS.length)
      expect(await known()).toEqual(before)
      const job = await north!.submit({ scene, frames: '1-3', video: 'none', auditRate: 1 })
      await south!.ended(job.id)
      for (const task of await south!.tasks(job.id))
        expect([task.id, outcomes(task).filter((outcome) => outcome === 'rendered')]).toEqual([task.id, ['rendered']])
    },
  )
})
