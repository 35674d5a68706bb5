// Baked simulations whose caches are uploaded with the project: whichever worker renders a frame, it shows the same.

import { execFile } from 'node:child_process'
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { samePixels } from '../../shared/adapters/imaging/compare-same-pixels.ts'
import { sourceFile } from '../fixtures/driver/lab.ts'
import { TestFarm } from '../support/farm.ts'
import { renderBareAnimation } from '../support/tiny-scene.ts'
import { zipOf } from '../unit/adapters/scene-files/zip-bytes.ts'

const MINUTES = 60_000
let farm: TestFarm

beforeAll(async () => {
  farm = await TestFarm.start()
  await Promise.all([farm.addWorker('ann'), farm.addWorker('bob')])
}, 2 * MINUTES)

afterAll(async () => farm?.stop(), MINUTES)

it(
  'cloth, rigid bodies, particles and smoke are in every frame what `blender -a` shows',
  { timeout: 4 * MINUTES },
  async () => {
    const project = join(farm.folder, 'project')
    await mkdir(project)
    const blend = join(project, 'scene.blend')
    await promisify(execFile)('blender', [
      '-b',
      '--factory-startup',
      '-noaudio',
      '--python-exit-code',
      '9',
      '--python',
      sourceFile('test/fixtures/baked-simulations.py'),
      '--',
      blend,
    ])
    const files = (await readdir(project, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
    const names = files.map((path) => relative(project, path))
    expect(names).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^cache_fluid\/data\//),
        expect.stringMatching(/^blendcache_scene\/.*\.bphys$/),
      ]),
    )
    const archive = join(farm.folder, 'project.zip')
    await writeFile(
      archive,
      await zipOf(
        ...(await Promise.all(
          files.map(async (path, index) => ({ name: names[index] ?? '', contents: await readFile(path) })),
        )),
      ),
    )

    const { sha256 } = await farm.upload(archive, 'project.zip')
    const job = await farm.submit({ scene: sha256, frames: '1-6', video: 'none', auditRate: 1 })
    const ended = await farm.ended(job.id)
    expect(ended.failure).toBeUndefined()
    expect(ended).toMatchObject({
      state: 'completed',
      plan: { chunk: 1, renderTaskCount: 6 },
      counts: { verdicts: { agreed: 6 } },
    })
    const bare = await renderBareAnimation(blend, farm.folder)
    expect(await samePixels(bare.get(1) ?? '', bare.get(6) ?? '')).toMatchObject({ ok: true, same: false })
    for (const artifact of await farm.artifacts(job.id)) {
      if (artifact.frame === undefined || !artifact.path.startsWith('frames/')) continue
      const delivered = await farm.download(artifact, `delivered-${artifact.frame}.png`)
      expect(await samePixels(delivered, bare.get(artifact.frame) ?? '')).toEqual({ ok: true, same: true })
    }
  },
)
