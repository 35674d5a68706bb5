import { mkdir, readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openProjectZip } from '../../../../shared/adapters/scene-files/project-zip.ts'
import type { ProjectZipOptions } from '../../../../shared/adapters/scene-files/project-zip.ts'
import { ZIP_LIMITS } from '../../../../shared/adapters/scene-files/zip-entries.ts'
import { sceneFolder } from './scene-folder.ts'
import { renamed, withTableValue, zipOf } from './zip-bytes.ts'

describe('a project archive', () => {
  const scratch = sceneFolder()
  let opened = 0

  async function open(zip: Buffer, options: ProjectZipOptions = {}) {
    const folder = scratch.path(`project-${opened++}`)
    await mkdir(folder)
    const result = await openProjectZip(await scratch.write(zip), folder, options)
    const left = (await readdir(folder, { recursive: true })).toSorted()
    if (!result.ok) expect(left).toEqual([])
    return { folder, result, left }
  }

  async function refusal(zip: Buffer, options: ProjectZipOptions = {}): Promise<string> {
    const { result } = await open(zip, options)
    return result.ok ? `taken: ${result.value.mainBlendPath}` : result.code
  }

  it('is unpacked with its folders, and its one .blend at the top is the main one', async () => {
    const zip = await zipOf(
      'film/',
      { name: 'film/shot.blend', contents: 'SHOT' },
      { name: 'film/tex/wood.png', contents: 'x'.repeat(5_000) },
      { name: 'film/lib/props.blend', stored: true, contents: 'PROPS' },
    )
    const { folder, result, left } = await open(zip)
    expect(result).toEqual({
      ok: true,
      value: {
        mainBlendPath: 'film/shot.blend',
        filePaths: ['film/shot.blend', 'film/tex/wood.png', 'film/lib/props.blend'],
        unpackedBytes: 5_009,
      },
    })
    expect(left).toEqual([
      'film',
      'film/lib',
      'film/lib/props.blend',
      'film/shot.blend',
      'film/tex',
      'film/tex/wood.png',
    ])
    expect(await readFile(join(folder, 'film/shot.blend'), 'utf8')).toBe('SHOT')
    expect(await readFile(join(folder, 'film/tex/wood.png'), 'utf8')).toBe('x'.repeat(5_000))
  })

  it('is unpacked into a folder that is not there yet, which goes again on refusal', async () => {
    const inside = scratch.path('new/deep/folder')
    expect((await openProjectZip(await scratch.write(await zipOf('notes.txt')), inside)).ok).toBe(false)
    expect(await readdir(scratch.path('')).then((names) => names.includes('new'))).toBe(false)
    expect((await openProjectZip(await scratch.write(await zipOf('a.blend')), inside)).ok).toBe(true)
  })

  it('names its candidates when several could be the main one, and takes the one asked for', async () => {
    const zip = await zipOf('b.blend', 'a.blend', 'deep/c.blend')
    const { result } = await open(zip)
    expect(result).toMatchObject({
      ok: false,
      code: 'zip_ambiguous_blend',
      detail: expect.stringMatching(/"b.blend", "a.blend"; say/),
    })
    expect(await refusal(zip, { main: 'deep/c.blend' })).toBe('taken: deep/c.blend')
    expect(await refusal(zip, { main: 'c.blend' })).toBe('zip_main_missing')
  })

  it('has a main .blend, and neither backups nor litter of file managers are it', async () => {
    expect(await refusal(await zipOf('notes.txt', 'old.blend1'))).toBe('zip_no_blend')
    const { result, left } = await open(
      await zipOf('a.blend', '__MACOSX/._a.blend', '._a.blend', '.DS_Store', 'tex/Thumbs.db'),
    )
    expect(result.ok).toBe(true)
    expect(left).toEqual(['a.blend'])
  })

  it.each([
    '../evil.txt',
    '/etc/passwd',
    'a/../../b.t',
    '..',
    'a/./b.blend',
    'a//b.blend',
    'C:/evil.txt',
    'a\\..\\b.txt',
    'nul\0byte.txt',
    'new\nline.txt',
    'a/..',
  ])('may not have an entry named %j', async (name) => {
    const safe = 'x'.repeat(name.length)
    expect(await refusal(renamed(await zipOf('main.blend', safe), safe, name))).toBe('zip_unsafe_path')
  })

  it('may not have names that are too long or too deep', async () => {
    expect(await refusal(await zipOf('main.blend', 'n'.repeat(256)))).toBe('zip_unsafe_path')
    expect(await refusal(await zipOf('main.blend', `${'d/'.repeat(64)}f`))).toBe('zip_unsafe_path')
    expect(await refusal(await zipOf('main.blend', `${'d/'.repeat(63)}${'n'.repeat(255)}`))).toBe('taken: main.blend')
  })

  it('may not have links, devices, encryption or strange compression', async () => {
    expect(await refusal(await zipOf('main.blend', { name: 'link', contents: '/etc/passwd', mode: 0o120777 }))).toBe(
      'zip_symlink',
    )
    expect(await refusal(await zipOf('main.blend', { name: 'pipe', mode: 0o010644 }))).toBe('zip_special_file')
    const zip = await zipOf('main.blend', { name: 'a.png', contents: 'aaaa' })
    expect(await refusal(withTableValue(zip, 1, 'flags', (flags) => flags | 1))).toBe('zip_encrypted')
    expect(await refusal(withTableValue(zip, 1, 'method', () => 12))).toBe('zip_unsupported_compression')
  })

  it.each([
    ['tex/Wood.png', 'tex/wood.png'],
    ['Tex/a.png', 'tex/b.png'],
    ['tex', 'tex/wood.png'],
    ['tex/wood.png', 'tex'],
    ['é.png', 'e\u0301.png'],
  ])('may not have both %j and %j', async (one, other) => {
    expect(await refusal(await zipOf('main.blend', one, other))).toBe('zip_name_collision')
  })

  it('may not have one name twice', async () => {
    expect(await refusal(renamed(await zipOf('main.blend', 'a.png', 'b.png'), 'b.png', 'a.png'))).toBe(
      'zip_name_collision',
    )
  })

  it('may not be larger than the limits, in entries, bytes or ratio', async () => {
    const zip = await zipOf('main.blend', { name: 'zeros', contents: Buffer.alloc(1_000_000) })
    expect(await refusal(zip)).toBe('taken: main.blend')
    expect(await refusal(zip, { limits: { ...ZIP_LIMITS, entriesMax: 1 } })).toBe('zip_too_many_entries')
    expect(await refusal(zip, { limits: { ...ZIP_LIMITS, unpackedBytesMax: 999_999 } })).toBe('zip_too_large')
    expect(await refusal(zip, { limits: { ...ZIP_LIMITS, unpackedBytesFree: 1_000 } })).toBe('zip_bomb')
  })

  it('may not have entries that share their bytes', async () => {
    const zip = await zipOf(
      'main.blend',
      { name: 'a', contents: 'same', stored: true },
      { name: 'b', contents: 'same', stored: true },
    )
    let place = 0
    const first = withTableValue(zip, 1, 'offset', (offset) => (place = offset))
    expect(await refusal(withTableValue(first, 2, 'offset', () => place))).toBe('zip_bomb')
  })

  it('is damaged when sizes, checksums or data do not agree, and leaves nothing behind', async () => {
    const zip = await zipOf({ name: 'first.bin', contents: 'kept until the end' }, 'main.blend', {
      name: 'a.png',
      contents: 'a'.repeat(1_000),
    })
    for (const field of ['crc32', 'packedBytes', 'unpackedBytes'] as const) {
      expect(await refusal(withTableValue(zip, 2, field, (value) => value - 1)), field).toBe('zip_corrupt')
    }
    expect(await refusal(withTableValue(zip, 2, 'unpackedBytes', (value) => value + 1))).toBe('zip_corrupt')
    expect(await refusal(zip.subarray(0, -5))).toBe('zip_corrupt')
    expect(await refusal(Buffer.from('PK\x03\x04 and nothing else'))).toBe('zip_corrupt')
    expect(await refusal(Buffer.alloc(0))).toBe('zip_corrupt')
  })

  it('is never written over what is there', async () => {
    const folder = scratch.path('full')
    await mkdir(join(folder, 'kept'), { recursive: true })
    await expect(openProjectZip(await scratch.write(await zipOf('a.blend')), folder)).rejects.toThrow('is not empty')
    expect(await readdir(folder)).toEqual(['kept'])
  })

  it('that is not there is an error of the system, not of the archive', async () => {
    await expect(openProjectZip(scratch.path('nowhere.zip'), scratch.path('unused'))).rejects.toThrow('ENOENT')
  })

  it('is taken or refused, whatever bits are turned', async () => {
    const whole = await zipOf(
      'film/',
      { name: 'film/a.blend', contents: 'b'.repeat(300) },
      { name: 'film/c.png', contents: 'c', stored: true },
    )
    const flips = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 })), {
      minLength: 1,
      maxLength: 4,
    })
    await fc.assert(
      fc.asyncProperty(flips, async (changes) => {
        const bytes = Buffer.from(whole)
        for (const [place, bits] of changes) bytes[place]! ^= bits
        const { result } = await open(bytes)
        if (!result.ok) expect(result.code).toMatch(/^zip_/)
      }),
      { numRuns: 400 },
    )
  })
})
