import type { StepConsumer, StepHandler } from '../../ports/work-queue.ts'
import type { StepQueue } from '../bullmq/steps.ts'
import { pause } from '../system/timers.ts'
import type { MemoryWorkQueue } from './work-queue.ts'

/** How often an empty queue is looked at again, in ms. */
const LOOK_PAUSE_MS = 5

/**
 * Runs the steps of one queue of a MemoryWorkQueue, one after the other, until it is stopped. A failed one waits its
 * turn, without backoff.
 */
export class MemoryStepConsumer implements StepConsumer {
  readonly #queue: MemoryWorkQueue
  readonly #name: StepQueue
  readonly #handler: StepHandler
  readonly #stopping = new AbortController()
  #loop: Promise<void> | null = null

  constructor(queue: MemoryWorkQueue, name: StepQueue, handler: StepHandler) {
    this.#queue = queue
    this.#name = name
    this.#handler = handler
  }

  async start(): Promise<void> {
    this.#loop ??= this.#run()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#loop
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      if (!(await this.#queue.runStep(this.#name, this.#handler, signal))) await pause(LOOK_PAUSE_MS, { signal })
    }
  }
}
