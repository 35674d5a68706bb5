import type { Sha256 } from '../../shared/protocol/ids.ts'

/** Failures in a row by a worker's own fault after which a pause follows: one or two may be bad luck. */
export const FAILURES_BEFORE_COOL_DOWN = 3
/** The first pause, in ms; each further failure doubles it. */
export const COOL_DOWN_MS = 5_000
/** The longest pause, in ms. */
export const COOL_DOWN_MAX_MS = 300_000
/** Scenes that are remembered; of more the oldest is forgotten, which then counts anew. */
const SCENES_MAX = 100

/** Failures in a row, and until when that keeps tasks away, in ms since 1970. */
interface Streak {
  readonly failures: number
  readonly until: number
}

/**
 * Keeps tasks away from a worker that fails one after the other. A broken machine fails quickly, so it would come back
 * for the next task before anybody else, and use up a try of each. But a scene that crashes Blender says little of the
 * machine: while one scene alone fails here, only its tasks are kept away, and other jobs go on. The machine itself
 * cools down when another scene fails too, with nothing rendered between. What it hands in and is accepted ends both.
 */
export class CoolDown {
  readonly #scenes = new Map<Sha256, Streak>()
  #machine: Streak = { failures: 0, until: 0 }
  /** Scenes that failed since anything was accepted. */
  readonly #failing = new Set<Sha256>()

  /** Counts a failure, and gives how long what is kept away from here now, in ms; undefined when nothing is. */
  failed(scene: Sha256, now: number): { readonly of: 'scene' | 'machine'; readonly ms: number } | undefined {
    const ofScene = oneMore(this.#scenes.get(scene), now)
    this.#scenes.delete(scene)
    this.#scenes.set(scene, ofScene)
    for (const [oldest] of this.#scenes) if (this.#scenes.size > SCENES_MAX) this.#scenes.delete(oldest)
    this.#failing.add(scene)
    const ofMachine = oneMore(this.#machine, now)
    this.#machine = this.#failing.size > 1 ? ofMachine : { ...ofMachine, until: 0 }
    if (this.#machine.until > now) return { of: 'machine', ms: this.#machine.until - now }
    return ofScene.until > now ? { of: 'scene', ms: ofScene.until - now } : undefined
  }

  succeeded(scene: Sha256): void {
    this.#scenes.delete(scene)
    this.#machine = { failures: 0, until: 0 }
    this.#failing.clear()
  }

  /** When the worker may have any tasks again, in ms since 1970; undefined when it may now. */
  until(now: number): number | undefined {
    return this.#machine.until > now ? this.#machine.until : undefined
  }

  /** When it may have tasks of this scene again; undefined when it may now. */
  untilOf(scene: Sha256, now: number): number | undefined {
    const until = Math.max(this.#machine.until, this.#scenes.get(scene)?.until ?? 0)
    return until > now ? until : undefined
  }

  /** The scenes that are kept away from it. */
  scenes(now: number): { readonly scene: Sha256; readonly until: number }[] {
    return [...this.#scenes].flatMap(([scene, { until }]) => (until > now ? [{ scene, until }] : []))
  }
}

function oneMore(streak: Streak | undefined, now: number): Streak {
  const failures = (streak?.failures ?? 0) + 1
  const beyond = failures - FAILURES_BEFORE_COOL_DOWN
  return { failures, until: beyond < 0 ? 0 : now + Math.min(COOL_DOWN_MAX_MS, COOL_DOWN_MS * 2 ** beyond) }
}
