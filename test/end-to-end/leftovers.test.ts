// What a task writes beside the scene is gone for the next one: each renders what was uploaded, as bare Blender does.

import { execFile } from 'node:child_process'
import { copyFile, mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { samePixels } from '../../shared/adapters/imaging/compare-same-pixels.ts'
import { sourceFile } from '../fixtures/driver/lab.ts'
import { TestFarm } from '../support/farm.ts'
import { renderBare, renderBareAnimation } from '../support/tiny-scene.ts'

const MINUTES = 60_000
let farm: TestFarm

beforeAll(async () => {
  farm = await TestFarm.start()
  await farm.addWorker('ann')
}, 2 * MINUTES)

afterAll(async () => farm?.stop(), MINUTES)

/** The delivered picture of a frame. */
async function delivered(jobId: string, frame: number): Promise<string> {
  const artifact = (await farm.artifacts(jobId)).find((each) => each.frame === frame && each.path.startsWith('frames/'))
  if (artifact === undefined) throw new Error(`frame ${frame} was not delivered`)
  return farm.download(artifact, `${jobId}-${frame}.png`)
}

async function render(scene: string, frames: string): Promise<string> {
  const job = await farm.submit({ scene, frames, video: 'none', auditRate: 0 })
  const ended = await farm.ended(job.id)
  expect(ended.failure).toBeUndefined()
  return job.id
}

it(
  'a cloth whose cache is written beside the file is as in a new folder in the job after, too',
  { timeout: 4 * MINUTES },
  async () => {
    const blend = join(farm.folder, 'scene.blend')
    const script = sourceFile('test/fixtures/unbaked-disk-cache.py')
    const options = ['-b', '--factory-startup', '-noaudio', '--python-exit-code', '9', '--python', script, '--', blend]
    await promisify(execFile)('blender', options)
    const bareFolder = async (name: string): Promise<{ folder: string; copy: string }> => {
      const folder = join(farm.folder, name)
      await mkdir(folder)
      await copyFile(blend, join(folder, 'scene.blend'))
      return { folder, copy: join(folder, 'scene.blend') }
    }
    const [whole, single] = [await bareFolder('whole'), await bareFolder('single')]
    const animation = await renderBareAnimation(whole.copy, whole.folder)
    const alone = await renderBare(single.copy, single.folder, 4)
    expect(await readdir(whole.folder)).toContain('blendcache_scene')
    expect(await samePixels(alone, animation.get(4) ?? '')).toMatchObject({ ok: true, same: false })

    const { sha256 } = await farm.upload(blend, 'scene.blend')
    const inOrder = await render(sha256, '1-4')
    for (const frame of [1, 2, 3, 4]) {
      expect(await samePixels(await delivered(inOrder, frame), animation.get(frame) ?? '')).toEqual({
        ok: true,
        same: true,
      })
    }
    const next = await render(sha256, '4')
    expect(await samePixels(await delivered(next, 4), alone)).toEqual({ ok: true, same: true })
  },
)
