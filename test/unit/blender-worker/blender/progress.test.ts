import { expect, it } from 'vitest'
import { parseProgress, throttled, type RenderProgress } from '../../../../blender-worker/blender/progress.ts'

it('reads the long form that Blender up to 4.x prints', () => {
  expect(
    parseProgress(
      'Fra:1 Mem:28.00M (Peak 28.00M) | Time:01:20.72 | Remaining:1:00:03.45 | ' +
        'Mem:18.84M, Peak:18.84M | Scene, ViewLayer | Sample 257/300',
    ),
  ).toEqual({
    samplesDone: 257,
    samplesTotal: 300,
    elapsedSeconds: 80.72,
    remainingSeconds: 3603.45,
    memoryBytes: 28 * 1024 * 1024,
    activity: 'Sample 257/300',
  })
})

it('reads the short form of 5.x and lines from before the first sample', () => {
  expect(parseProgress('Remaining: 00:41.21 | Mem: 20M | Sample 65/300')).toMatchObject({
    samplesDone: 65,
    samplesTotal: 300,
    remainingSeconds: 41.21,
    memoryBytes: 20 * 1024 * 1024,
  })
  expect(parseProgress('Mem: 1M | Updating Scene BVH | Building')).toMatchObject({
    samplesDone: 0,
    samplesTotal: 0,
    activity: 'Building',
  })
})

it('takes no other line for progress', () => {
  for (const line of ["Saved: '/tmp/a.png'", '', 'Error: x | y', 'Fra:1', '00:04.364  render           | Saved'])
    expect(parseProgress(line)).toBeUndefined()
})

it('passes on at most four reports a second', () => {
  const passed: number[] = []
  let nowMs = 0
  const report = throttled(
    (progress: RenderProgress) => passed.push(progress.samplesDone),
    () => nowMs,
  )
  for (nowMs = 0; nowMs < 1_000; nowMs += 10) report({ samplesDone: nowMs, samplesTotal: 1, activity: '' })
  expect(passed).toEqual([0, 250, 500, 750])
})
