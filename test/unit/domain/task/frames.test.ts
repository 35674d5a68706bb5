import { expect, test } from 'vitest'
import { frameDelivered, frameNearer, frameStitched } from '../../../../shared/domain/task/frames.ts'
import { finishTaskId, renderTaskId } from '../../../../shared/protocol/ids.ts'
import { FRAME_STATES } from '../../../../shared/protocol/task.ts'
import { HASH, aFinish, aFrame, aJob, aPlan, aTask } from '../records.ts'

const tiles = aJob({ plan: aPlan({ tiles: { columns: 2, rows: 1, overscanPx: 0 } }) })

test('a stitched frame gets its finish once; told again, or of a frame elsewhere, nothing happens', () => {
  const stitched = { bytes: 1, sha256: HASH }
  const change = frameStitched(tiles, aFrame({ state: 'stitching', tasksLeft: 0 }), stitched)
  expect(change).toMatchObject({ ok: true, frames: [aFrame({ state: 'finishing', tasksLeft: 0, stitched })] })
  expect(change).toMatchObject({ tasks: [{ id: finishTaskId(0), kind: 'finish', state: 'queued', frames: [1] }] })
  for (const state of FRAME_STATES.filter((each) => each !== 'stitching'))
    expect(frameStitched(tiles, aFrame({ state, tasksLeft: 0 }), stitched)).toEqual({ ok: true })
  expect(
    frameStitched({ ...tiles, state: 'canceled' }, aFrame({ state: 'stitching', tasksLeft: 0 }), stitched),
  ).toEqual({ ok: true })
})

test('a frame is delivered once, from the result that counts, while its job runs', () => {
  const files = [{ path: 'frames/0001.png', bytes: 1, sha256: HASH, contentType: 'image/png' }]
  const [result, anew] = [1, 2].map((epoch) => ({ taskId: renderTaskId(0), epoch }))
  const frame = aFrame({ state: 'delivering', tasksLeft: 0 })
  expect(frameDelivered(aJob(), frame, { files, source: result, now: result })).toEqual({
    ok: true,
    frames: [{ ...frame, state: 'delivered', files }],
  })
  expect(frameDelivered(aJob(), frame, { files, source: result, now: anew })).toEqual({ ok: true })
  expect(frameDelivered(aJob(), frame, { files, source: result, now: undefined })).toEqual({ ok: true })
  expect(frameDelivered(aJob({ state: 'canceled' }), frame, { files, source: result, now: result })).toEqual({
    ok: true,
  })
  for (const state of FRAME_STATES.filter((each) => each !== 'delivering'))
    expect(frameDelivered(aJob(), { ...frame, state }, { files, source: result, now: result })).toEqual({ ok: true })
})

test('a frame that was taken out comes nearer too, and stays out', () => {
  const out = aFrame({ state: 'canceled', tasksLeft: 1 })
  expect(frameNearer(tiles, aTask(), out)).toEqual({ ...out, tasksLeft: 0 })
  expect(frameNearer(tiles, aFinish(), { ...out, tasksLeft: 0 })).toEqual({ ...out, tasksLeft: 0 })
})
