import { mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { isExrCutOff } from '../../../../blender-worker/rendering/exr-end.ts'
import { smallExr } from '../../../support/renderer-double.ts'

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tilework-exr-'))
})

afterEach(() => rm(folder, { recursive: true, force: true }))

async function isCut(bytes: Buffer): Promise<boolean> {
  const path = join(folder, 'image.exr')
  await writeFile(path, bytes)
  const file = await open(path)
  try {
    return await isExrCutOff(file, bytes.length)
  } finally {
    await file.close()
  }
}

test('a whole file is whole', async () => {
  expect(await isCut(smallExr('pixels'))).toBe(false)
})

test('a file that ends anywhere before its pixels is cut off', async () => {
  const whole = smallExr('')
  for (let length = 4; length < whole.length; length++)
    expect(await isCut(whole.subarray(0, length)), `${length} bytes`).toBe(true)
})

test('a block that was never written is noticed by the zero in its place', async () => {
  const bytes = smallExr('pixels')
  // The table is the last thing before the pixels: two blocks of eight bytes each.
  bytes.fill(0, bytes.length - 'pixels'.length - 8, bytes.length - 'pixels'.length)
  expect(await isCut(bytes)).toBe(true)
})

test('a tiled file is not judged', async () => {
  const bytes = smallExr('pixels')
  bytes.writeUInt32LE(0x202, 4)
  expect(await isCut(bytes.subarray(0, 40))).toBe(false)
})
