import { type Agenda, cancel, type Entry } from './agenda.ts'
import { type SimulatedProcess, runningProcess } from './process.ts'

/** Node's own, for those who drive the simulation. */
export const nextTurn = (): Promise<void> => new Promise((done) => native.setImmediate(done))
const native = { setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout, setInterval: globalThis.setInterval, clearInterval: globalThis.clearInterval, setImmediate: globalThis.setImmediate }

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
 * Until `restore`, timers that simulated processes set belong to the agenda: production code with timers of its own (the rounds, a
 * silent worker, the dispatcher's turn) runs as it is. Whoever sets a timer outside of every process gets a real one.
 */
export function takeOverTimers(agenda: Agenda): { restore(): void } {
  const schedule = (owner: SimulatedProcess, timer: VirtualTimer, delayMs: number, run: () => void, again: boolean): VirtualTimer => {
    timer.entry = agenda.after(delayMs, () =>
      owner.enter(() => {
        if (timer.stopped) return
        if (again) schedule(owner, timer, delayMs, run, true)
        run()
      }),
    )
    return timer
  }
  const later = (fallback: (...args: never[]) => unknown, again: boolean, immediate = false) => (run: (...args: unknown[]) => void, delayMs?: number, ...args: unknown[]): unknown => {
    const owner = runningProcess()
    if (owner === null) return Reflect.apply(fallback, globalThis, [run, delayMs, ...args])
    return schedule(owner, new VirtualTimer(), immediate ? 0 : Math.max(1, delayMs ?? 1), () => run(...args), again)
  }
  const clear = (fallback: (timer?: never) => void) => (timer?: unknown): void => {
    if (timer instanceof VirtualTimer) stop(timer)
    else Reflect.apply(fallback, globalThis, [timer])
  }
  Object.assign(globalThis, {
    setTimeout: later(native.setTimeout, false),
    setInterval: later(native.setInterval, true),
    setImmediate: later(native.setImmediate, false, true),
    clearTimeout: clear(native.clearTimeout),
    clearInterval: clear(native.clearInterval),
  })
  return { restore: () => void Object.assign(globalThis, native) }
}
