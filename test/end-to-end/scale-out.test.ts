// Two of each service over one Redis and one object store, as processes of their own: any of them serves any worker and any job.

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
  farm = await ProcessFarm.start({ store: 'folder' })
  const blend = await buildTinyScene(join(farm.folder, 'tiny.blend'))
  bare = await renderBareAnimation(blend, farm.folder)
  await Promise.all([...COORDINATORS.map((name) => farm.add('coordinator', name)), ...['v1', 'v2'].map((name) => farm.add('verifier', name)), ...['a1', 'a2'].map((name) => farm.add('assembler', name))])
  at = COORDINATORS.map((_, index) => new FarmApi(`http://127.0.0.1:${farm.ports[index]}`, farm.token, farm.folder))
  await Promise.all(WORKERS.map((name) => farm.addWorker(name)))
  scene = (await farm.upload(blend)).sha256
}, 3 * MINUTES)

afterAll(async () => farm?.stop(), MINUTES)

async function expectBareFrames(job: JobView): Promise<void> {
  const frames = (await farm.artifacts(job.id)).filter((each) => each.path.startsWith('frames/'))
  expect(frames.map((each) => each.frame)).toEqual([...bare.keys()])
  for (const artifact of frames) expect(await samePixels(await farm.download(artifact, `${job.id}-${artifact.frame}.png`), bare.get(artifact.frame ?? 0) ?? '')).toEqual({ ok: true, same: true })
}

function outcomes(task: TaskRecord): string[] {
  return task.attempts.map(({ outcome }) => outcome)
}

describe('two of each service', () => {
  it('share the workers, and end a job that was submitted to one and is watched at the other', { timeout: 2 * MINUTES }, async () => {
    for (const name of COORDINATORS) expect((await farm.part(name).log()).split('worker connected').length - 1).toBeGreaterThan(0)
    const [north, south] = at
    const job = await north!.submit({ scene, tiles: { columns: 2, rows: 2 }, video: 'none', auditRate: 1 })
    const ended = await south!.ended(job.id)
    expect(ended.state).toBe('completed')
    const tasks = await south!.tasks(job.id)
    for (const task of tasks) expect([task.id, outcomes(task)]).toEqual([task.id, ['rendered']])
    expect(new Set(tasks.flatMap((task) => task.attempts.map(({ workerId }) => workerId))).size).toBe(WORKERS.length)
    await expectBareFrames(ended)
  })
})
