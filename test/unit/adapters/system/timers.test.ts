import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { after, pause } from '../../../../shared/adapters/system/timers.ts'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

it('pauses for as long as it was told', async () => {
  let over = false
  void pause(1_000).then(() => (over = true))
  await vi.advanceTimersByTimeAsync(999)
  expect(over).toBe(false)
  await vi.advanceTimersByTimeAsync(1)
  expect(over).toBe(true)
})

it('ends a pause at once when it is aborted, before or meanwhile, and leaves no timer behind', async () => {
  const stopping = new AbortController()
  const waiting = pause(1_000_000, { signal: stopping.signal })
  stopping.abort()
  await waiting
  await pause(1_000_000, { signal: stopping.signal })
  expect(vi.getTimerCount()).toBe(0)
})

it('acts after a while unless it is called off', async () => {
  const acts: string[] = []
  after(10, () => acts.push('kept'))
  after(10, () => acts.push('called off'))()
  await vi.advanceTimersByTimeAsync(20)
  expect(acts).toEqual(['kept'])
})
