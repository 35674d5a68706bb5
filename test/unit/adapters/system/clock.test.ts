import { describe, expect, it, vi } from 'vitest'
import { FarmClock, SystemClock } from '../../../../shared/adapters/system/clock.ts'

/** A store whose time and a monotonic clock that a test moves by hand. */
function times(storeMs: number, monotonicMs: number) {
  const hands = { storeMs, monotonicMs, answerTakesMs: 0, away: false }
  const store = {
    time: async () => {
      if (hands.away) throw new Error('away')
      hands.monotonicMs += hands.answerTakesMs
      return hands.storeMs
    },
  }
  return { hands, store, monotonicMs: () => hands.monotonicMs }
}

describe('the farm clock', () => {
  it('tells the time of the store, carried on by the local clock', async () => {
    const { hands, store, monotonicMs } = times(1_000_000, 50)
    const clock = new FarmClock(store, { monotonicMs })
    await clock.sample()
    expect(clock.now()).toBe(1_000_000)
    hands.monotonicMs += 1_234
    expect(clock.now()).toBe(1_001_234)
  })

  it('takes the time to have been read half-way between asking and answer', async () => {
    const { hands, store, monotonicMs } = times(1_000_000, 0)
    hands.answerTakesMs = 100
    const clock = new FarmClock(store, { monotonicMs })
    await clock.sample()
    expect(clock.now()).toBe(1_000_050)
  })

  it('is not put wrong by an answer during which the process stood still', async () => {
    const { hands, store, monotonicMs } = times(1_000_000, 0)
    const clock = new FarmClock(store, { monotonicMs })
    await clock.sample()
    const asked = vi.spyOn(store, 'time').mockImplementationOnce(async () => {
      const told = hands.storeMs
      hands.monotonicMs += 20_000
      hands.storeMs += 20_000
      return told
    })
    await clock.sample()
    expect(asked).toHaveBeenCalledTimes(2)
    expect(clock.now()).toBe(1_020_000)
  })

  it('takes the quickest of slow answers', async () => {
    const { hands, store, monotonicMs } = times(1_000_000, 0)
    const clock = new FarmClock(store, { monotonicMs })
    const waits = [3_000, 1_000, 2_000]
    vi.spyOn(store, 'time').mockImplementation(async () => {
      const waitMs = waits.shift() ?? 0
      hands.monotonicMs += waitMs
      hands.storeMs += waitMs
      return hands.storeMs
    })
    await clock.sample()
    // Told at the end of the second answer, and taken for its middle.
    expect(clock.now() - hands.storeMs).toBe(500)
    expect(waits).toEqual([])
  })

  it('never goes backwards when the store does', async () => {
    const { hands, store, monotonicMs } = times(1_000_000, 0)
    const clock = new FarmClock(store, { monotonicMs })
    await clock.sample()
    expect(clock.now()).toBe(1_000_000)
    hands.storeMs = 900_000
    await clock.sample()
    expect(clock.now()).toBe(1_000_000)
    hands.monotonicMs += 100_500
    expect(clock.now()).toBe(1_000_500)
  })

  it('does not start without the store, and cannot be asked before', async () => {
    const { hands, store, monotonicMs } = times(1_000_000, 0)
    hands.away = true
    const clock = new FarmClock(store, { monotonicMs })
    await expect(clock.start()).rejects.toThrow('away')
    expect(() => clock.now()).toThrow('before it was started')
    await clock.stop()
  })

  it('asks again and again, and runs on while the store is away', async () => {
    const { hands, store, monotonicMs } = times(1_000_000, 0)
    const warnings: unknown[] = []
    const clock = new FarmClock(store, {
      monotonicMs,
      log: { warn: (...words: unknown[]) => void warnings.push(words) },
    })
    await clock.start(1)
    hands.away = true
    await vi.waitFor(() => expect(warnings.length).toBeGreaterThan(0))
    expect(clock.now()).toBe(1_000_000)
    hands.away = false
    hands.storeMs = 2_000_000
    await vi.waitFor(() => expect(clock.now()).toBe(2_000_000))
    await clock.stop()
    await clock.stop()
  })
})

describe('the clock of the machine', () => {
  it('tells milliseconds since 1970 and never goes backwards', () => {
    const clock = new SystemClock()
    const first = clock.now()
    expect(first).toBeGreaterThan(Date.UTC(2020))
    const back = vi.spyOn(Date, 'now').mockReturnValue(5)
    expect(clock.now()).toBe(first)
    back.mockRestore()
  })
})
