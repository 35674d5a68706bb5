import { mkdir, readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { lookAtProjectZip } from '../../../../shared/adapters/scene-files/project-zip.ts'
import type { ProjectZipOptions } from '../../../../shared/adapters/scene-files/project-zip.ts'
import { ZIP_LIMITS } from '../../../../shared/protocol/zip-entries.ts'
import { sceneFolder } from './scene-folder.ts'
import { renamed, withTableValue, zipOf } from './zip-bytes.ts'

describe('a project archive', () => {
  const scratch = sceneFolder()
  let opened = 0

  async function open(zip: Buffer, options: ProjectZipOptions = {}) {
    const folder = scratch.path(`project-${opened++}`)
    const result = await lookAtProjectZip(await scratch.write(zip), folder, options)
    const left = (await readdir(scratch.path(''))).filter((name) => join(scratch.path(''), name) === folder)
    if (!result.ok) expect(left).toEqual([])
    return { folder, result }
  }

  async function refusal(zip: Buffer, options: ProjectZipOptions = {}): Promise<string> {
    const { result } = await open(zip, options)
    return result.ok ? `taken: ${result.value.mainBlendPath}` : result.code
  }

  it('is looked at: its files, and its one .blend at the top, which alone is unpacked', async () => {
    const zip = await zipOf(
      'film/',
      { name: 'film/shot.blend', contents: 'SHOT' },
      { name: 'film/tex/wood.png', contents: 'x'.repeat(5_000) },
      { name: 'film/lib/props.blend', stored: true, contents: 'PROPS' },
    )
    const { folder, result } = await open(zip)
    expect(result).toMatchObject({
      ok: true,
      value: {
        mainBlendPath: 'film/shot.blend',
        filePaths: ['film/shot.blend', 'film/tex/wood.png', 'film/lib/props.blend'],
      },
    })
    expect(await readdir(folder)).toEqual(['main.blend'])
    expect(await readFile(join(folder, 'main.blend'), 'utf8')).toBe('SHOT')
  })

  it('may have names in UTF-8 that say so or not, in code page 437, and with backslashes between folders', async () => {
    const filesOf = async (zip: Buffer) => {
      const { result } = await open(zip)
      return result.ok ? result.value.filePaths : result.code
    }
    const flagged = await zipOf('a.blend', 'Fl\u00e4che/\u00e9.png')
    expect(await filesOf(flagged)).toEqual(['a.blend', 'Fl\u00e4che/\u00e9.png'])
    const unflagged = withTableValue(flagged, 1, 'flags', (flags) => flags & ~0x800)
    expect(await filesOf(unflagged)).toEqual(['a.blend', 'Fl\u00e4che/\u00e9.png'])
    // 0x84 is an a with two dots there, and no UTF-8 by itself.
    const old = withTableValue(await zipOf('a.blend', 'Fl_che.png'), 1, 'flags', (flags) => flags & ~0x800)
    for (let at = old.indexOf('Fl_'); at >= 0; at = old.indexOf('Fl_', at + 1)) old[at + 2] = 0x84
    expect(await filesOf(old)).toEqual(['a.blend', 'Fl\u00e4che.png'])
    const folder = await zipOf('a.blend', { name: 'tex_', mode: 0o100644, contents: '' })
    expect(await filesOf(renamed(folder, 'tex_', 'tex\\'))).toEqual(['a.blend'])
    expect(await filesOf(renamed(await zipOf('a.blend', 'tex/wood.png'), 'tex/wood.png', 'tex\\wood.png'))).toEqual([
      'a.blend',
      'tex/wood.png',
    ])
  })

  it('finds the main one in spite of how its accents are encoded', async () => {
    expect(await refusal(await zipOf('Entwu\u0308rfe.blend', 'b.blend'), { main: 'Entw\u00fcrfe.blend' })).toBe(
      'taken: Entwu\u0308rfe.blend',
    )
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
    const { result } = await open(
      await zipOf('a.blend', '__MACOSX/._a.blend', '._a.blend', '.DS_Store', 'tex/Thumbs.db'),
    )
    expect(result).toMatchObject({ ok: true, value: { filePaths: ['a.blend'] } })
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
    const zip = await zipOf(
      { name: 'first.bin', contents: 'never read' },
      { name: 'main.blend', contents: 'a'.repeat(1_000) },
      { name: 'a.png', contents: 'never read' },
    )
    for (const field of ['crc32', 'packedBytes', 'unpackedBytes'] as const) {
      expect(await refusal(withTableValue(zip, 1, field, (value) => value - 1)), field).toBe('zip_corrupt')
    }
    expect(await refusal(withTableValue(zip, 1, 'unpackedBytes', (value) => value + 1))).toBe('zip_corrupt')
    expect(await refusal(zip.subarray(0, -5))).toBe('zip_corrupt')
    expect(await refusal(Buffer.from('PK\x03\x04 and nothing else'))).toBe('zip_corrupt')
    expect(await refusal(Buffer.alloc(0))).toBe('zip_corrupt')
  })

  it('is never written over what is there', async () => {
    const folder = scratch.path('full')
    await mkdir(join(folder, 'kept'), { recursive: true })
    await expect(lookAtProjectZip(await scratch.write(await zipOf('a.blend')), folder)).rejects.toThrow('EEXIST')
    expect(await readdir(folder)).toEqual(['kept'])
  })

  it('that is not there is an error of the system, not of the archive', async () => {
    await expect(lookAtProjectZip(scratch.path('nowhere.zip'), scratch.path('unused'))).rejects.toThrow('ENOENT')
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
