// What Blender 5.0 and later link and pack lies in the file; the library it came from is not missing.

import { afterAll, beforeAll, expect, test } from 'vitest'
import type { BlenderProcess } from '../../blender-worker/blender/process.ts'
import { readBlend } from '../../shared/adapters/scene-files/read-blend.ts'
import { Lab, must, sourceFile } from '../fixtures/driver/lab.ts'

const TIMEOUT_MS = 240_000

let lab: Lab
let blender: BlenderProcess

beforeAll(async () => {
  lab = await Lab.open()
  blender = await lab.start()
}, TIMEOUT_MS)

afterAll(async () => {
  await blender.stop()
  await lab.close()
})

test('a library of which the file holds all that it links is not missing', { timeout: TIMEOUT_MS }, async () => {
  if (Number.parseInt(must(await blender.run('probe', {})).blenderVersion, 10) < 5) return
  const path = await lab.sceneOfToday(sourceFile('test/fixtures/driver/build_packed_link.py'), 'any')
  const read = await readBlend(path)
  expect(read.ok && read.value.externalFiles).toEqual([])
  must(await blender.run('open', { path }))
  expect(must(await blender.run('inspect', {})).missingFiles).toEqual([])
})
