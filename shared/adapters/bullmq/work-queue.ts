/*
 * Render tasks and background steps on BullMQ. It carries work and is never the truth: an entry says only which task,
 * at which epoch.
 *
 * Each job has a queue of its own, so that whoever dispatches chooses the job and the queue gives the task. All of them
 * share one connection: tasks are fetched by hand and nothing ever blocks, so no queue needs one for itself. What is
 * held here for a job is a few objects without timers; they are let go when nothing of it waits.
 *
 * Whoever takes a task locks it for LOCK_MS. There is no renewal: between taking and `done` lies one commit. A lock
 * that ran out is found by the stalled check, which is made whenever somebody asks a job for work and gets none, or
 * counts.
 */
import { randomUUID } from 'node:crypto'
import { ErrorCode, Queue, QueueKeys, RedisConnection, RedisQueueBackend, Worker } from 'bullmq'
import type { Job } from 'bullmq'
import type { Redis } from 'ioredis'
import type { BackgroundStep } from '../../domain/effect.ts'
import type { Logger } from '../../ports/core.ts'
import type { TakenTask, WorkQueue } from '../../ports/work-queue.ts'
import { TaskId } from '../../protocol/ids.ts'
import type { JobId } from '../../protocol/ids.ts'
import { LIMITS } from '../../protocol/limits.ts'
import { DEFAULT_PREFIX, redisKeys } from '../redis/keys.ts'
import { COMMAND_DEADLINE_MS, connectRedis, reach } from '../redis/link.ts'
import { FAILED_STEPS_KEPT, STEP_TRIES_MAX, STEP_BACKOFF_MS, queueOfStep, stepId } from './steps.ts'
import type { StepQueue } from './steps.ts'

/**
 * Longest time from taking a task to `done`, in ms, before it may be somebody else's: a commit takes a few, an outage
 * of Redis some seconds.
 */
const LOCK_MS = 15_000
/** Shortest time between two stalled checks of a job, in ms, over all processes. */
const STALLED_CHECK_MS = 5_000
/** A task is given back as often as it takes; the farm state counts tries. */
const STALLED_COUNT_MAX = 1_000_000_000
/** Tasks added in one pipeline: about 150 KiB, and some 50 ms of Redis. */
const ADD_CHUNK = 500
/** BullMQ tells of everything in a stream that nobody here reads. */
const EVENTS_KEPT = 100
const RENDER_QUEUE = 'render'
const TASK_ENTRY = 't'
/** What BullMQ says when an entry is not ours any more: it went back, or the job was dropped. */
const NOT_OURS: readonly unknown[] = [
  ErrorCode.JobNotExist,
  ErrorCode.JobLockNotExist,
  ErrorCode.JobNotInState,
  ErrorCode.JobLockMismatch,
]

export interface BullWorkQueueOptions {
  /** What connectRedis takes. */
  readonly redisUrl: string
  readonly log?: Pick<Logger, 'warn' | 'debug'>
  readonly prefix?: string
  readonly lockMs?: number
  readonly stalledCheckMs?: number
  readonly stepBackoffMs?: number
  /** Longest wait for a connection, in ms, before a call throws FarmStoreUnavailable. */
  readonly connectDeadlineMs?: number
}

interface Held {
  readonly queue: Queue
  readonly worker: Worker
  /** Whether BullMQ was told how many events to keep. */
  described: boolean
}

/** A work queue with a connection of its own, which `close` closes. Outages throw FarmStoreUnavailable. */
export function bullWorkQueue(options: BullWorkQueueOptions): WorkQueue {
  return new BullWorkQueue(options)
}

class BullWorkQueue implements WorkQueue {
  readonly #redis: Redis
  readonly #keys: ReturnType<typeof redisKeys>
  readonly #lockMs: number
  readonly #stalledCheckMs: number
  readonly #stepBackoffMs: number
  readonly #connectDeadlineMs: number
  /** Names this process in locks. */
  readonly #holder = randomUUID()
  #taken = 0
  /** Least recently used first. */
  readonly #held = new Map<JobId, Held>()
  readonly #steps = new Map<StepQueue, Queue>()
  #connection: Promise<RedisConnection> | null = null

  constructor(options: BullWorkQueueOptions) {
    this.#redis = connectRedis(options.redisUrl, {
      name: 'tilework-queue',
      ...(options.log ? { log: options.log } : {}),
    })
    this.#keys = redisKeys(options.prefix ?? DEFAULT_PREFIX)
    this.#lockMs = options.lockMs ?? LOCK_MS
    this.#stalledCheckMs = options.stalledCheckMs ?? STALLED_CHECK_MS
    this.#connectDeadlineMs = options.connectDeadlineMs ?? COMMAND_DEADLINE_MS
    this.#stepBackoffMs = options.stepBackoffMs ?? STEP_BACKOFF_MS
  }

  async addTasks(jobId: JobId, tasks: readonly { taskId: TaskId; epoch: number }[]): Promise<void> {
    if (tasks.length === 0) return
    const held = await this.#hold(jobId)
    if (!held.described)
      await this.#reach(() => held.queue.getBackend().setQueueMeta({ 'opts.maxLenEvents': EVENTS_KEPT }))
    held.described = true
    for (let from = 0; from < tasks.length; from += ADD_CHUNK) {
      const entries = tasks
        .slice(from, from + ADD_CHUNK)
        .map(({ taskId, epoch }) => ({ name: TASK_ENTRY, data: {}, opts: { jobId: `${taskId}-${epoch}` } }))
      await this.#reach(() => held.queue.addBulk(entries))
    }
  }

  async takeTask(jobId: JobId): Promise<TakenTask | null> {
    const held = await this.#hold(jobId)
    const first = await this.#fetch(held, jobId)
    if (first !== null || !(await this.#recover(held))) return first
    return await this.#fetch(held, jobId)
  }

  async waitingTasks(jobId: JobId): Promise<number> {
    const held = await this.#hold(jobId)
    await this.#recover(held)
    const { wait = 0 } = await this.#reach(() => held.queue.getJobCounts('wait'))
    return wait
  }

  async letGoOfJob(jobId: JobId): Promise<void> {
    this.#held.delete(jobId)
  }

  async dropJob(jobId: JobId): Promise<void> {
    const { queue } = await this.#hold(jobId)
    this.#held.delete(jobId)
    await this.#reach(() => queue.obliterate({ force: true }))
  }

  /**
   * A step that already waits is not added; one that runs is run once more afterwards, since it may have looked too
   * early.
   */
  async addStep(step: BackgroundStep): Promise<void> {
    const queue = await this.#stepQueue(queueOfStep(step))
    await this.#reach(() => queue.add(step.step, step, { deduplication: { id: stepId(step), keepLastIfActive: true } }))
  }

  async close(): Promise<void> {
    this.#held.clear()
    this.#steps.clear()
    this.#redis.disconnect()
  }

  async #fetch(held: Held, jobId: JobId): Promise<TakenTask | null> {
    const token = `${this.#holder}:${this.#taken++}`
    const job = await this.#reach(() => held.worker.getNextJob(token, { block: false }))
    return job === undefined ? null : this.#takenTask(job, jobId, token)
  }

  #takenTask(job: Job, jobId: JobId, token: string): TakenTask {
    const entry = job.id ?? ''
    const dash = entry.lastIndexOf('-')
    return {
      jobId,
      taskId: TaskId.parse(entry.slice(0, dash)),
      epoch: Number(entry.slice(dash + 1)),
      done: () => this.#release(() => job.moveToCompleted(null, token, false)),
      giveBack: () => this.#release(() => job.moveToWait(token)),
    }
  }

  /** Lets go of an entry. One that is not ours any more is what was wanted, too: its epoch tells whoever has it. */
  async #release(act: () => Promise<unknown>): Promise<void> {
    await this.#reach(async () => {
      try {
        await act()
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && NOT_OURS.includes(error.code))) throw error
      }
    })
  }

  /**
   * Gives back what somebody took and never finished; true if there may be something to take now. BullMQ itself sees to
   * it that this is not done too often.
   */
  async #recover({ queue, worker }: Held): Promise<boolean> {
    const { active = 0 } = await this.#reach(() => queue.getJobCounts('active'))
    // a check writes keys, and a job that was erased must not get new ones
    if (active === 0) return false
    return (await this.#reach(() => worker.getBackend().moveStalledJobsToWait())).length > 0
  }

  async #hold(jobId: JobId): Promise<Held> {
    const connection = await this.#connect()
    const held = this.#held.get(jobId) ?? this.#open(connection, this.#keys.queuePrefix(jobId))
    this.#held.delete(jobId)
    this.#held.set(jobId, held)
    const oldest = this.#held.keys().next()
    if (this.#held.size > LIMITS.openJobsMax && !oldest.done) this.#held.delete(oldest.value)
    return held
  }

  #open(connection: RedisConnection, prefix: string): Held {
    const backend = sharing(connection, prefix)
    const options = {
      connection: this.#redis,
      prefix,
      autorun: false,
      lockDuration: this.#lockMs,
      stalledInterval: this.#stalledCheckMs,
      maxStalledCount: STALLED_COUNT_MAX,
      removeOnComplete: { count: 0 },
    }
    return {
      queue: new Queue(RENDER_QUEUE, { connection: this.#redis, prefix, skipMetasUpdate: true }, backend),
      worker: new Worker(RENDER_QUEUE, null, options, backend),
      described: false,
    }
  }

  async #stepQueue(name: StepQueue): Promise<Queue> {
    const connection = await this.#connect()
    const known = this.#steps.get(name)
    if (known !== undefined) return known
    const prefix = this.#keys.stepsPrefix
    const defaultJobOptions = {
      attempts: STEP_TRIES_MAX,
      backoff: { type: 'exponential', delay: this.#stepBackoffMs, jitter: 0.25 },
      // nobody reads completed ones, and what a step did is in the farm state
      removeOnComplete: true,
      // for people who look for the reason
      removeOnFail: { count: FAILED_STEPS_KEPT },
    }
    const queue = new Queue(
      name,
      { connection: this.#redis, prefix, defaultJobOptions, streams: { events: { maxLen: EVENTS_KEPT } } },
      sharing(connection, prefix),
    )
    this.#steps.set(name, queue)
    return queue
  }

  /** BullMQ's view of the connection, made anew if Redis went away while it was being made. */
  #connect(): Promise<RedisConnection> {
    this.#connection ??= this.#reach(async () => {
      const connection = new RedisConnection(this.#redis, { shared: true, blocking: false })
      // whoever opened the connection hears of its errors; without a listener they would be thrown
      connection.on('error', () => undefined)
      await connection.client
      return connection
    }).catch((error: unknown) => {
      this.#connection = null
      throw error
    })
    return this.#connection
  }

  #reach<T>(call: () => Promise<T>): Promise<T> {
    return reach(this.#redis, call, this.#connectDeadlineMs)
  }
}

/** A backend for one queue on a connection that belongs to somebody else; closing it closes nothing. */
function sharing(connection: RedisConnection, prefix: string) {
  return (name: string, options: ConstructorParameters<typeof RedisQueueBackend>[4]) => {
    const keys = new QueueKeys(prefix)
    return new RedisQueueBackend(
      connection,
      name,
      keys.getKeys(name),
      (type) => keys.toKey(name, type),
      options,
      undefined,
      false,
    )
  }
}
