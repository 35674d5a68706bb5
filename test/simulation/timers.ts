import { type Agenda, cancel, type Entry } from './agenda.ts'
import { type SimulatedProcess, runningProcess } from './process.ts'

/** Node's own, for those who drive the simulation. */
const native = {
  setTimeout: globalThis.setTimeout,
  clearTimeout: globalThis.clearTimeout,
  setInterval: globalThis.setInterval,
  clearInterval: globalThis.clearInterval,
  setImmediate: globalThis.setImmediate,
  nextTick: process.nextTick,
}

/** At least every this many drains Node gets a turn of its own, for signals and finalizers. */
const DRAINS_PER_TURN = 256
let drains = 0
/**
 * Ticks asked for so far, and those of which a turn has seen the end. Vitest puts a nextTick of its own in place at
 * times, so there they cannot be counted.
 */
let ticks = 0
let settled = 0
const TICKS_COUNT = process.env['VITEST'] === undefined

/**
 * Ends when everything that was begun has settled. Promises alone are drained by one tick, which Node runs when no
 * promise has anything left to do: a turn of its event loop costs thirty times as much. Who used ticks (streams do)
 * gets the turn.
 */
export async function drained(): Promise<void> {
  await new Promise<void>((done) => void Reflect.apply(native.nextTick, process, [done]))
  if (TICKS_COUNT && ticks === settled && ++drains % DRAINS_PER_TURN !== 0) return
  await new Promise((done) => native.setImmediate(done))
  settled = ticks
}

/** A timer of a simulated process. */
class VirtualTimer {
  entry: Entry | null = null
  stopped = false
  ref(): this {
    return this
  }
  unref(): this {
    return this
  }
  hasRef(): boolean {
    return true
  }
  [Symbol.dispose](): void {
    stop(this)
  }
}

function stop(timer: VirtualTimer): void {
  timer.stopped = true
  if (timer.entry !== null) cancel(timer.entry)
}

/**
 * Until `restore`, timers that simulated processes set belong to the agenda: production code with timers of its own
 * (the rounds, a silent worker, the dispatcher's turn) runs as it is. Whoever sets a timer outside of every process
 * gets a real one.
 */
export function takeOverTimers(agenda: Agenda): { restore(): void } {
  const schedule = (
    owner: SimulatedProcess,
    timer: VirtualTimer,
    delayMs: number,
    run: () => void,
    again: boolean,
  ): VirtualTimer => {
    timer.entry = agenda.after(delayMs, () =>
      owner.enter(() => {
        if (timer.stopped) return
        if (again) schedule(owner, timer, delayMs, run, true)
        run()
      }),
    )
    return timer
  }
  const later =
    (fallback: (...args: never[]) => unknown, again: boolean, immediate = false) =>
    (run: (...args: unknown[]) => void, delayMs?: number, ...args: unknown[]): unknown => {
      const owner = runningProcess()
      if (owner === null) return Reflect.apply(fallback, globalThis, [run, delayMs, ...args])
      return schedule(owner, new VirtualTimer(), immediate ? 0 : Math.max(1, delayMs ?? 1), () => run(...args), again)
    }
  const clear =
    (fallback: (timer?: never) => void) =>
    (timer?: unknown): void => {
      if (timer instanceof VirtualTimer) stop(timer)
      else Reflect.apply(fallback, globalThis, [timer])
    }
  process.nextTick = (callback: (...args: never[]) => void, ...args: unknown[]) => {
    ticks += 1
    Reflect.apply(native.nextTick, process, [callback, ...args])
  }
  Object.assign(globalThis, {
    setTimeout: later(native.setTimeout, false),
    setInterval: later(native.setInterval, true),
    setImmediate: later(native.setImmediate, false, true),
    clearTimeout: clear(native.clearTimeout),
    clearInterval: clear(native.clearInterval),
  })
  const { nextTick, ...timers } = native
  return {
    restore: () => {
      process.nextTick = nextTick
      Object.assign(globalThis, timers)
    },
  }
}
