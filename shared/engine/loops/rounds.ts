import type { JobId } from '../../protocol/ids.ts'
import { isUsable } from '../../protocol/worker.ts'
import { isBeingPlanned, jobIsOver } from '../../domain/lifecycle/job.ts'
import { connectedWorkers } from '../workers/connected-workers.ts'
import type { Engine } from '../context.ts'
import type { Dispatcher } from '../dispatch/dispatcher.ts'
import { eachAtOnce } from '../each-at-once.ts'
import { settleEndedJob } from '../jobs/ended-jobs.ts'
import { planInBackground, plansEnded } from '../jobs/plan-tasks.ts'
import { journalFarm } from './journal.ts'
import { reapLeases } from './lease-reaper.ts'
import { reconcileJob, sweepOutbox } from './reconcile.ts'
import { sweepFarm } from './sweep.ts'

/** How often each open job is looked at. Notices make things quick; the rounds make them certain. */
const ROUND_MS = 1_000
/**
 * How long a round keeps the other processes from one of theirs, in ms: less than a round takes to come again, so that
 * none is left out.
 */
const TURN_MS = 800
/** Every this many of its rounds a process holds the queues against the records. */
const RECONCILE_EVERY = 10
/**
 * Every this many times that the round is another's, a process asks for itself what waits: a notice may have been lost.
 */
const REFRESH_EVERY = 5
/** Every this many rounds it is asked whether it is time to sweep. */
const SWEEP_EVERY = 60

/**
 * The loops of one coordinator over all open jobs. Any number of coordinators may run them: in each second one of them
 * looks after the jobs, whoever comes first, and the others only after the workers that sit with them. If several do it
 * at once nothing is harmed.
 */
export class Rounds {
  readonly #engine: Engine
  readonly #dispatcher: Dispatcher
  #timer: NodeJS.Timeout | null = null
  #running: Promise<void> | null = null
  #count = 0
  #asked = 0
  #journaling: Promise<void> | null = null
  #sweeping: Promise<void> | null = null

  constructor(engine: Engine, dispatcher: Dispatcher) {
    this.#engine = engine
    this.#dispatcher = dispatcher
  }

  start(): void {
    this.#timer ??= setInterval(() => {
      this.#running ??= this.takeRound()
        .catch((error: unknown) => this.#engine.log.warn({ error }, 'round failed, the next one tries again'))
        .finally(() => {
          this.#running = null
        })
    }, ROUND_MS)
  }

  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
    await this.#running
    await Promise.allSettled([plansEnded(this.#engine), this.#journaling, this.#sweeping])
  }

  /** One look at every open job if no other process had one just now. */
  async takeRound(): Promise<void> {
    if (await this.#engine.store.takeTurn('round', TURN_MS)) return this.round()
    await this.#tellConnected()
    this.#asked += 1
    if (this.#asked % REFRESH_EVERY === 0) await this.#dispatcher.refreshAll()
    await this.#dispatcher.serveStragglers()
  }

  /** One look at every open job. */
  async round(): Promise<void> {
    this.#count += 1
    // Beside the round: an object store that is slow must not keep leases from being taken back.
    this.#journaling ??= journalFarm(this.#engine)
      .catch((error: unknown) =>
        this.#engine.log.warn({ error }, 'not everything could be journaled, it is tried again'),
      )
      .finally(() => (this.#journaling = null))
    if (this.#count % SWEEP_EVERY === 0) {
      this.#sweeping ??= sweepFarm(this.#engine)
        .catch((error: unknown) => this.#engine.log.warn({ error }, 'sweep failed, the next one tries again'))
        .finally(() => (this.#sweeping = null))
    }
    await this.#tellConnected()
    await eachAtOnce(await this.#engine.store.openJobs(), (jobId) =>
      this.#look(jobId).catch((error: unknown) =>
        this.#engine.log.warn({ jobId, error }, 'round over this job failed, the next one tries again'),
      ),
    )
    await this.#dispatcher.refreshAll()
    await this.#dispatcher.serveStragglers()
  }

  async #tellConnected(): Promise<void> {
    const connected = await connectedWorkers(this.#engine)
    const usable = [...connected.values()].filter(isUsable)
    this.#dispatcher.setConnected(
      new Map(usable.map((worker) => [worker.id, worker.capabilities])),
      new Set(usable.filter((worker) => worker.anchor === true).map((worker) => worker.id)),
    )
  }

  async #look(jobId: JobId): Promise<void> {
    const job = await this.#engine.store.job(jobId)
    if (job === null || jobIsOver(job.value.state)) {
      await sweepOutbox(this.#engine, jobId)
      await settleEndedJob(this.#engine, jobId)
      return
    }
    if (isBeingPlanned(job.value)) planInBackground(this.#engine, jobId)
    await reapLeases(this.#engine, jobId)
    await sweepOutbox(this.#engine, jobId)
    if (this.#count % RECONCILE_EVERY === 0) await reconcileJob(this.#engine, job.value)
  }
}
