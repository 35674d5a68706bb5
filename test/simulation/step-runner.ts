import { text } from 'node:stream/consumers'
import type { StepQueue } from '../../shared/adapters/bullmq/steps.ts'
import type { Engine } from '../../shared/engine/context.ts'
import { ObjectMissing } from '../../shared/ports/object-store.ts'
import type { StepContext } from '../../shared/ports/work-queue.ts'
import type { BackgroundStep } from '../../shared/domain/effect.ts'
import type { ObjectKey } from '../../shared/protocol/object-keys.ts'
import { bulletinOf, engineOf } from './coordinator.ts'
import { SimulatedProcess } from './process.ts'
import type { SeededRandom } from './random.ts'
import { performStep } from './steps.ts'
import type { World } from './world.ts'

/**
 * A step whose process died is taken from it after this long, in ms, as BullMQ does with a lock of 30 s that nobody
 * renews.
 */
const STALLED_MS = 30_000
const LOOK_PAUSE_MS = 500
const FAILED_PAUSE_MS = 2_000

/**
 * One process of services/assembler or services/verifier: one step after the other, until it dies in the middle of one.
 */
export class StepRunner {
  readonly process: SimulatedProcess
  readonly #world: World
  readonly queueName: StepQueue
  readonly #engine: Engine
  readonly #random: SeededRandom

  constructor(world: World, name: string, queue: StepQueue) {
    this.#world = world
    this.queueName = queue
    this.process = new SimulatedProcess(name, world.agenda)
    this.#engine = engineOf(world, this.process, bulletinOf(world, this.process))
    this.#random = world.random.fork(`steps of ${name}`)
    this.process.enter(() => this.#look(0))
  }

  #look(delayMs: number): void {
    this.process.after(delayMs, () => {
      if (this.#world.farmPath.away || this.#world.plainQueue.waitingSteps(this.queueName).length === 0)
        return this.#look(LOOK_PAUSE_MS)
      const stolen = new AbortController()
      let failed = false
      void this.#world.queue
        .runStep(
          this.queueName,
          (step, context) => this.#run(step, context, stolen, () => (failed = true)),
          stolen.signal,
        )
        .then((ran) => this.process.enter(() => this.#look(failed ? FAILED_PAUSE_MS : ran ? 1 : LOOK_PAUSE_MS)))
    })
  }

  /**
   * Settles for the queue when the step is done, or when the queue takes it away: from the dead surely, from the living
   * now and then.
   */
  #run(step: BackgroundStep, context: StepContext, stolen: AbortController, onFailure: () => void): Promise<void> {
    const { agenda, trace, weather } = this.#world
    return new Promise((resolve, reject) => {
      const take = () => {
        stolen.abort()
        reject(new Error('the step was taken from its process'))
      }
      this.process.onDeath(() => agenda.after(STALLED_MS, take))
      if (!this.#world.healed && this.#random.chance(weather.stolenStepShare))
        agenda.after(this.#random.between(0, 300), take)
      this.process.enter(() => {
        trace.record(this.process.name, `begins ${JSON.stringify(step)}, try ${context.tryNumber}`)
        performStep(this.#engine, step, context, (key) => this.#readLine(key)).then(
          () => {
            trace.record(this.process.name, `ends ${step.step}`)
            resolve()
          },
          (error: unknown) => {
            onFailure()
            trace.record(
              this.process.name,
              `fails ${step.step}: ${error instanceof Error ? error.message : String(error)}`,
            )
            this.#engine.log.info({ error }, 'step failed')
            reject(error instanceof Error ? error : new Error(String(error)))
          },
        )
      })
    })
  }

  async #readLine(key: ObjectKey): Promise<string | null> {
    try {
      return await text(await this.#engine.objects.read(key))
    } catch (error) {
      if (error instanceof ObjectMissing) return null
      throw error
    }
  }
}
