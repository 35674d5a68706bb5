import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { checkOutput } from '../../../../blender-worker/rendering/output-check.ts'
import { frameName } from '../../../../blender-worker/rendering/perform.ts'
import { smallExr } from '../../../support/renderer-double.ts'

const PNG = Buffer.from('89504e470d0a1a0a0000000d0000000049454e44ae426082', 'hex')
const EXR = smallExr('pixels')

let folder: string
let path: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tilework-output-'))
  path = join(folder, 'final')
})

afterEach(() => rm(folder, { recursive: true, force: true }))

test('a good file gives its length and what it really is', async () => {
  await writeFile(path, PNG)
  expect(await checkOutput(path, 'final', 1, {})).toEqual({ bytes: 24, extension: 'png' })
})

test.each([
  ['a PNG where EXR was asked for', PNG, 'final', { format: { file: 'exr' } }, 'a .png image, but .exr was asked for'],
  ['a PNG as raw file', PNG, 'raw', {}, 'a .png image, but .exr was asked for'],
  ['an EXR as display file', EXR, 'display', {}, 'but .png was asked for'],
  ['a PNG that was cut off', PNG.subarray(0, 20), 'final', {}, 'without its end'],
  ['an EXR that was cut off', EXR.subarray(0, 60), 'raw', {}, 'without its end'],
  ['a JPEG that was cut off', Buffer.from('ffd8ffe000104a46494600010000', 'hex'), 'final', {}, 'without its end'],
  ['a WebP that was cut off', Buffer.from('52494646ff000000574542500000', 'hex'), 'final', {}, 'without its end'],
  ['an empty file', Buffer.alloc(0), 'final', {}, 'is empty'],
  ['text', Buffer.from('hello'), 'final', {}, 'begins with 68656c6c6f'],
] as const)('%s is refused', async (_what, bytes, role, settings, message) => {
  await writeFile(path, bytes)
  await expect(checkOutput(path, role, 4, settings)).rejects.toMatchObject({
    code: 'output_invalid',
    message: expect.stringContaining(message),
  })
})

test.each([
  ['JPEG', 'ffd8ffe000104a46494600ffd9', 'jpg'],
  ['WebP', '524946460800000057454250aabbccdd', 'webp'],
])('a whole %s is taken', async (_what, hex, extension) => {
  await writeFile(path, Buffer.from(hex, 'hex'))
  expect(await checkOutput(path, 'final', 1, {})).toMatchObject({ extension })
})

test('a File Output node may write what the farm has no name for', async () => {
  const targa = join(folder, 'Depth0001.TGA')
  await writeFile(targa, Buffer.alloc(40))
  expect(await checkOutput(targa, 'extra', 1, {})).toEqual({ bytes: 40, extension: 'tga' })
})

test('a missing file is refused by name', async () => {
  await expect(checkOutput(path, 'raw', -3, {})).rejects.toMatchObject({
    code: 'output_invalid',
    message: 'the raw file of frame -3 was not written',
  })
})

test('frame numbers are padded to four digits and never begin with a dash', () => {
  expect([0, 7, 12345, -12, -1_048_574].map(frameName)).toEqual(['0000', '0007', '12345', 'm0012', 'm1048574'])
})
