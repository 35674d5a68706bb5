import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { kindOfScene } from '../../../../shared/adapters/scene-files/scene-kind.ts'
import { sceneFolder } from './scene-folder.ts'
import { zstdOf } from './zstd-bytes.ts'

describe('the kind of a handed-in file', () => {
  const scratch = sceneFolder()

  it.each([
    ['a plain .blend', Buffer.from('BLENDER-v304'), 'blend'],
    ['a .blend of Blender 5', Buffer.from('BLENDER17-01v0500'), 'blend'],
    ['gzip data', gzipSync('anything'), 'blend'],
    ['zstd data', zstdOf(Buffer.from('anything')), 'blend'],
    ['an archive', Buffer.from('PK\x03\x04rest'), 'zip'],
    ['an empty archive', Buffer.from('PK\x05\x06rest'), 'zip'],
    ['nothing', Buffer.alloc(0), 'unknown'],
    ['two letters', Buffer.from('PK'), 'unknown'],
    ['a picture', Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), 'unknown'],
    ['half a magic', Buffer.from('BLEND'), 'unknown'],
  ])('is told for %s by its bytes', async (_name, bytes, kind) => {
    expect(await kindOfScene(await scratch.write(bytes))).toBe(kind)
  })
})
