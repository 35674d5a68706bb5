import { describe, expect, it } from 'vitest'
import { LONE_BLEND, missingFiles } from '../../../../shared/adapters/scene-files/missing-files.ts'
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
  const [missing, ...rest] = missingFiles(factsWith({ path, span }), PROJECT)
  expect(rest).toEqual([])
  return missing?.reason ?? 'present'
}

describe('an external file', () => {
  it.each([
    ['//local.png', 'present'],
    ['//./local.png', 'present'],
    ['//../../assets/Wood.png', 'present'],
    ['//..\\..\\assets\\Wood.png', 'present'],
    ['//../../assets/wood.png', 'case_differs'],
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
    expect(missingFiles(factsWith({ path: '/home/artist/wood.png', packed: true }), PROJECT)).toEqual([])
  })

  it('is there as a sequence or as tiles if one member is', () => {
    expect(reasonFor('//../../assets/walk_0001.exr', 'sequence')).toBe('present')
    expect(reasonFor('//../../assets/run_0001.exr', 'sequence')).toBe('not_in_project')
    expect(reasonFor('//../../assets/skin.<UDIM>.tif', 'tiles')).toBe('present')
    expect(reasonFor('//../../assets/Skin.<UDIM>.tif', 'tiles')).toBe('case_differs')
    expect(reasonFor('//../../assets/walk_0001.exr')).toBe('not_in_project')
  })

  it('is not taken for another folder with other digits', () => {
    expect(reasonFor('//../../assets/2023/a.png', 'sequence')).toBe('not_in_project')
  })

  it('is missing beside a .blend that came alone, even if it is relative', () => {
    const missing = missingFiles(
      factsWith({ path: '//a.png' }, { path: '//../b.png' }, { path: '//c.png', packed: true }),
      LONE_BLEND,
    )
    expect(missing.map(({ file, reason }) => [file.path, reason])).toEqual([
      ['//a.png', 'not_in_project'],
      ['//../b.png', 'outside_project'],
    ])
  })
})
