import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { isZip, zipSource } from '../../../../../services/cli/project/zip-source.ts'
import { readProject } from '../../../../../services/cli/project/read-project.ts'
import { withTableValue, zipOf } from '../../../adapters/scene-files/zip-bytes.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tilework-zip-'))
})
afterEach(() => rm(folder, { recursive: true }))

async function write(bytes: Buffer): Promise<string> {
  await writeFile(join(folder, 'sea.zip'), bytes)
  return join(folder, 'sea.zip')
}

const WOOD = 'wood'.repeat(50_000)

test('an archive is the files in it, without what no render needs', async () => {
  const path = await write(
    await zipOf(
      { name: 'sea/a.blend', contents: 'BLENDER' },
      { name: 'sea/wood.png', contents: WOOD },
      { name: 'sea/a.blend1', contents: 'old' },
      '__MACOSX/sea/._a.blend',
      'sea/renders/',
    ),
  )
  expect(await isZip(path)).toBe(true)
  const source = await zipSource(path)
  expect(source.files.map(({ path: name, bytes }) => [name, bytes])).toEqual([
    ['sea/a.blend', 7],
    ['sea/wood.png', WOOD.length],
  ])
  expect(source.ignored).toEqual({ files: 1, bytes: 3 })
  expect((await readProject(source, undefined)).request.main).toBe('sea/a.blend')
  // As an upload that broke off goes on.
  expect((await buffer(await source.files[1]!.open(100_003))).toString()).toBe(WOOD.slice(100_003))
  await source.close()
})

test.each([
  [9, 'Deflate64, as Windows Explorer does above 2 GB'],
  [14, 'LZMA'],
  [77, 'method 77'],
])('what is packed with method %i is refused with what to do', async (method, words) => {
  const zip = withTableValue(await zipOf('a.blend', { name: 'b.png', contents: 'bbbb' }), 1, 'method', () => method)
  await expect(zipSource(await write(zip))).rejects.toMatchObject({
    code: 'zip_invalid',
    message: expect.stringMatching(new RegExp(`b.png.*packed with ${words}.*tilework submit FOLDER`)),
  })
})

test('a damaged archive is told before anything is sent', async () => {
  const zip = await zipOf({ name: 'a.blend', contents: 'BLENDER' })
  await expect(zipSource(await write(zip.subarray(0, -5)))).rejects.toMatchObject({ code: 'zip_invalid' })
  const source = await zipSource(await write(withTableValue(zip, 0, 'crc32', (sum) => (sum ^ 1) >>> 0)))
  await expect(readProject(source, undefined)).rejects.toMatchObject({
    code: 'zip_invalid',
    message: expect.stringContaining('a checksum is wrong'),
  })
  await source.close()
})
