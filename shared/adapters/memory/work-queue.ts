/*
 * The work queue in memory, for tests and the simulator. What a process that died had in hand comes back when its lock
 * has run out by the clock, as on BullMQ.
 */
import type { BackgroundStep } from '../../domain/effect.ts'
import type { Clock } from '../../ports/core.ts'
import type { StepHandler, TakenTask, WorkQueue } from '../../ports/work-queue.ts'
import { TaskId } from '../../protocol/ids.ts'
import type { JobId } from '../../protocol/ids.ts'
import { STEP_TRIES_MAX, queueOfStep, stepId } from '../bullmq/steps.ts'
import type { StepQueue } from '../bullmq/steps.ts'
import { SystemClock } from '../system/clock.ts'

/** As on BullMQ, in ms. */
const LOCK_MS = 15_000

interface Entry {
  readonly taskId: TaskId
  readonly epoch: number
}

interface JobQueue {
  readonly waiting: Entry[]
  /** By `taskId-epoch`; the token tells who has it. */
  readonly taken: Map<string, { entry: Entry; token: number; lockedUntil: number }>
}

interface StepEntry {
  readonly step: BackgroundStep
  tries: number
  /** It was added again while it ran. */
  again: boolean
}

export class MemoryWorkQueue implements WorkQueue {
  readonly #clock: Clock
  readonly #lockMs: number
  readonly #jobs = new Map<JobId, JobQueue>()
  readonly #steps = { verify: new Map<string, StepEntry>(), assemble: new Map<string, StepEntry>() } satisfies Record<
    StepQueue,
    Map<string, StepEntry>
  >
  readonly #runningSteps = new Map<string, StepEntry>()
  #tokens = 0

  constructor(clock: Clock = new SystemClock(), options: { lockMs?: number } = {}) {
    this.#clock = clock
    this.#lockMs = options.lockMs ?? LOCK_MS
  }

  /** As FLUSHALL does; what runs goes on. */
  empty(): void {
    this.#jobs.clear()
    this.#steps.verify.clear()
    this.#steps.assemble.clear()
  }

  async addTasks(jobId: JobId, tasks: readonly { taskId: TaskId; epoch: number }[]): Promise<void> {
    const queue: JobQueue = this.#jobs.get(jobId) ?? { waiting: [], taken: new Map() }
    if (tasks.length > 0) this.#jobs.set(jobId, queue)
    const known = new Set([...queue.waiting.map(nameOf), ...queue.taken.keys()])
    for (const { taskId, epoch } of tasks) {
      const entry = { taskId, epoch }
      if (known.has(nameOf(entry))) continue
      known.add(nameOf(entry))
      queue.waiting.push(entry)
    }
  }

  async takeTask(jobId: JobId): Promise<TakenTask | null> {
    this.#recover(jobId)
    const queue = this.#jobs.get(jobId)
    const entry = queue?.waiting.shift()
    if (queue === undefined || entry === undefined) return null
    const token = ++this.#tokens
    queue.taken.set(nameOf(entry), { entry, token, lockedUntil: this.#clock.now() + this.#lockMs })
    const release = () => {
      if (queue.taken.get(nameOf(entry))?.token !== token) return false
      return queue.taken.delete(nameOf(entry))
    }
    return {
      jobId,
      ...entry,
      done: async () => void release(),
      giveBack: async () => void (release() && queue.waiting.unshift(entry)),
    }
  }

  async waitingTasks(jobId: JobId): Promise<number> {
    this.#recover(jobId)
    return this.#jobs.get(jobId)?.waiting.length ?? 0
  }

  async letGoOfJob(): Promise<void> {}

  async dropJob(jobId: JobId): Promise<void> {
    const queue = this.#jobs.get(jobId)
    queue?.waiting.splice(0)
    queue?.taken.clear()
    this.#jobs.delete(jobId)
  }

  async addStep(step: BackgroundStep): Promise<void> {
    const id = stepId(step)
    const running = this.#runningSteps.get(id)
    if (running !== undefined) running.again = true
    else if (!this.#steps[queueOfStep(step)].has(id))
      this.#steps[queueOfStep(step)].set(id, { step: structuredClone(step), tries: 0, again: false })
  }

  async close(): Promise<void> {}

  /** The steps that wait, in the order in which they will run. */
  waitingSteps(name: StepQueue): BackgroundStep[] {
    return [...this.#steps[name].values()].map(({ step }) => step)
  }

  /**
   * Runs the step that waits longest, if any; false if none does. One that throws goes to the end, with one try
   * less. For tests that want to say when; MemoryStepConsumer calls it by itself.
   */
  async runStep(
    name: StepQueue,
    handler: StepHandler,
    signal: AbortSignal = new AbortController().signal,
  ): Promise<boolean> {
    const [next] = this.#steps[name]
    if (next === undefined) return false
    const [id, entry] = next
    this.#steps[name].delete(id)
    this.#runningSteps.set(id, entry)
    entry.tries++
    let failed = false
    try {
      await handler(structuredClone(entry.step), {
        tryNumber: entry.tries,
        isLastTry: entry.tries >= STEP_TRIES_MAX,
        signal,
      })
    } catch {
      // tried again or given up, as BullMQ does; what it was is the handler's to tell
      failed = true
    }
    this.#runningSteps.delete(id)
    if (failed && signal.aborted) this.#steps[name].set(id, { ...entry, tries: entry.tries - 1 })
    else if (failed && entry.tries < STEP_TRIES_MAX) this.#steps[name].set(id, entry)
    else if (entry.again) this.#steps[name].set(id, { step: entry.step, tries: 0, again: false })
    return true
  }

  #recover(jobId: JobId): void {
    const queue = this.#jobs.get(jobId)
    for (const [name, { entry, lockedUntil }] of queue?.taken ?? []) {
      if (lockedUntil > this.#clock.now()) continue
      queue?.taken.delete(name)
      queue?.waiting.unshift(entry)
    }
  }
}

function nameOf({ taskId, epoch }: Entry): string {
  return `${taskId}-${epoch}`
}
