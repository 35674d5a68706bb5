// Templates in paths, which Blender has from 5.0 on: files are named as bare Blender names them, and what it would not
// write is told. TILEWORK_TEST_BLENDER names the Blender.

import { mkdir } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { BlenderProcess } from '../../blender-worker/blender/process.ts'
import { Lab, must, sourceFile } from '../fixtures/driver/lab.ts'

const TIMEOUT_MS = 240_000
const SCRIPT = sourceFile('test/fixtures/driver/build_templates.py')

let lab: Lab
let blender: BlenderProcess
let hasTemplates: boolean

beforeAll(async () => {
  lab = await Lab.open()
  blender = await lab.start()
  hasTemplates = Number.parseInt(must(await blender.run('probe', {})).blenderVersion, 10) >= 5
}, TIMEOUT_MS)

afterAll(async () => {
  await blender.stop()
  await lab.close()
})

test('a known template is filled in, with the own name of the file', { timeout: TIMEOUT_MS }, async () => {
  if (!hasTemplates) return
  must(await blender.run('open', { path: await lab.sceneOfToday(SCRIPT, 'known', lab.path('Käse.blend')) }))
  expect(must(await blender.run('inspect', {})).compositor.unknownTemplates).toEqual([])
  const extraDir = lab.path('extra')
  await mkdir(extraDir)
  const outputs = { final: lab.path('known.png'), extraDir }
  const { extra } = must(await blender.run('render', { mode: 'frame', frame: 1, outputs }))
  expect(extra).toMatchObject([{ place: 'comp/Käse/Named_16_beauty0001.png', node: 'Named', slot: '_beauty' }])
  const below = lab.path('below')
  await mkdir(below)
  const numbered = { final: lab.path('below.png'), extraDir: below }
  const before = must(await blender.run('render', { mode: 'frame', frame: -4, outputs: numbered }))
  expect(before.extra).toMatchObject([{ place: 'comp/Käse/Named_16_beauty-0004.png', node: 'Named' }])
})

test('an unknown one is told, and what Blender would not write is not there', { timeout: TIMEOUT_MS }, async () => {
  if (!hasTemplates) return
  must(await blender.run('open', { path: await lab.sceneOfToday(SCRIPT, 'unknown') }))
  expect(must(await blender.run('inspect', {})).compositor.unknownTemplates).toEqual([
    { node: '', path: '//out/{nothing}_' },
    { node: 'Named', path: '//comp/{blend_name}/{no_such_thing}_beauty' },
  ])
  const extraDir = lab.path('nothing')
  await mkdir(extraDir)
  const outputs = { final: lab.path('unknown.png'), extraDir }
  expect(must(await blender.run('render', { mode: 'frame', frame: 1, outputs })).extra).toEqual([])
})
