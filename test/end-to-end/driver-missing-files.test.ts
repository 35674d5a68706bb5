// Which of the files that are not here change a picture: one file with a scene for each way to need one, or not to.

import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AnswerTo } from '../../blender-worker/blender/answers.ts'
import type { BlenderProcess } from '../../blender-worker/blender/process.ts'
import { Lab, sourceFile } from '../fixtures/driver/lab.ts'

const TIMEOUT_MS = 480_000
const SCENES = sourceFile('test/fixtures/driver/build_needed_files.py')
const KINDS = sourceFile('test/fixtures/driver/file_kinds_known.py')

let lab: Lab
let blender: BlenderProcess

beforeAll(async () => {
  lab = await Lab.open()
  const path = await lab.sceneOfToday(SCENES, 'needed-files')
  blender = await lab.start()
  expect(await blender.run('open', { path })).toMatchObject({ ok: true })
}, TIMEOUT_MS)

afterAll(async () => {
  await blender.stop()
  await lab.close()
})

async function lookAt(scene: string, frames: [number, number, number][] = []): Promise<AnswerTo<'inspect'>> {
  const answer = await blender.run('inspect', { settings: { scene }, frames })
  if (!answer.ok) throw new Error(answer.message)
  return answer.value
}

async function needed(scene: string): Promise<string[]> {
  const { missingFiles } = await lookAt(scene)
  return missingFiles
    .filter(({ effect }) => effect === 'picture')
    .map(({ path, kind, usedBy, frames }) => `${path}: ${kind} of ${usedBy}${frames === null ? '' : `, ${frames}`}`)
}

describe('a file that is not here', () => {
  it.each([
    ['material', ['//wood.png: image of material "wood" of object "wood"']],
    ['now and then', ['//blinking.png: image of material "blinking" of object "blinking"']],
    ['instance', ['//excluded.png: image of material "excluded" of object "Excluded"']],
    ['hidden cutter', ['//cutter.png: image of material "cutter" of object "cutter"']],
    ['mesh cache', ['//wave.mdd: mesh cache of modifier "Wave" of object "Wave"']],
    ['strip', ['//fire_0003.png: image of strip "Fire" of scene "picture: strip", 3']],
    ['sequence', ['//fire_0003.png: image of material "sequence" of object "sequence", 3, 7']],
    ['tiles', ['//skin.1001.png: image of material "skin" of object "skin"']],
  ])('changes the picture: %s', { timeout: TIMEOUT_MS }, async (name, paths) => {
    expect(await needed(`picture: ${name}`)).toEqual(paths)
  })

  it.each([
    'loose node',
    'muted node',
    'hidden object',
    'excluded collection',
    'hidden parent',
    'reference',
    'mesh cache that is off',
    'strips that are muted or off',
  ])('changes nothing: %s', { timeout: TIMEOUT_MS }, async (name) => {
    expect(await needed(`nothing: ${name}`)).toEqual([])
  })

  it('is told after those that change the picture, where it changes nothing', { timeout: TIMEOUT_MS }, async () => {
    const { missingFiles } = await lookAt('picture: material')
    expect(missingFiles.map(({ effect }) => effect)).toEqual(['picture', ...missingFiles.slice(1).map(() => 'nothing')])
    expect(missingFiles.map(({ path }) => path)).toContain('//loose.png')
  })

  it('is looked for in the frames of the job too, and which those were is told', { timeout: TIMEOUT_MS }, async () => {
    const { missingFiles, framesLooked } = await lookAt('picture: sequence', [[11, 15, 4]])
    expect(missingFiles[0]).toMatchObject({ path: '//fire_0003.png', frames: '3, 7, 11, 15' })
    expect(framesLooked).toBe('1-9, 11, 15')
    expect((await lookAt('picture: material')).framesLooked).toBeNull()
  })
})

describe('the paths that Blender keeps', () => {
  it('are all known to the driver, as files that a render reads or with why it does not', async () => {
    const path = await lab.sceneOfToday(KINDS, 'files', lab.path('files.json'))
    const { unknown, found } = JSON.parse(await readFile(path, 'utf8')) as Record<'unknown' | 'found', string[]>
    expect(unknown).toEqual([])
    expect(found).toContain('Image.filepath')
  })
})
