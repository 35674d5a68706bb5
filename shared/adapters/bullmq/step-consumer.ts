/*
 * Runs the background steps of one queue. A step that throws is tried again later; one that is cut short because the
 * process ends goes back untried, so that a restart costs no try; one whose process died is found by its lock that
 * ran out.
 */
import { UnrecoverableError, WaitingError, Worker } from 'bullmq'
import type { Job } from 'bullmq'
import type { Redis } from 'ioredis'
import type { Logger } from '../../ports/core.ts'
import type { StepConsumer, StepHandler } from '../../ports/work-queue.ts'
import { StoredStep } from '../redis/effect-schemas.ts'
import { DEFAULT_PREFIX, redisKeys } from '../redis/keys.ts'
import { connectWaiting } from '../redis/link.ts'
import { after } from '../system/timers.ts'
import type { StepQueue } from './steps.ts'

/**
 * How long a step stays its process's without a sign of life, in ms; renewed at half of it. Stitching may keep a
 * process busy for some seconds.
 */
const LOCK_MS = 30_000
/** Processes that may die over one step before it is taken for poison and fails. */
const DEATHS_MAX = 3
/**
 * How long `stop` lets steps finish before it aborts them, in ms: as long as most orchestrators wait before they kill.
 */
const STOP_GRACE_MS = 8_000

export interface StepConsumerOptions {
  /** What connectRedis takes. */
  readonly redisUrl: string
  readonly queue: StepQueue
  /** Steps run at the same time. */
  readonly concurrency: number
  readonly log: Pick<Logger, 'warn' | 'error' | 'debug'>
  readonly prefix?: string
  readonly lockMs?: number
  readonly stopGraceMs?: number
  readonly run: StepHandler
}

/** Runs steps from `start` until `stop`, over connections of its own. */
export function stepConsumer(options: StepConsumerOptions): StepConsumer {
  return new BullStepConsumer(options)
}

class BullStepConsumer implements StepConsumer {
  readonly #options: StepConsumerOptions
  readonly #stopping = new AbortController()
  #running: { worker: Worker; connection: Redis } | null = null

  constructor(options: StepConsumerOptions) {
    this.#options = options
  }

  /** Resolves at once; steps come as soon as Redis is there. */
  async start(): Promise<void> {
    if (this.#running !== null || this.#stopping.signal.aborted) return
    const { redisUrl, log, queue, concurrency, prefix, lockMs } = this.#options
    const connection = connectWaiting(redisUrl, { name: `tilework-${queue}`, log })
    const worker = new Worker(queue, (job, token, signal) => this.#run(job, token, signal), {
      connection,
      prefix: redisKeys(prefix ?? DEFAULT_PREFIX).stepsPrefix,
      concurrency,
      lockDuration: lockMs ?? LOCK_MS,
      stalledInterval: (lockMs ?? LOCK_MS) / 2,
      maxStalledCount: DEATHS_MAX,
    })
    const warn = (error: Error) => log.warn({ queue, error: error.message }, 'step queue failed')
    worker.on('error', warn)
    worker.on('failed', (job, error) =>
      log.warn({ queue, step: job?.data, tries: job?.attemptsMade, error: error.message }, 'step failed'),
    )
    worker.on('stalled', (id) => log.warn({ queue, entry: id }, 'step came back from a process that died'))
    this.#running = { worker, connection }
  }

  /** Takes no more steps, lets those that run finish for a while, then aborts them. */
  async stop(): Promise<void> {
    const running = this.#running
    this.#running = null
    if (running === null) return this.#stopping.abort()
    const cancelAbort = after(this.#options.stopGraceMs ?? STOP_GRACE_MS, () => this.#stopping.abort())
    await running.worker.close()
    cancelAbort()
    this.#stopping.abort()
    running.connection.disconnect()
  }

  async #run(job: Job, token: string | undefined, lost: AbortSignal | undefined): Promise<void> {
    const step = StoredStep.safeParse(job.data)
    if (!step.success) throw new UnrecoverableError(`not a step of this version of Tilework: ${step.error.message}`)
    const tryNumber = job.attemptsMade + 1
    const signal = lost === undefined ? this.#stopping.signal : AbortSignal.any([lost, this.#stopping.signal])
    try {
      await this.#options.run(step.data, { tryNumber, isLastTry: tryNumber >= (job.opts.attempts ?? 1), signal })
    } catch (error) {
      if (!this.#stopping.signal.aborted) throw error
      this.#options.log.debug(
        { queue: this.#options.queue, step: step.data },
        'step goes back because the process ends',
      )
      await job.moveToWait(token)
      throw new WaitingError()
    }
  }
}
