import { describe, expect, test } from 'vitest'
import { pairVerdict, verdictOnUncompared } from '../../../../shared/domain/verification/pair-verdict.ts'

const read = { state: 'read' } as const
const unread = (why: string) => ({ state: 'unread', why }) as const

describe('two files that could not be compared', () => {
  test('say nothing of each other where the farm reads neither, for the same reason', () => {
    expect(verdictOnUncompared(unread('compression DWAA'), unread('compression DWAA'))).toEqual({
      verdict: 'unread',
      why: 'compression DWAA',
    })
  })

  test('ask a third worker where only one is not read, or each for a reason of its own: nobody is convicted', () => {
    expect(verdictOnUncompared(unread('it is tiled'), read)).toEqual({ verdict: 'grey', why: 'it is tiled' })
    expect(verdictOnUncompared(read, unread('it is tiled'))).toEqual({ verdict: 'grey', why: 'it is tiled' })
    expect(verdictOnUncompared(unread('it is tiled'), unread('it is deep'))).toEqual({
      verdict: 'grey',
      why: 'it is tiled',
    })
  })

  test('contradict each other where both are read and are of different shapes', () => {
    expect(verdictOnUncompared(read, read)).toEqual({ verdict: 'refuted' })
  })
})

describe('two renderings', () => {
  test('are what the worst of their files says, of those that were compared', () => {
    expect(pairVerdict([{ verdict: 'agreed' }, { verdict: 'unread', why: 'DWAA' }, { verdict: 'agreed' }])).toEqual({
      verdict: 'agreed',
    })
    expect(
      pairVerdict([
        { verdict: 'unread', why: 'DWAA' },
        { verdict: 'grey', why: 'tiled' },
      ]),
    ).toEqual({ verdict: 'grey', why: 'tiled' })
    expect(pairVerdict([{ verdict: 'grey' }, { verdict: 'unread', why: 'DWAA' }, { verdict: 'refuted' }])).toEqual({
      verdict: 'refuted',
    })
  })

  test('of which no file is read say nothing, and why', () => {
    expect(pairVerdict([{ verdict: 'unread', why: '0001.raw.exr: it is tiled' }])).toEqual({
      verdict: 'unread',
      why: '0001.raw.exr: it is tiled',
    })
  })
})
