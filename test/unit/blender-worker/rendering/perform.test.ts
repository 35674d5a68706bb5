import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { perform } from '../../../../blender-worker/rendering/perform.ts'
import type { RenderedFile, Renderer } from '../../../../blender-worker/rendering/renderer.ts'
import { LIMITS } from '../../../../shared/protocol/limits.ts'
import { ResultFile, type FileRole } from '../../../../shared/protocol/task.ts'
import { smallExr } from '../../../support/renderer-double.ts'

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tilework-perform-'))
})

afterEach(() => rm(folder, { recursive: true, force: true }))

/** A renderer that gives these files for each frame. */
function writing(roles: readonly FileRole[]): Renderer {
  const nothing = () => Promise.reject(new Error('not asked for in these tests'))
  return {
    probe: nothing,
    open: nothing,
    inspect: nothing,
    finish: nothing,
    close: nothing,
    render: async (request) => {
      const files: RenderedFile[] = roles.map((role, index) => ({ role, path: join(request.folder, `${index}.exr`) }))
      for (const file of files) await writeFile(file.path, smallExr('pixels'))
      return { files, renderSeconds: 1, peakMemoryBytes: request.frame * 10 }
    },
  }
}

function render(
  renderer: Renderer,
  frames: number[],
  window?: { x: number; y: number; width: number; height: number },
) {
  const work = {
    kind: 'render' as const,
    frames,
    settings: {},
    display: false,
    ...(window === undefined ? {} : { window }),
  }
  return perform(
    renderer,
    { work, stitchedPath: undefined, device: 'CPU', threads: undefined, folder, signal: new AbortController().signal },
    () => undefined,
  )
}

test('seconds add up over the frames of a chunk, memory is that of the hungriest', async () => {
  expect(await render(writing(['final', 'raw']), [3, 1, 2])).toMatchObject({ renderSeconds: 3, peakMemoryBytes: 30 })
})

test('files of File Output nodes get names of their own that the farm takes', async () => {
  const { files } = await render(writing(['final', 'raw', 'extra', 'extra']), [1])
  expect(files.map((made) => made.file.name)).toEqual([
    '0001.final.exr',
    '0001.raw.exr',
    '0001.extra1.exr',
    '0001.extra2.exr',
  ])
  for (const made of files) expect(ResultFile.safeParse(made.file).success).toBe(true)
})

test('a file that was promised and did not come is named', async () => {
  await expect(render(writing(['final']), [8])).rejects.toMatchObject({
    code: 'output_invalid',
    message: 'Blender wrote no raw file for frame 8',
  })
})

test('what nobody asked for is left out', async () => {
  const { files } = await render(writing(['raw', 'final']), [1], { x: 0, y: 0, width: 1, height: 1 })
  expect(files.map((made) => made.file.role)).toEqual(['raw'])
})

test('more files than a result holds are a failure here, not a message that the farm refuses', async () => {
  const roles: FileRole[] = [
    'final',
    'raw',
    ...Array.from({ length: LIMITS.extraFilesPerFrameMax }, () => 'extra' as const),
  ]
  await expect(render(writing(roles), [1, 2, 3])).rejects.toMatchObject({
    code: 'blender_error',
    message: expect.stringContaining('at most 512'),
  })
})

test('more File Output files than a frame may have are the fault of the scene', async () => {
  const roles: FileRole[] = [
    'final',
    'raw',
    ...Array.from({ length: LIMITS.extraFilesPerFrameMax + 1 }, () => 'extra' as const),
  ]
  await expect(render(writing(roles), [7])).rejects.toMatchObject({
    code: 'blender_error',
    message: expect.stringContaining('251 files beside frame 7, 250 is the limit'),
  })
})
