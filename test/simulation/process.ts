import type { Agenda } from './agenda.ts'

/**
 * Something that runs and may die or stand still at any moment. All that reaches it (answers of ports, messages,
 * timers) comes through `enter`: a dead process never hears of it, which is a crash between any two awaits; one that
 * stands still hears of it later.
 */
export class SimulatedProcess {
  readonly name: string
  readonly #agenda: Agenda
  readonly #deaths: (() => void)[] = []
  readonly #waiting: (() => void)[] = []
  #alive = true
  #still = false

  constructor(name: string, agenda: Agenda) {
    this.name = name
    this.#agenda = agenda
  }

  get alive(): boolean {
    return this.#alive
  }

  enter(run: () => void): void {
    if (!this.#alive) return
    if (this.#still) return void this.#waiting.push(run)
    running = this
    run()
  }

  after(delayMs: number, run: () => void) {
    return this.#agenda.after(delayMs, () => this.enter(run))
  }

  /** kill -9. */
  kill(): void {
    if (!this.#alive) return
    this.#alive = false
    for (const death of this.#deaths) death()
  }

  onDeath(death: () => void): void {
    this.#deaths.push(death)
  }

  /** SIGSTOP and, after a while, SIGCONT: everything that came meanwhile comes at once. */
  stand(forMs: number): void {
    if (!this.#alive || this.#still) return
    this.#still = true
    this.#agenda.after(forMs, () => this.goOn())
  }

  goOn(): void {
    this.#still = false
    for (const run of this.#waiting.splice(0)) this.#agenda.after(0, () => this.enter(run))
  }

  get still(): boolean {
    return this.#still
  }
}

/**
 * Whose code runs now: one entry of the agenda wakes one process, and all it awaits is drained before the next entry.
 */
let running: SimulatedProcess | null = null

export function runningProcess(): SimulatedProcess | null {
  return running
}

/** Between entries nobody runs. */
export function nobodyRuns(): void {
  running = null
}
