import { createWriteStream } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ZipFile } from 'yazl'
import { extractZip, unpackedBytes } from '../../../../blender-worker/cache/extract-zip.ts'

const SYMBOLIC_LINK = 0o120777

let folder: string
let zipPath: string
let target: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tilework-zip-'))
  zipPath = join(folder, 'scene.zip')
  target = join(folder, 'tree')
})

afterEach(() => rm(folder, { recursive: true, force: true }))

async function zip(entries: { name: string; bytes: Buffer; mode?: number }[]): Promise<void> {
  const file = new ZipFile()
  for (const { name, bytes, mode } of entries) file.addBuffer(bytes, name, mode === undefined ? {} : { mode })
  file.end()
  await pipeline(file.outputStream, createWriteStream(zipPath))
}

/** Changes a name inside the finished zip, which a proper writer would refuse to make. */
async function rename(from: string, to: string): Promise<void> {
  const bytes = await readFile(zipPath)
  for (let at = bytes.indexOf(from); at >= 0; at = bytes.indexOf(from, at + 1)) bytes.write(to, at, 'latin1')
  await writeFile(zipPath, bytes)
}

const extract = (bytesMax = 1_000_000) => extractZip(zipPath, target, bytesMax, new AbortController().signal)
const refused = (why: string) => ({ code: 'blend_unreadable', message: expect.stringContaining(why) })

test('a project is unpacked with its folders', async () => {
  await zip([
    { name: 'project/scene.blend', bytes: Buffer.from('BLENDER') },
    { name: 'project/textures/wood.png', bytes: Buffer.alloc(5_000) },
  ])
  expect(await unpackedBytes(zipPath)).toBe(5_007)
  expect(await extract()).toBe(5_007)
  expect(await readFile(join(target, 'project/scene.blend'), 'utf8')).toBe('BLENDER')
  expect(await readdir(join(target, 'project/textures'))).toEqual(['wood.png'])
})

test(
  'files keep the times that the zip gives them, by which Blender knows ' +
    'a texture cache of its image, and are for reading only',
  async () => {
    const file = new ZipFile()
    for (const [name, mtime] of [
      ['wood.png', '2024-05-06T07:08:10Z'],
      ['blender_tx/wood.tx', '2024-05-06T07:08:10Z'],
      ['old.tx', '2001-02-03T04:05:06Z'],
    ] as const) {
      file.addBuffer(Buffer.from(name), name, { mtime: new Date(mtime), mode: 0o100666 })
    }
    file.end()
    await pipeline(file.outputStream, createWriteStream(zipPath))
    await extract()
    const found = await Promise.all(
      ['wood.png', 'blender_tx/wood.tx', 'old.tx'].map(async (name) => stat(join(target, name))),
    )
    expect(found.map(({ mtime }) => mtime.toISOString())).toEqual([
      '2024-05-06T07:08:10.000Z',
      '2024-05-06T07:08:10.000Z',
      '2001-02-03T04:05:06.000Z',
    ])
    expect(found.map(({ mode }) => mode & 0o777)).toEqual([0o444, 0o444, 0o444])
  },
)

test.each(['../evil', '/etc/pwd', 'C:/evil', 'a/../../e', 'a\\..\\..\\'])(
  'the path %j is refused before anything is written',
  async (name) => {
    const honest = 'x'.repeat(name.length)
    await zip([{ name: honest, bytes: Buffer.from('x-marks') }])
    await rename(honest, name)
    await expect(unpackedBytes(zipPath)).rejects.toMatchObject({ code: 'blend_unreadable' })
    await expect(extract()).rejects.toMatchObject({ code: 'blend_unreadable' })
    expect(await readdir(folder)).toEqual(['scene.zip'])
  },
)

test('a symbolic link is refused', async () => {
  await zip([{ name: 'link', bytes: Buffer.from('/etc/passwd'), mode: SYMBOLIC_LINK }])
  await expect(unpackedBytes(zipPath)).rejects.toMatchObject(refused('symbolic link'))
  await expect(extract()).rejects.toMatchObject(refused('symbolic link'))
})

test('a bomb is counted before and while it goes off', async () => {
  await zip([{ name: 'bomb', bytes: Buffer.alloc(2_000_000) }])
  expect(await unpackedBytes(zipPath)).toBe(2_000_000)
  await expect(extract(1_999_999)).rejects.toMatchObject(refused('more than 1999999 bytes'))
})

test('an entry that lies about its length is refused', async () => {
  await zip([{ name: 'bomb', bytes: Buffer.alloc(100_000) }])
  const bytes = await readFile(zipPath)
  const entry = bytes.indexOf(Buffer.from('504b0102', 'hex'))
  bytes.writeUInt32LE(10, entry + 24)
  await writeFile(zipPath, bytes)
  expect(await unpackedBytes(zipPath)).toBe(10)
  await expect(extract()).rejects.toMatchObject({ code: 'blend_unreadable' })
})

test('two entries of one name are refused', async () => {
  await zip([
    { name: 'a', bytes: Buffer.from('1') },
    { name: 'b', bytes: Buffer.from('2') },
  ])
  const bytes = await readFile(zipPath)
  // The name stands 46 bytes into the last header of the directory; a bare "b" may also be a part of the time.
  bytes.write('a', bytes.lastIndexOf('PK\x01\x02', undefined, 'latin1') + 46, 'latin1')
  await writeFile(zipPath, bytes)
  await expect(extract()).rejects.toMatchObject(refused('would be the same file'))
})

test.each([
  ['text', Buffer.from('this is no zip file, though it is long enough to hold one')],
  ['nothing', Buffer.alloc(0)],
])('%s is refused', async (_what, bytes) => {
  await writeFile(zipPath, bytes)
  await expect(unpackedBytes(zipPath)).rejects.toMatchObject({ code: 'blend_unreadable' })
})
