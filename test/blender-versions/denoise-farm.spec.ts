// A denoised, tiled job through a whole farm. TILEWORK_TEST_BLENDER names a Blender that has OpenImageDenoise;
// Debian's, which has none, is connected too.

import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { Manifest } from '../../shared/protocol/manifest.ts'
import { Lab, differences } from '../fixtures/driver/lab.ts'
import { TestFarm } from '../support/farm.ts'

const MINUTES = 60_000
let lab: Lab
let farm: TestFarm

beforeAll(async () => {
  lab = await Lab.open()
  farm = await TestFarm.start()
}, 2 * MINUTES)

afterAll(async () => {
  await farm?.stop()
  await lab?.close()
}, MINUTES)

it(
  'waits for a Blender with the denoiser, goes to no other, and gives the pixels of the un-split render',
  { timeout: 15 * MINUTES },
  async () => {
    const blend = await lab.scene('denoise,loosely-adaptive,compositor')
    const debian = await farm.addWorker('debian')
    const scene = await farm.upload(blend, 'denoised.blend')
    const job = await farm.submit({
      scene: scene.sha256,
      frames: '1-2',
      tiles: { columns: 3, rows: 2 },
      auditRate: 0.2,
      video: 'none',
    })
    const waiting = await farm.jobWhen(job.id, ({ waiting }) =>
      waiting.some((reason) => reason.includes('OpenImageDenoise')),
    )
    expect(waiting).toMatchObject({
      state: 'inspecting',
      waiting: ['waiting: needs Blender with OpenImageDenoise, connected workers have 3.4.1 without it'],
    })

    const ann = await farm.addWorker('ann', { blender: lab.executable })
    const bob = await farm.addWorker('bob', { blender: lab.executable, threads: 2 })
    const ended = await farm.ended(job.id)
    expect(ended.failure).toBeUndefined()
    expect(ended).toMatchObject({
      state: 'completed',
      plan: { tiles: { columns: 3, rows: 2, overscanPx: 8 } },
      requirement: { denoiser: true },
    })

    const bare = await lab.bareFiles(blend, [1, 2], 'bare')
    const artifacts = await farm.artifacts(job.id)
    for (const frame of [1, 2]) {
      const artifact = artifacts.find((each) => each.frame === frame && each.path.startsWith('frames/'))
      if (artifact === undefined) throw new Error(`frame ${frame} was not delivered`)
      expect(
        await differences(await farm.download(artifact, `delivered-${frame}.png`), bare.get(frame)?.[0] ?? ''),
      ).toBe('')
    }
    const manifest = artifacts.find((each) => each.path === 'manifest.json')
    if (manifest === undefined) throw new Error('there is no manifest')
    const { frames } = Manifest.parse(
      JSON.parse(await readFile(await farm.download(manifest, 'manifest.json'), 'utf8')),
    )
    expect(
      new Set(frames.flatMap(({ tasks }) => tasks.flatMap((task) => task.attempts.map(({ workerId }) => workerId)))),
    ).toEqual(new Set([ann.workerId, bob.workerId]))
    const workers: { id: string; tasksFailed: number }[] = (await farm.get('/v1/workers')).items
    expect(workers.find(({ id }) => id === debian.workerId)?.tasksFailed).toBe(0)
  },
)
