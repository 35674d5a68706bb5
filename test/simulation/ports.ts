import { FarmStoreUnavailable } from '../../shared/ports/farm-store.ts'
import { StoreUnavailable } from '../../shared/ports/object-store.ts'
import type { Agenda } from './agenda.ts'
import type { SimulatedProcess } from './process.ts'
import type { SeededRandom } from './random.ts'
import type { Trace } from './trace.ts'

/** How the way to a store is: times in ms, shares of calls from 0 to 1. */
export interface PathWeather {
  delayMsMax: number
  /** The call is lost before it reaches the store. */
  lostShare: number
  /** The call does its work, and its answer is lost. */
  answerLostShare: number
  /** The store is away: every call fails. */
  away: boolean
}

interface Surroundings {
  readonly agenda: Agenda
  readonly random: SeededRandom
  readonly trace: Trace
  readonly weather: PathWeather
}

/**
 * A port as one process sees it: every call takes simulated time on the way there and back, may be lost on either, and
 * does its work at one moment in between. A process that died meanwhile never hears the answer.
 */
export function simulated<T extends object>(
  target: T,
  process: SimulatedProcess,
  around: Surroundings,
  options: { name: string; outage: () => Error; wrap?: (value: unknown) => unknown; direct?: readonly string[] },
): T {
  const { agenda, random, trace, weather } = around
  const methods = new Map<string | symbol, unknown>()
  return new Proxy(target, {
    get(_, name) {
      const known = methods.get(name)
      if (known !== undefined) return known
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function' || options.direct?.includes(String(name)) === true)
        return typeof value === 'function' ? value.bind(target) : value
      const call = (...args: unknown[]): Promise<unknown> =>
        new Promise((resolve, reject) => {
          const back = (settle: () => void) =>
            agenda.after(random.float() * weather.delayMsMax, () => process.enter(settle))
          agenda.after(random.float() * weather.delayMsMax, () => {
            const lost = weather.away || random.chance(weather.lostShare)
            trace.record(process.name, `${options.name}.${String(name)}${lost ? ' lost' : ''}`)
            if (lost) return void back(() => reject(options.outage()))
            Promise.resolve(Reflect.apply(value, target, args)).then(
              (answer) => {
                const unheard = random.chance(weather.answerLostShare)
                if (unheard) trace.record(process.name, `${options.name}.${String(name)}: answer lost`)
                back(() =>
                  unheard
                    ? reject(options.outage())
                    : resolve(options.wrap === undefined ? answer : options.wrap(answer)),
                )
              },
              (error: unknown) => void back(() => reject(error instanceof Error ? error : new Error(String(error)))),
            )
          })
        })
      methods.set(name, call)
      return call
    },
  })
}

export function farmStoreOutage(): Error {
  return new FarmStoreUnavailable(new Error('the connection is gone'))
}

export function objectStoreOutage(): Error {
  return new StoreUnavailable('the connection is gone', { cause: null, retryable: true })
}
