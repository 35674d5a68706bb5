// The add-on inside a Blender of 4.2 and later, as its own tool for extensions installs it, through a farm whose worker
// is the same Blender. TILEWORK_TEST_BLENDER names a Python that has bpy.

import { execFile } from 'node:child_process'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { differences } from '../fixtures/driver/lab.ts'
import { TestFarm } from '../support/farm.ts'
import { projectFile } from '../support/project-file.ts'

const MINUTES = 60_000
const PYTHON = process.env['TILEWORK_TEST_BLENDER'] ?? ''
const run = promisify(execFile)
let farm: TestFarm
let extensions: string

/** Runs Python in a Blender in which the extension is enabled. */
async function blender(python: string): Promise<string> {
  const script = join(farm.folder, `script-${Date.now()}.py`)
  await writeFile(
    script,
    `
import bpy, os, sys
folder = ${JSON.stringify(extensions)}
bpy.context.preferences.extensions.repos.new(name="farm", module="farm", custom_directory=folder)
bpy.context.preferences.system.use_online_access = True
bpy.ops.preferences.addon_enable(module="bl_ext.farm.tilework")
${python}
sys.stdout.flush()
os._exit(0)`,
  )
  const { stdout } = await run(PYTHON, [script], {
    env: {
      ...process.env,
      TILEWORK_URL: farm.url,
      TILEWORK_TOKEN: farm.token,
      BLENDER_USER_RESOURCES: join(farm.folder, 'user'),
    },
    maxBuffer: 1 << 26,
  })
  return stdout
}

/** Blender's own tool for extensions, which is plain Python. */
async function extensionTool(...args: string[]): Promise<string> {
  const where = 'import bpy, os; print("IN", bpy.utils.system_resource("SCRIPTS"), flush=True); os._exit(0)'
  const { stdout: found } = await run(PYTHON, ['-c', where])
  const tool = join(/^IN (.*)$/m.exec(found)?.[1] ?? '', 'addons_core', 'bl_pkg', 'cli', 'blender_ext.py')
  return (await run(PYTHON, [tool, ...args])).stdout
}

beforeAll(async () => {
  farm = await TestFarm.start()
  extensions = join(farm.folder, 'extensions')
  await mkdir(extensions)
}, 2 * MINUTES)

afterAll(async () => {
  await farm?.stop()
}, MINUTES)

it('is valid for Blender itself, which reads the listing of the farm and takes the archive', async () => {
  const url = `${farm.url}/addon/index.json`
  expect(await extensionTool('sync', '--local-dir', extensions, '--remote-url', url)).toContain('updated')
  const listing = JSON.parse(await (await fetch(url)).text())
  const archive = join(farm.folder, 'tilework.zip')
  const { archive_url: path } = listing.data[0]
  await writeFile(archive, Buffer.from(await (await fetch(new URL(path, url))).arrayBuffer()))
  expect(await extensionTool('validate', archive)).toContain('Success')
  await extensionTool('install-files', '--local-dir', extensions, archive)
  expect(await readdir(join(extensions, 'tilework'))).toContain('blender_manifest.toml')
})

it(
  'sends a project as it is open and fetches the frames that the same Blender writes',
  { timeout: 15 * MINUTES },
  async () => {
    await farm.addWorker('ann', { blender: PYTHON })
    await farm.addWorker('bob', { blender: PYTHON })
    const project = join(farm.folder, 'project')
    await run(PYTHON, [projectFile('test/fixtures/addon-project.py'), '--', project])
    const main = JSON.stringify(join(project, 'shots', '010.blend'))
    const open = (folder: string) => `
bpy.ops.wm.open_mainfile(filepath=${main})
scene = bpy.context.scene
scene.render.resolution_x = 48
scene.render.filepath = ${JSON.stringify(join(farm.folder, folder, 'f_###'))}`
    const said = await blender(`${open('mine')}
print("CHANGED", bpy.ops.tilework.submit(wait="DONE"))
from bl_ext.farm.tilework.scene import checks, settings
sys.path.insert(0, ${JSON.stringify(projectFile('test/fixtures'))})
__import__("draw-addon").draw("bl_ext.farm.tilework")
print("KEPT", settings.changed(scene), [one.sentence for one in checks.findings(scene, [])])`)
    expect(said).toContain("CHANGED {'FINISHED'}")
    await blender(`${open('bare')}\nbpy.ops.render.render(animation=True)`)
    const names = (await readdir(join(farm.folder, 'bare'))).sort()
    expect(names).toEqual(['f_001.png', 'f_002.png'])
    expect((await readdir(join(farm.folder, 'mine'))).sort()).toEqual(names)
    for (const name of names)
      expect(await differences(join(farm.folder, 'mine', name), join(farm.folder, 'bare', name)), name).toBe('')
    expect(said).toContain('KEPT ()')
    expect(said).toMatch(/^DREW .*Done: 2 of 2 frames/m)
  },
)
