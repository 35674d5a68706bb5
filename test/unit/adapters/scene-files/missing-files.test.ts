import { describe, expect, it } from 'vitest'
import { findExternalFiles, LONE_BLEND } from '../../../../shared/adapters/scene-files/missing-files.ts'
import type { ExternalFile, SceneFacts } from '../../../../shared/protocol/scene-facts.ts'

function factsWith(...files: Partial<ExternalFile>[]): SceneFacts {
  const externalFiles = files.map((file): ExternalFile => ({
    kind: 'image',
    path: '//a.png',
    span: 'file',
    packed: false,
    datablock: 'A',
    ...file,
  }))
  return {
    version: { major: 3, minor: 4, subversion: 6, text: '3.4' },
    compression: 'none',
    scenes: [],
    activeScene: 'Scene',
    externalFiles,
  }
}

const PROJECT = {
  mainBlendPath: 'shots/010/shot.blend',
  filePaths: [
    'shots/010/shot.blend',
    'shots/010/local.png',
    'assets/Wood.png',
    'assets/walk_0012.exr',
    'assets/skin.1003.tif',
    'assets/2024/a.png',
  ],
}

function reasonFor(path: string, span: ExternalFile['span'] = 'file'): string {
  const { missing, aliases } = findExternalFiles(factsWith({ path, span }), PROJECT)
  expect(missing.length).toBeLessThan(2)
  return missing[0]?.reason ?? (aliases.length === 0 ? 'present' : 'otherwise spelled')
}

describe('an external file', () => {
  it.each([
    ['//local.png', 'present'],
    ['//./local.png', 'present'],
    ['//../../assets/Wood.png', 'present'],
    ['//..\\..\\assets\\Wood.png', 'present'],
    ['//../../assets/wood.png', 'otherwise spelled'],
    ['//gone.png', 'not_in_project'],
    ['//../../../assets/Wood.png', 'outside_project'],
    ['//../../../../etc/passwd', 'outside_project'],
    ['/home/artist/wood.png', 'absolute_path'],
    ['C:\\Users\\artist\\wood.png', 'absolute_path'],
    ['\\\\server\\share\\wood.png', 'absolute_path'],
    ['local.png', 'not_relative_to_blend'],
  ])('named %s is %s', (path, reason) => {
    expect(reasonFor(path)).toBe(reason)
  })

  it('is not missing when it is packed, wherever it was', () => {
    expect(findExternalFiles(factsWith({ path: '/home/artist/wood.png', packed: true }), PROJECT).missing).toEqual([])
  })

  it('is there as a sequence or as tiles if one member is', () => {
    expect(reasonFor('//../../assets/walk_0001.exr', 'sequence')).toBe('present')
    expect(reasonFor('//../../assets/run_0001.exr', 'sequence')).toBe('not_in_project')
    expect(reasonFor('//../../assets/skin.<UDIM>.tif', 'tiles')).toBe('present')
    expect(reasonFor('//../../assets/Skin.<UDIM>.tif', 'tiles')).toBe('otherwise spelled')
    expect(reasonFor('//../../assets/walk_0001.exr')).toBe('not_in_project')
  })

  it('is not taken for another folder with other digits', () => {
    expect(reasonFor('//../../assets/2023/a.png', 'sequence')).toBe('not_in_project')
  })

  it('is missing beside a .blend that came alone, even if it is relative', () => {
    const { missing } = findExternalFiles(
      factsWith({ path: '//a.png' }, { path: '//../b.png' }, { path: '//c.png', packed: true }),
      LONE_BLEND,
    )
    expect(missing.map(({ file, reason }) => [file.path, reason])).toEqual([
      ['//a.png', 'not_in_project'],
      ['//../b.png', 'outside_project'],
    ])
  })
})

describe('a file that the project has in another spelling', () => {
  const found = (path: string, filePaths: string[], span: ExternalFile['span'] = 'file') =>
    findExternalFiles(factsWith({ path, span }), { mainBlendPath: 'shots/a.blend', filePaths })

  it.each([
    ['case', '//../Textures/WOOD.PNG', 'textures/wood.png'],
    ['the form of its accents', '//../tex/Fl\u00e4che.png', 'tex/Fla\u0308che.png'],
    ['both, in a folder', '//../\u00c4pfel/a.png', 'a\u0308pfel/a.png'],
  ])('is found in spite of %s', (_what, asked, path) => {
    const { missing, aliases } = found(asked, [path])
    expect(missing).toEqual([])
    expect(aliases).toEqual([{ asked: asked.slice('//../'.length), path }])
  })

  it('is found member by member, each with its own number', () => {
    expect(found('//Fire_0001.png', ['shots/fire_0001.png', 'shots/fire_0002.png'], 'sequence').aliases).toEqual([
      { asked: 'shots/Fire_0001.png', path: 'shots/fire_0001.png' },
      { asked: 'shots/Fire_0002.png', path: 'shots/fire_0002.png' },
    ])
    expect(found('//Skin.<UDIM>.tif', ['shots/skin.1002.tif'], 'tiles').aliases).toEqual([
      { asked: 'shots/Skin.1002.tif', path: 'shots/skin.1002.tif' },
    ])
  })

  it('is missing where two could be meant', () => {
    expect(found('//Wood.png', ['shots/wood.png', 'shots/WOOD.png']).missing).toMatchObject([
      { reason: 'case_differs' },
    ])
  })
})
