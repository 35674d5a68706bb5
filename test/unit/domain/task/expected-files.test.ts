import { describe, expect, test } from 'vitest'
import { checkFiles, filesToSend, needsDisplay, workOf } from '../../../../shared/domain/task/expected-files.ts'
import { LIMITS } from '../../../../shared/protocol/limits.ts'
import { IMAGE_FORMATS } from '../../../../shared/protocol/render-settings.ts'
import { auditTaskId, finishTaskId, renderTaskId } from '../../../../shared/protocol/ids.ts'
import { aFile, aFinish, aPlan, aTask } from '../records.ts'

const tiled = aPlan({ tiles: { columns: 2, rows: 2, overscanPx: 4 } })
const tile = aTask({ tile: 3 })
const frames = aTask({ frames: [1, 2] })
const whole = (frame: number) => [aFile('final', frame), aFile('raw', frame)]

describe('the files of a result', () => {
  test('are final and raw for each whole frame', () => {
    expect(checkFiles(aPlan(), frames, [...whole(1), ...whole(2)])).toEqual({ ok: true })
  })

  test('are as many of File Output nodes as a delivered frame can list, and no more', () => {
    const extras = (count: number) =>
      Array.from({ length: count }, (_, at) => aFile('extra', 1, { name: `extra-${at}` }))
    expect(checkFiles(aPlan(), aTask(), [...whole(1), ...extras(LIMITS.extraFilesPerFrameMax)])).toEqual({ ok: true })
    expect(checkFiles(aPlan(), aTask(), [...whole(1), ...extras(LIMITS.extraFilesPerFrameMax + 1)])).toMatchObject({
      ok: false,
      code: 'files_too_many',
      detail: expect.stringContaining('251 files beside frame 1'),
    })
    // The frame itself and its preview are delivered with them.
    expect(LIMITS.filesPerFrameMax).toBe(LIMITS.extraFilesPerFrameMax + 2)
  })

  test('are the sound of the movie, too, beside the one frame that has it, and nowhere else', () => {
    const sound = { frame: 2, first: 1, last: 4, codec: 'aac', kbits: 192, rate: 48_000, channels: 2 } as const
    const film = aPlan({ sound, fps: 24 })
    const all = [...whole(1), ...whole(2)]
    expect(checkFiles(film, frames, [...all, aFile('sound', 2)])).toEqual({ ok: true })
    expect(checkFiles(film, frames, all)).toMatchObject({
      ok: false,
      detail: expect.stringMatching(/sound .* missing/),
    })
    for (const wrong of [
      [aFile('sound', 1)],
      [aFile('sound', 2), aFile('sound', 2, { name: 'other' })],
      [aFile('sound', 2, { bytes: 2 ** 30 })],
    ])
      expect(checkFiles(film, frames, [...all, ...wrong])).toMatchObject({ ok: false, code: 'result_invalid' })
    expect(checkFiles(aPlan(), aTask(), [...whole(1), aFile('sound')])).toMatchObject({ ok: false })
    const inTiles = { ...tiled, sound: { ...sound, frame: 1 }, fps: 24 }
    expect(checkFiles(inTiles, aFinish(), [aFile('final'), aFile('sound')])).toEqual({ ok: true })
    expect(checkFiles(inTiles, tile, [aFile('raw')])).toEqual({ ok: true })
  })

  test('are one raw file for a tile', () => {
    expect(checkFiles(tiled, tile, [aFile('raw')])).toEqual({ ok: true })
    expect(checkFiles(tiled, tile, [aFile('final')])).toMatchObject({ ok: false, code: 'result_invalid' })
  })

  test('are one final file for a finish, and for the audit of one', () => {
    expect(checkFiles(tiled, aFinish(), [aFile('final')])).toEqual({ ok: true })
    expect(checkFiles(tiled, aTask({ id: auditTaskId(finishTaskId(0), 1), kind: 'audit' }), [aFile('final')])).toEqual({
      ok: true,
    })
  })

  test('have a view that can be shown where the format cannot', () => {
    const plan = aPlan({ format: 'exr' })
    expect(checkFiles(plan, aTask(), whole(1))).toMatchObject({
      ok: false,
      detail: expect.stringMatching(/display file of frame 1 is missing/),
    })
    expect(checkFiles(plan, aTask(), [...whole(1), aFile('display')])).toEqual({ ok: true })
    expect(IMAGE_FORMATS.filter((format) => !needsDisplay(aPlan({ format })))).toEqual(['png', 'jpeg', 'webp'])
  })

  test.each([
    ['nothing at all', []],
    ['one frame of two', whole(1)],
    ['no raw image', [aFile('final', 1), aFile('final', 2), aFile('raw', 1)]],
    ['a frame of another task', [...whole(1), ...whole(2), aFile('extra', 3)]],
    ['a name given twice', [...whole(1), ...whole(2).map((file) => ({ ...file, name: `${file.role}-1` }))]],
    ['two finals of one frame', [...whole(1), ...whole(2), aFile('final', 1, { name: 'another' })]],
    ['a view that was not asked for', [...whole(1), ...whole(2), aFile('display', 1)]],
    [
      'a file larger than any image of this size',
      [aFile('final', 1, { bytes: 10 * 1024 ** 3 }), aFile('raw', 1), ...whole(2)],
    ],
  ])('are refused: %s', (_, files) => {
    expect(checkFiles(aPlan(), frames, files)).toMatchObject({ ok: false, code: 'result_invalid' })
  })

  test('may have extra files beside, but for a tile, and none that is named like a delivered frame', () => {
    expect(checkFiles(aPlan(), aTask(), [...whole(1), aFile('extra', 1, { name: 'depth-0001.exr' })])).toEqual({
      ok: true,
    })
    expect(checkFiles(tiled, tile, [aFile('raw'), aFile('extra')])).toMatchObject({ ok: false, code: 'result_invalid' })
    const beside = (path: string) => aFile('extra', 1, { name: 'a.jpg', place: { path } })
    const ofNode = (path: string) => aFile('extra', 1, { name: 'b.jpg', place: { path, node: 'Masks', slot: '' } })
    expect(checkFiles(aPlan(), aTask(), [...whole(1), beside('0001.jpg'), ofNode('0001.png')])).toEqual({ ok: true })
    expect(checkFiles(aPlan(), aTask(), [...whole(1), beside('0002.png')])).toMatchObject({ ok: false })
    for (const name of ['0002.png', 'm0012.png', '123456.png', '0002.PNG'])
      expect(checkFiles(aPlan(), aTask(), [...whole(1), aFile('extra', 1, { name })])).toMatchObject({
        ok: false,
        detail: expect.stringMatching(/named like a frame/),
      })
  })
})

test('the raw image of a whole frame stays with its worker until somebody wants to look at it', () => {
  const files = [...whole(1), aFile('extra')]
  expect(filesToSend(aTask(), files, false).map((file) => file.role)).toEqual(['final', 'extra'])
  expect(filesToSend(aTask(), files, true)).toEqual(files)
  expect(filesToSend(aTask({ id: auditTaskId(renderTaskId(0), 1), kind: 'audit' }), files, false)).toEqual(files)
  expect(filesToSend(tile, [aFile('raw')], false)).toHaveLength(1)
})

test('what a task is about follows from its kind, its tile and the plan, and never from the letters of its id', () => {
  const [whole, cut] = [aPlan(), aPlan({ tiles: { columns: 2, rows: 1, overscanPx: 0 } })]
  expect(workOf(cut, tile)).toBe('tile')
  expect(workOf(whole, aTask())).toBe('frames')
  expect(workOf(cut, aFinish({ id: renderTaskId(0) }))).toBe('finish')
  expect(workOf(cut, aTask({ id: auditTaskId(renderTaskId(0), 2), kind: 'audit' }))).toBe('finish')
  expect(workOf(whole, aTask({ id: auditTaskId(finishTaskId(0), 2), kind: 'audit' }))).toBe('frames')
  expect(workOf(cut, aTask({ id: auditTaskId(renderTaskId(0), 2), kind: 'audit', tile: 0 }))).toBe('tile')
})
