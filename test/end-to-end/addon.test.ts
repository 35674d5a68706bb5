// The add-on inside Debian's Blender, installed from a real farm as an artist would, with real workers.

import { execFile } from 'node:child_process'
import { appendFile, copyFile, mkdir, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { differences } from '../fixtures/driver/lab.ts'
import { TestFarm } from '../support/farm.ts'
import { projectFile } from '../support/project-file.ts'
import { buildTinyScene } from '../support/tiny-scene.ts'

const MINUTES = 60_000
let farm: TestFarm
let blend: string
let environment: NodeJS.ProcessEnv

/** Prints how many bytes the last submission had to send. */
const SENT = '\nfrom tilework import works\nprint("SENT", works.every()[0].told["sentBytes"])'

interface Ran {
  readonly code: number
  readonly said: string
}

/** Blender in background mode with the add-on installed; `python` is run after the file was opened. */
async function blender(python: string, ...args: string[]): Promise<Ran> {
  return await new Promise((resolve) => {
    const child = execFile(
      'blender',
      ['-b', '-noaudio', ...args, '--python-exit-code', '7', '--python-expr', `import bpy\n${python}`],
      { env: environment },
      (_error, stdout, stderr) => resolve({ code: child.exitCode ?? -1, said: stdout + stderr }),
    )
  })
}

async function contents(folder: string): Promise<string[]> {
  return (await readdir(folder)).sort()
}

beforeAll(async () => {
  farm = await TestFarm.start()
  const user = join(farm.folder, 'blender-user')
  for (const name of ['config', 'scripts', 'datafiles']) await mkdir(join(user, name), { recursive: true })
  environment = {
    ...process.env,
    BLENDER_USER_CONFIG: join(user, 'config'),
    BLENDER_USER_SCRIPTS: join(user, 'scripts'),
    BLENDER_USER_DATAFILES: join(user, 'datafiles'),
  }
  const listing = JSON.parse(await (await fetch(`${farm.url}/addon/index.json`)).text())
  const archive = await fetch(new URL(listing.data[0].archive_url, `${farm.url}/addon/`))
  const zip = join(farm.folder, 'tilework.zip')
  await writeFile(zip, Buffer.from(await archive.arrayBuffer()))
  const installed = await blender(`
bpy.ops.preferences.addon_install(filepath=${JSON.stringify(zip)})
bpy.ops.preferences.addon_enable(module="tilework")
farm = bpy.context.preferences.addons["tilework"].preferences.farms.add()
farm.name, farm.address, farm.token = "Here", ${JSON.stringify(farm.url)}, ${JSON.stringify(farm.token)}
bpy.ops.wm.save_userpref()`)
  expect(installed.said).toContain('Modules Installed')
  expect(installed.code).toBe(0)
  blend = await buildTinyScene(join(farm.folder, 'tiny.blend'))
  await farm.addWorker('ann')
  await farm.addWorker('bob')
}, 2 * MINUTES)

afterAll(async () => {
  await farm?.stop()
}, MINUTES)

describe('the add-on in Blender', () => {
  it('sends what is open and fetches the frames that bare Blender would have written, name and pixel', async () => {
    const [mine, bare] = [join(farm.folder, 'mine'), join(farm.folder, 'bare')]
    const setUp = (folder: string) => `
scene = bpy.context.scene
scene.render.filepath = ${JSON.stringify(join(folder, 'shot_##_'))}
scene.render.resolution_percentage = 60`
    const sent = await blender(`${setUp(mine)}\nbpy.ops.tilework.submit(wait="DONE", job_name="shot 10")`, blend)
    expect(sent.said).toMatch(/Info: job_\w+: done, 3 files/)
    expect(sent.code).toBe(0)
    expect((await blender(`${setUp(bare)}\nbpy.ops.render.render(animation=True)`, blend)).code).toBe(0)

    expect(await contents(mine)).toEqual(['shot_01_.png', 'shot_02_.png', 'shot_03_.png'])
    expect(await contents(mine)).toEqual(await contents(bare))
    for (const name of await contents(bare))
      expect(await differences(join(mine, name), join(bare, name)), name).toBe('')
  })

  it('sends alone, and fetches later by the id of the job', async () => {
    const sent = await blender(
      `bpy.ops.tilework.submit(frames="2", unsaved="FILE")
print("JOB", bpy.context.window_manager.tilework_last_job)`,
      blend,
    )
    expect(sent.code).toBe(0)
    const job = /^JOB (job_\w+)$/m.exec(sent.said)?.[1] ?? ''
    const folder = join(farm.folder, 'later')
    const fetched = await blender(
      `bpy.context.scene.render.filepath = ${JSON.stringify(`${folder}/`)}
bpy.ops.tilework.download(job="${job}", wait="DONE")`,
      blend,
    )
    expect(fetched.said).toContain(`${job}: done, 1 files`)
    expect(await contents(folder)).toEqual(['0002.png'])
  })

  it(
    'sends a project with all it renders with, and of a change the change alone',
    { timeout: 6 * MINUTES },
    async () => {
      const project = join(farm.folder, 'project')
      const main = join(project, 'shots', '010.blend')
      const fixture = projectFile('test/fixtures/addon-project.py')
      await promisify(execFile)('blender', ['-b', '--factory-startup', '--python', fixture, '--', project])
      // What is open differs from the file, which stays as it is.
      const change = 'scene = bpy.context.scene\nscene.render.resolution_x = 48\n'
      const before = await readFile(main)
      const sent = await blender(`${change}bpy.ops.tilework.submit(wait="DONE")${SENT}`, main)
      expect(sent.said).toMatch(/: done, 2 files/)
      expect((await readFile(main)).equals(before)).toBe(true)
      const files = join(project, 'render')
      const mine = join(farm.folder, 'mine-of-project')
      await rename(files, mine)
      expect((await blender(`${change}bpy.ops.render.render(animation=True)`, main)).code).toBe(0)
      expect(await contents(mine)).toEqual(['010_0001.png', '010_0002.png'])
      expect(await contents(mine)).toEqual(await contents(files))
      for (const name of await contents(files))
        expect(await differences(join(mine, name), join(files, name)), name).toBe('')

      const texture = join(project, 'textures', 'skin.1002.png')
      await copyFile(join(project, 'lib', 'textures', 'wood.png'), texture)
      await appendFile(texture, 'changed')
      const again = await blender(`bpy.ops.tilework.submit(unsaved="FILE", wait="SENT")${SENT}`, main)
      const bytes = Number(/^SENT (\d+)$/m.exec(again.said)?.[1])
      // The texture, and the .blend, of which the first submission sent a changed copy.
      expect(bytes).toBe((await stat(texture)).size + before.length)
      const third = await blender(`bpy.ops.tilework.submit(unsaved="FILE", wait="SENT")${SENT}`, main)
      expect(third.said).toMatch(/^SENT 0$/m)
    },
  )

  it('ends with the exit code of the script and the sentence of the farm when it is refused', async () => {
    const refused = await blender('bpy.ops.tilework.submit(frames="9-x")', blend)
    expect(refused.code).toBe(7)
    expect(refused.said).toContain('9-x')
    const alone = await blender('bpy.ops.tilework.submit(farm="http://127.0.0.1:9")', blend)
    expect(alone.code).toBe(7)
    expect(alone.said).toContain('The farm at http://127.0.0.1:9 cannot be reached: nothing listens there')
  })

  it('draws its preferences and every panel, with what the farm says', async () => {
    await farm.submit({ scene: (await farm.upload(blend)).sha256, frames: '1', video: 'none', auditRate: 0 })
    const drew = await blender(
      `import sys\nsys.path.insert(0, ${JSON.stringify(projectFile('test/fixtures'))})
__import__("draw-addon").draw("tilework")`,
      blend,
    )
    expect(drew.said).toMatch(/^DREW .*'This is Tilework \d+\.\d+\.\d+; 2 workers are connected'/m)
    expect(drew.said).toMatch(/^DREW .*\d of 1 frames.*'Tiles would not be exact: it is a test'.*'About 1 min/m)
    expect(drew.code).toBe(0)
  })

  it('keeps the token out of files that are saved, and settings that were not touched too', async () => {
    const saved = join(farm.folder, 'saved.blend')
    const ran = await blender(
      `bpy.context.scene.tilework.columns = 3
bpy.ops.wm.save_as_mainfile(filepath=${JSON.stringify(saved)}, compress=False)
from tilework.scene import settings
print("KEPT", settings.changed(bpy.context.scene))`,
      blend,
    )
    expect(ran.said).toContain("KEPT ('columns',)")
    const bytes = await readFile(saved, 'latin1')
    expect(bytes).not.toContain(farm.token)
    expect(bytes).not.toContain('sample_ranges')
  })
})
