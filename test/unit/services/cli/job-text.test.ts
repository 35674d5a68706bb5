import { describe, expect, test } from 'vitest'
import { bar, endingLines, jobBlock, jobLine } from '../../../../services/cli/progress/job-text.ts'
import { hasEnded, stagesOf } from '../../../../services/cli/progress/stages.ts'
import { jobView } from './job-views.ts'

describe('the stages of a job', () => {
  test('are rendering, checking, finishing, delivering and the video, each with its own count', () => {
    expect(stagesOf(jobView()).map(({ name, done, total, running }) => [name, done, total, running])).toEqual([
      ['render', 40, 96, 3],
      ['verify', 3, 5, 1],
      ['finish', 6, 24, 3],
      ['deliver', 5, 24, 1],
      ['video', 0, 1, 0],
    ])
  })

  test('leave out what the job does not have', () => {
    const { plan, counts } = jobView()
    const { tiles: _none, ...whole } = plan
    const job = jobView({
      plan: { ...whole, renderTaskCount: 24, auditRate: 0, video: 'none' },
      counts: { ...counts, audit: {} },
    })
    expect(stagesOf(job).map(({ name }) => name)).toEqual(['render', 'deliver'])
  })

  test('show audits that were made although none were asked for', () => {
    expect(stagesOf(jobView({ plan: { ...jobView().plan, auditRate: 0 } })).map(({ name }) => name)).toContain('verify')
  })

  test('have a video only when the job is complete', () => {
    expect(stagesOf(jobView({ state: 'encoding' })).at(-1)).toMatchObject({ done: 0, running: 1 })
    expect(stagesOf(jobView({ state: 'completed' })).at(-1)).toMatchObject({ done: 1, running: 0 })
  })

  test.each([
    ['completed', true],
    ['failed', true],
    ['canceled', true],
    ['encoding', false],
    ['deleting', false],
  ] as const)('a job that is %s has ended: %s', (state, ended) => {
    expect(hasEnded({ state })).toBe(ended)
  })
})

describe('a bar', () => {
  test.each([
    [0, 10, '····'],
    [10, 10, '████'],
    [1, 1000, '█···'],
    [999, 1000, '███·'],
    [0, 0, '····'],
    [20, 10, '████'],
  ])('of %i in %i looks right', (done, total, text) => {
    expect(bar(done, total, 4)).toBe(text)
  })
})

describe('the text about a job', () => {
  test('tells state, share, frames, workers and time left', () => {
    const [headline] = jobBlock(jobView(), { workersConnected: 1 })
    expect(headline).toBe('sea (job_01m84kjtdn7rah38frtxad39tj)  active  42 %  5/24 frames  1 worker  1 min 15 s left')
  })

  test('says why a job waits and what is disputed', () => {
    const block = jobBlock(
      jobView({
        waiting: ['waiting: needs 12 GiB of GPU memory, best connected worker has 8'],
        disputes: ['r0000001: two results'],
      }),
    )
    expect(block.slice(-2)).toEqual([
      '  waiting: needs 12 GiB of GPU memory, best connected worker has 8',
      '  disputed: r0000001: two results',
    ])
  })

  test('never makes a line wider than the terminal', () => {
    const block = jobBlock(jobView({ name: 'n'.repeat(200), waiting: ['w'.repeat(300)] }), { columns: 40 })
    expect(block.every((line) => line.length <= 40)).toBe(true)
    expect(block[0]?.endsWith('…')).toBe(true)
  })

  test('fits on one line for a log', () => {
    expect(jobLine(jobView())).toContain('| render 40/96 | verify 3/5 | finish 6/24 | deliver 5/24 | video 0/1')
  })

  test('ends with the reason of a failure and the last words of Blender', () => {
    const failed = jobView({
      state: 'failed',
      failure: { code: 'poison_scene', message: 'the scene fails', lastWords: 'Error: no\nBlender quit\n' },
    })
    expect(endingLines(failed)).toEqual([
      'job_01m84kjtdn7rah38frtxad39tj failed: poison_scene: the scene fails',
      'Last words of Blender:',
      '  Error: no',
      '  Blender quit',
    ])
    expect(endingLines(jobView({ state: 'completed' }))).toEqual(['job_01m84kjtdn7rah38frtxad39tj completed'])
  })
})
