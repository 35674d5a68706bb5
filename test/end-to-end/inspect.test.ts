// What only Blender knows of a scene decides how its job is split, and the pixels are those of bare Blender all the
// same.

import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { samePixels } from '../../shared/adapters/imaging/compare-same-pixels.ts'
import { SceneRecord } from '../../shared/protocol/scene.ts'
import { TaskPage } from '../../shared/protocol/rest.ts'
import { TestFarm } from '../support/farm.ts'
import { buildTinyScene, renderBare, renderBareAnimation } from '../support/tiny-scene.ts'

const MINUTES = 60_000
let farm: TestFarm

beforeAll(async () => {
  farm = await TestFarm.start()
  await Promise.all([farm.addWorker('ann'), farm.addWorker('bob')])
}, 2 * MINUTES)

afterAll(async () => farm?.stop(), MINUTES)

async function expectFrame(jobId: string, frame: number, bare: string): Promise<void> {
  const artifact = (await farm.artifacts(jobId)).find((each) => each.frame === frame && each.path.startsWith('frames/'))
  if (artifact === undefined) throw new Error(`frame ${frame} was not delivered`)
  expect(await samePixels(await farm.download(artifact, `delivered-${jobId}-${frame}.png`), bare)).toEqual({
    ok: true,
    same: true,
  })
}

describe('a scene with a render region of its own', () => {
  it.each([
    ['border', { width: 97, height: 55 }],
    ['border-crop', { width: 60, height: 35 }],
  ] as const)('(%s) is rendered in tiles inside of it', { timeout: 4 * MINUTES }, async (border, size) => {
    const blend = await buildTinyScene(join(farm.folder, `${border}.blend`), 'adaptive', border)
    const scene = await farm.upload(blend, `${border}.blend`)
    const job = await farm.submit({ scene: scene.sha256, frames: '2', tiles: { columns: 3, rows: 2 }, video: 'none' })
    expect(job.state).toBe('inspecting')
    expect(job.plan).toMatchObject({
      ...size,
      region: { x: 20, y: 13, width: 60, height: 35 },
      tiles: { overscanPx: 8 },
    })
    const ended = await farm.ended(job.id)
    expect(ended.failure).toBeUndefined()
    await expectFrame(job.id, 2, await renderBare(blend, farm.folder, 2))
  })
})

describe('a scene whose simulation is not baked', () => {
  let sha256: string
  let blend: string

  it('is rendered in order by one worker, as bare Blender does the animation', { timeout: 4 * MINUTES }, async () => {
    blend = await buildTinyScene(join(farm.folder, 'cloth.blend'), 'cloth')
    sha256 = (await farm.upload(blend, 'cloth.blend')).sha256
    const job = await farm.submit({ scene: sha256, video: 'none', auditRate: 1 })
    expect(job.plan.renderTaskCount).toBe(6) // as far as the file tells
    const ended = await farm.ended(job.id)
    expect(ended.failure).toBeUndefined()
    expect(ended.plan).toMatchObject({ ordered: true, chunk: 6, renderTaskCount: 1 })
    expect(ended.plan.notes.join()).toMatch(/not baked/)
    expect(ended.counts).toMatchObject({ inspect: { completed: 1 }, verdicts: { agreed: 1 } })
    const bare = await renderBareAnimation(blend, farm.folder)
    expect([...bare.keys()]).toEqual([1, 2, 3, 4, 5, 6])
    for (const [frame, path] of bare) await expectFrame(job.id, frame, path)
  })

  it('is not looked at again, and refuses tiles with the reason', { timeout: MINUTES }, async () => {
    expect(SceneRecord.parse(await farm.get(`/v1/scenes/${sha256}`)).inspections).toHaveLength(1)
    const refused = await farm.send('POST', '/v1/jobs', { scene: sha256, tiles: { columns: 2, rows: 2 } })
    expect(refused.status).toBe(422)
    expect(await refused.json()).toMatchObject({
      code: 'tiles_not_exact',
      detail: expect.stringMatching(/simulations are not baked/),
    })
  })

  it(
    'gives the later frames of it alone, not what a worker happens to have open',
    { timeout: 4 * MINUTES },
    async () => {
      // Both workers have rendered up to frame 4 then, one for the job and one for its audit.
      await farm.ended((await farm.submit({ scene: sha256, frames: '1-4', video: 'none', auditRate: 1 })).id)
      const job = await farm.submit({ scene: sha256, frames: '5-6', video: 'none', auditRate: 1 })
      expect(job.state).toBe('planning')
      const ended = await farm.ended(job.id)
      expect(ended.counts.verdicts).toEqual({ agreed: 1 })
      const alone = await renderBare(blend, farm.folder, 5)
      expect(await samePixels(alone, (await renderBareAnimation(blend, farm.folder)).get(5) ?? '')).toMatchObject({
        same: false,
      })
      await expectFrame(job.id, 5, alone)
    },
  )

  it(
    'fails early with the advice to bake where Blender itself would show it only then',
    { timeout: 2 * MINUTES },
    async () => {
      const scene = await farm.upload(await buildTinyScene(join(farm.folder, 'rigid.blend'), 'rigid'), 'rigid.blend')
      const ended = await farm.ended((await farm.submit({ scene: scene.sha256 })).id)
      expect(ended).toMatchObject({
        state: 'failed',
        failure: { code: 'frames_not_apart', message: expect.stringMatching(/rigid bodies.*Bake/) },
      })
    },
  )

  it(
    'fails early with the reason where tiles were asked for before anybody had looked',
    { timeout: 2 * MINUTES },
    async () => {
      const other = await buildTinyScene(join(farm.folder, 'other.blend'), 'cloth', 'adaptive')
      const scene = await farm.upload(other, 'other.blend')
      const job = await farm.submit({ scene: scene.sha256, tiles: { columns: 2, rows: 2 } })
      const ended = await farm.ended(job.id)
      expect(ended).toMatchObject({
        state: 'failed',
        failure: { code: 'tiles_not_exact', message: expect.stringMatching(/not baked/) },
      })
      const tasks = TaskPage.parse(await farm.get(`/v1/jobs/${job.id}/tasks`)).items
      expect(tasks.map((task) => task.id)).toEqual(['i0000000'])
    },
  )
})
