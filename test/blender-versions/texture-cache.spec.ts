// Texture caches (.tx files, Blender 5.2 and later) through a whole farm: one that was uploaded is read, one that a
// task makes is seen by that task alone. TILEWORK_TEST_BLENDER names the Blender; in one without texture caches all
// pictures are the same.

import { execFile } from 'node:child_process'
import { cp, readdir, utimes, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { ZipFile } from 'yazl'
import { buffer } from 'node:stream/consumers'
import { Lab, differences, sourceFile } from '../fixtures/driver/lab.ts'
import { TestFarm } from '../support/farm.ts'

const MINUTES = 60_000
const run = promisify(execFile)
const BARE_MODULE = `
import bpy, os, sys
bpy.ops.wm.open_mainfile(filepath=sys.argv[1])
scene = bpy.data.scenes[sys.argv[2]]
scene.render.filepath = sys.argv[3]
bpy.ops.render.render(write_still=True, scene=scene.name)
os._exit(0)
`
let lab: Lab
let farm: TestFarm
/** The project as its artist has it; nothing is rendered in it. */
let project: string
let hasCaches: boolean

beforeAll(async () => {
  lab = await Lab.open()
  farm = await TestFarm.start()
  project = lab.path('project')
  const script = sourceFile('test/fixtures/texture-cache.py')
  const program = ['--background', '--factory-startup', '--python', script, '--', project]
  hasCaches = (await run(lab.executable, lab.launch === 'module' ? [script, project] : program)).stdout.includes(
    'texture caches: yes',
  )
}, 2 * MINUTES)

afterAll(async () => {
  await farm?.stop()
  await lab?.close()
}, MINUTES)

/** What bare Blender writes for a scene of the project in this folder. */
async function bare(folder: string, scene: string): Promise<string> {
  const path = `${folder}-${scene}-0001.png`
  const blend = join(folder, 'scene.blend')
  const program = [
    '--background',
    blend,
    '-S',
    scene,
    '--render-output',
    path.replace('0001.png', '####'),
    '--render-frame',
    '1',
  ]
  await run(lab.executable, lab.launch === 'module' ? ['-c', BARE_MODULE, blend, scene, path] : program)
  return path
}

async function copyOf(name: string): Promise<string> {
  await cp(project, lab.path(name), { recursive: true, preserveTimestamps: true })
  return lab.path(name)
}

/** A project folder as .zip, with the times of its files. */
async function upload(folder: string): Promise<string> {
  const zip = new ZipFile()
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isFile() && !entry.name.endsWith('.blend1')) zip.addFile(path, relative(folder, path))
  }
  zip.end()
  await writeFile(`${folder}.zip`, await buffer(zip.outputStream))
  return (await farm.upload(`${folder}.zip`, 'project.zip')).sha256
}

/** Renders a scene of an uploaded project to the end and answers its picture and how its audits came out. */
async function render(
  scene: string,
  sceneName: string,
  over: object = {},
): Promise<{ picture: string; refuted: number }> {
  const job = await farm.submit({
    scene,
    settings: { scene: sceneName },
    frames: '1',
    auditRate: 1,
    video: 'none',
    ...over,
  })
  const ended = await farm.ended(job.id)
  expect(ended.failure).toBeUndefined()
  const artifact = (await farm.artifacts(job.id)).find((each) => each.frame === 1 && each.path.startsWith('frames/'))
  if (artifact === undefined) throw new Error('the frame was not delivered')
  return { picture: await farm.download(artifact, `${job.id}.png`), refuted: ended.counts.verdicts.refuted ?? 0 }
}

async function nobodyIsBlamed(): Promise<void> {
  const workers: { name: string; tasksFailed: number; tasksRefuted: number }[] = (await farm.get('/v1/workers')).items
  expect(workers.filter(({ tasksFailed, tasksRefuted }) => tasksFailed + tasksRefuted > 0)).toEqual([])
}

it(
  'a texture cache that a job makes is not seen by the next one, and nobody is blamed',
  { timeout: 2 * MINUTES },
  async () => {
    const [made, read] = [await bare(await copyOf('makes'), 'Makes'), await bare(await copyOf('reads'), 'Reads')]
    // In a folder where one was made before, bare Blender reads it.
    expect((await differences(made, read)) !== '').toBe(hasCaches)
    expect(await differences(made, await bare(lab.path('makes'), 'Reads'))).toBe('')

    await farm.addWorker('ann', { blender: lab.executable })
    const scene = await upload(project)
    expect(await differences((await render(scene, 'Makes', { auditRate: 0 })).picture, made)).toBe('')
    await farm.addWorker('bob', { blender: lab.executable })
    const next = await render(scene, 'Reads')
    expect(await differences(next.picture, read)).toBe('')
    expect(next.refuted).toBe(0)
    // Each makes it for itself, and all make the same; in tiles too.
    expect(await differences((await render(scene, 'Makes')).picture, made)).toBe('')
    expect(await differences((await render(scene, 'Makes', { tiles: { columns: 2, rows: 2 } })).picture, made)).toBe('')
    await nobodyIsBlamed()
  },
)

it(
  'a texture cache that was uploaded is read by every worker, an outdated one by none',
  { timeout: 2 * MINUTES },
  async () => {
    const fresh = await copyOf('fresh')
    const made = await bare(fresh, 'Makes')
    const old = lab.path('old')
    await cp(fresh, old, { recursive: true, preserveTimestamps: true })
    const caches = (await readdir(join(old, 'textures'), { recursive: true })).filter((name) => name.endsWith('.tx'))
    expect(caches).toHaveLength(hasCaches ? 1 : 0)
    for (const name of caches) await utimes(join(old, 'textures', name), 1_000_000_000, 1_000_000_000)
    const read = await bare(old, 'Reads')
    expect((await differences(made, read)) !== '').toBe(hasCaches)

    for (const [folder, wanted] of [
      [fresh, made],
      [old, read],
    ] as const) {
      const { picture, refuted } = await render(await upload(folder), 'Reads')
      expect(await differences(picture, wanted)).toBe('')
      expect(refuted).toBe(0)
    }
    await nobodyIsBlamed()
  },
)
