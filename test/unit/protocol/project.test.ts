import { createHash } from 'node:crypto'
import { describe, expect, it, test } from 'vitest'
import { chooseMain } from '../../../shared/protocol/project-main.ts'
import { manifestText, ProjectManifest } from '../../../shared/protocol/project.ts'

const hash = (letter: string) => letter.repeat(64)
const file = (path: string, more: object = {}) => ({ path, bytes: 3, sha256: hash('a'), ...more })
const complaints = (manifest: object) =>
  (ProjectManifest.safeParse(manifest).error?.issues ?? []).map(({ message }) => message)

describe('a list of files', () => {
  it('has one text, in whatever order its files come', () => {
    const files = [file('b/Ω.png'), file('a.blend', { sha256: hash('b') }), file('b/😀.png'), file('b/\uffee.png')]
    const one = ProjectManifest.parse({ main: 'a.blend', files })
    const other = ProjectManifest.parse({ files: [...files].reverse(), main: 'a.blend' })
    expect(manifestText(one)).toBe(manifestText(other))
    // By the bytes of UTF-8, in which the face comes last though its first UTF-16 unit is the smaller one.
    expect(one.files.length).toBe(4)
    expect([...manifestText(one).matchAll(/"path":"([^"]+)"/g)].map(([, path]) => path)).toEqual([
      'a.blend',
      'b/Ω.png',
      'b/\uffee.png',
      'b/😀.png',
    ])
  })

  it('is named by the SHA-256 of that text, which others can make', () => {
    const manifest = ProjectManifest.parse({
      main: 'a.blend',
      files: [file('a.blend'), file('t/é.tx', { modified: 5 })],
    })
    const text =
      `{"main":"a.blend","files":[{"path":"a.blend","bytes":3,"sha256":"${hash('a')}"},` +
      `{"path":"t/é.tx","bytes":3,"sha256":"${hash('a')}","modified":5}]}`
    expect(manifestText(manifest)).toBe(text)
    expect(createHash('sha256').update(manifestText(manifest)).digest('hex')).toBe(
      createHash('sha256').update(text).digest('hex'),
    )
  })

  test.each([
    ['/etc/passwd', 'is absolute'],
    ['../a.png', 'has a ".." step'],
    ['a/./b.png', 'has a "." step'],
    ['a//b.png', 'has an empty folder name'],
    ['C:/a.png', 'has a colon'],
    ['a\\b.png', 'has a backslash'],
    ['a\nb.png', 'has control characters'],
    ['a\ud800b.png', 'is not valid text'],
    ['folder/', 'ends with a slash'],
    [`${'x'.repeat(256)}.png`, 'has a part longer than 255 bytes'],
  ])('does not take the path %j', (path, why) => {
    expect(complaints({ main: 'a.blend', files: [file('a.blend'), file(path)] }).join()).toContain(why)
  })

  test.each([
    ['in case', 'Wood.png', 'wood.png'],
    ['in the form of their accents', 'gru\u0308n.png', 'grün.png'],
    ['in nothing', 'a.png', 'a.png'],
    ['in that one is the folder of the other', 'a.png', 'A.png/b.png'],
  ])('does not take two names that differ %s', (_how, one, other) => {
    expect(complaints({ main: 'a.blend', files: [file('a.blend'), file(one), file(other)] }).join()).toContain(
      'would be the same file on some systems; rename one',
    )
  })

  it('must hold the main .blend, and one length for one content', () => {
    expect(complaints({ main: 'b.blend', files: [file('a.blend')] })).toEqual(['"b.blend" is not among the files'])
    expect(complaints({ main: 'a.blend', files: [file('a.blend'), file('b', { bytes: 4 })] }).join()).toContain(
      'another length',
    )
  })
})

describe('the main .blend', () => {
  it('is the only one at the shallowest level, or the one that is asked for', () => {
    expect(chooseMain(['x/a.blend', 'x/libs/b.blend', 'x/c.png'], undefined)).toEqual({ ok: true, path: 'x/a.blend' })
    expect(chooseMain(['a.blend', 'b.blend'], undefined)).toMatchObject({ ok: false, code: 'ambiguous_blend' })
    expect(chooseMain(['a.blend', 'b.blend'], 'b.blend')).toEqual({ ok: true, path: 'b.blend' })
    expect(chooseMain(['a.png'], undefined)).toMatchObject({ ok: false, code: 'no_blend' })
  })

  it('is found in another case or with accents of another form, where one file alone can be meant', () => {
    expect(chooseMain(['Entwu\u0308rfe.blend', 'b.blend'], 'Entwürfe.blend')).toMatchObject({ ok: true })
    expect(chooseMain(['Shot.BLEND'], 'shot.blend')).toEqual({ ok: true, path: 'Shot.BLEND' })
    expect(chooseMain(['A.blend', 'a.BLEND'], 'a.blend')).toMatchObject({ ok: false, code: 'main_missing' })
  })
})
