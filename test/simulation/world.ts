import { MemoryFarmStore } from '../../shared/adapters/memory/farm-store.ts'
import { MemoryObjectStore } from '../../shared/adapters/memory/object-store.ts'
import { MemoryWorkQueue } from '../../shared/adapters/memory/work-queue.ts'
import { journalScene } from '../../shared/engine/journal/farm-journal.ts'
import { recoverFarm } from '../../shared/engine/recovery/recover-farm.ts'
import { journalTerm } from '../../shared/engine/recovery/farm-term.ts'
import { cancelJob, deleteJob } from '../../shared/engine/jobs/job-actions.ts'
import { changeJob, pauseJob, resumeJob, retryJob } from '../../shared/engine/jobs/job-changes.ts'
import { planInBackground } from '../../shared/engine/jobs/plan-tasks.ts'
import { submitJob } from '../../shared/engine/jobs/submit-job.ts'
import { jobIsOver } from '../../shared/domain/lifecycle/job.ts'
import type { FarmStore } from '../../shared/ports/farm-store.ts'
import type { Notice } from '../../shared/ports/work-queue.ts'
import type { Refusal } from '../../shared/protocol/errors.ts'
import { type JobId, WorkerId } from '../../shared/protocol/ids.ts'
import type { JobRecord } from '../../shared/protocol/job.ts'
import type { CoordinatorMessage } from '../../shared/protocol/messages.ts'
import { blobKey, type ObjectKey } from '../../shared/protocol/object-keys.ts'
import { aScene, aSceneInspection, capabilities, NOW } from '../unit/domain/records.ts'
import { Agenda } from './agenda.ts'
import type { Checker, Performed } from './checker.ts'
import { allCheckers } from './checkers/all.ts'
import { bulletinOf, Coordinator, engineOf } from './coordinator.ts'
import { Network } from './network.ts'
import { observed } from './observed-store.ts'
import type { PathWeather } from './ports.ts'
import { SimulatedProcess } from './process.ts'
import { type SeededRandom, seededRandom } from './random.ts'
import { type Act, drawScenario, type PlannedJob, type Scenario, type Weather } from './scenarios.ts'
import { StepRunner } from './step-runner.ts'
import { Trace } from './trace.ts'
import { SimulatedWorker } from './worker.ts'

/** A planted bug: what it puts around the stores, on the side of the engine or below where the checkers look. */
export interface Planted {
  /** Weather in which it shows. */
  bend?(scenario: Scenario): Scenario
  overStore?(store: FarmStore, world: World): FarmStore
  underStore?(store: FarmStore, world: World): FarmStore
  queue?(queue: MemoryWorkQueue, world: World): MemoryWorkQueue
  /** What the farm's own processes see; workers send to the real one. */
  objects?(objects: MemoryObjectStore): MemoryObjectStore
}

/** Honest workers that must be there in the end, so that three can settle every dispute. */
const HONEST_AT_LAST = 3
/** Between two looks for jobs that are paused, in ms. */
const RESUMED_EVERY_MS = 20_000

/**
 * A whole farm under virtual time: its processes, its lines, its weather, and those who look whether it keeps its
 * promises.
 */
export class World {
  readonly agenda = new Agenda(NOW)
  readonly random: SeededRandom
  readonly scenario: Scenario
  readonly trace: Trace
  readonly weather: Weather
  readonly farmPath: PathWeather
  readonly objectPath: PathWeather
  readonly network: Network
  /** As the checkers see it: no weather, no bugs. */
  readonly twin = new MemoryFarmStore(this.agenda)
  readonly objects = new MemoryObjectStore({ nowMs: () => this.agenda.now() })
  readonly objectsSeen: MemoryObjectStore
  readonly plainQueue = new MemoryWorkQueue(this.agenda)
  readonly store: FarmStore
  readonly queue: MemoryWorkQueue
  readonly coordinators: Coordinator[] = []
  readonly runners: StepRunner[] = []
  readonly workers: SimulatedWorker[] = []
  readonly checkers: readonly Checker[]
  /** Jobs of which somebody was told that they are deleted. */
  readonly deleted = new Set<JobId>()
  readonly quarantinedSince = new Map<WorkerId, number>()
  readonly failures: { readonly checker: string; readonly message: string }[] = []
  readonly jobIds = new Set<JobId>()
  /** What workers sent after their job was over: what is left for the sweep. */
  readonly lateUploads = new Set<ObjectKey>()
  /** Until when something stood still or was away, so that nothing is heard of it. */
  disturbedUntil = 0
  /** Redis is empty, or not yet whole again. */
  lost = false
  healed = false
  healedAt = Infinity
  #unanswered = 0
  #names = 0

  constructor(seed: number, options: { keepTrace: boolean; planted?: Planted | undefined }) {
    this.random = seededRandom(String(seed))
    const drawn = drawScenario(this.random.fork('scenario'))
    this.scenario = options.planted?.bend?.(drawn) ?? drawn
    this.trace = new Trace({ keep: options.keepTrace, now: () => this.agenda.now() })
    this.weather = this.scenario.weather
    this.farmPath = { ...this.scenario.farmPath }
    this.objectPath = { ...this.scenario.objectPath }
    this.network = new Network(this.agenda, this.random.fork('network'), this.trace, { ...this.scenario.line })
    this.checkers = allCheckers()
    const under = options.planted?.underStore?.(this.twin, this) ?? this.twin
    const watched = observed(under, this)
    this.store = options.planted?.overStore?.(watched, this) ?? watched
    this.objectsSeen = options.planted?.objects?.(this.objects) ?? this.objects
    this.queue =
      options.planted?.queue?.(watchedQueue(this.plainQueue, this), this) ?? watchedQueue(this.plainQueue, this)
  }

  async start(): Promise<void> {
    const { scenario } = this
    this.trace.remark('scenario', () =>
      JSON.stringify(scenario, (name, value: unknown) => (name === 'capabilities' ? undefined : value)),
    )
    await journalTerm(this.objects, 1, this.agenda.now())
    for (const { sha256, inspected } of scenario.scenes) {
      const scene = aScene(
        { cycles: { useAdaptiveSampling: false } },
        { sha256, ...(inspected ? { inspections: [aSceneInspection()] } : {}) },
      )
      await this.objects.put(blobKey(sha256), Buffer.alloc(scene.bytes), { contentType: 'application/x-blender' })
      await journalScene(this.objects, scene)
      await this.twin.putScene(scene)
    }
    for (let count = 0; count < scenario.coordinators; count++) this.#startCoordinator()
    for (let count = 0; count < scenario.assemblers; count++) this.#startRunner('assemble')
    for (let count = 0; count < scenario.verifiers; count++) this.#startRunner('verify')
    for (const character of scenario.workers)
      this.#hire(new SimulatedWorker(this, WorkerId.parse(`wrk_${character.name}`), character))
    for (const job of scenario.jobs) {
      this.#unanswered += 1
      this.agenda.after(job.at, () => this.#submit(job))
    }
    for (const act of scenario.acts) {
      this.#unanswered += 1
      this.agenda.after(act.at, () => this.#askOne(act, act.which))
    }
    this.#brew()
  }

  /** The first failure counts; what follows from it is not looked at. */
  fail(checker: string, message: string): void {
    this.trace.remark('CHECKER', () => `${checker}: ${message}`)
    this.failures.push({ checker, message })
  }

  check<Hook extends 'committed' | 'performed'>(hook: Hook, what: Parameters<NonNullable<Checker[Hook]>>[0]): void {
    for (const checker of this.checkers) {
      const look = checker[hook] as ((what: unknown, report: (message: string) => void) => void) | undefined
      look?.call(checker, what, (message) => this.fail(checker.name, message))
    }
  }

  sent(worker: SimulatedWorker, message: CoordinatorMessage, afterDraining: boolean): void {
    for (const checker of this.checkers)
      checker.sent?.(worker, message, afterDraining, (why) => this.fail(checker.name, why))
  }

  told(notice: Notice): void {
    const what = notice.type === 'lease_canceled' ? 'cancel_lease' : 'announce_work'
    this.check('performed', { type: 'told', jobId: notice.jobId, what })
  }

  performed(what: Performed): void {
    this.check('performed', what)
  }

  async sweep(): Promise<void> {
    if (this.lost) return
    for (const checker of this.checkers) await checker.swept?.(this, (message) => this.fail(checker.name, message))
  }

  async end(): Promise<void> {
    if (this.lost) return this.fail('everything-ends', 'the farm was never recovered')
    await this.sweep()
    for (const checker of this.checkers) await checker.ended?.(this, (message) => this.fail(checker.name, message))
  }

  /** True when nothing is left to do. */
  async isDone(): Promise<boolean> {
    if (this.lost || this.#unanswered > 0 || (await this.twin.openJobs()).length > 0) return false
    return (await this.jobs()).every((job) => jobIsOver(job.state) && job.state !== 'deleting')
  }

  async jobs(): Promise<JobRecord[]> {
    return this.lost ? [] : (await this.twin.listJobs({ limit: 1_000 })).items.slice()
  }

  anyCoordinator(random: SeededRandom): Coordinator | null {
    const open = this.coordinators.filter((coordinator) => coordinator.process.alive)
    return open.length === 0 ? null : random.pick(open)
  }

  upload(key: ObjectKey, line: string, jobId: JobId): void {
    this.trace.record('objects', `is sent ${key}`)
    this.twin.job(jobId).then(
      (job) => {
        if (job === null || jobIsOver(job.value.state)) this.lateUploads.add(key)
      },
      // While the state is lost nobody knows what its job is, so it may be late.
      () => this.lateUploads.add(key),
    )
    void this.objects.put(key, Buffer.from(line), { contentType: 'application/octet-stream' })
  }

  // --- weather ------------------------------------------------------------------------------------------------------

  /**
   * Faults stop: what died comes back, lines are good, and there are enough honest workers for everything that waits.
   */
  heal(): void {
    this.trace.record('world', 'heals')
    this.healed = true
    this.healedAt = this.agenda.now()
    Object.assign(this.farmPath, {
      delayMsMax: Math.min(this.farmPath.delayMsMax, 20),
      lostShare: 0,
      answerLostShare: 0,
      away: false,
    })
    Object.assign(this.objectPath, {
      delayMsMax: Math.min(this.objectPath.delayMsMax, 20),
      lostShare: 0,
      answerLostShare: 0,
      away: false,
    })
    Object.assign(this.network.weather, { kind: 'stream', delayMsMax: 20, loss: 0, duplication: 0 })
    for (const wire of [...this.network.wires]) this.network.cut(wire)
    for (const { process } of [...this.coordinators, ...this.runners, ...this.workers]) process.goOn()
    this.disturbedUntil = 0
    while (this.coordinators.length < this.scenario.coordinators) this.#startCoordinator()
    for (const id of this.quarantinedSince.keys()) this.#quarantine(id, false)
    this.quarantinedSince.clear()
    for (const worker of this.workers) if (!worker.process.alive || worker.draining) this.#restart(worker)
    void this.#resumeAll()
    const able = this.workers.filter(
      (worker) => worker.honest && worker.character.capabilities.tags.includes('big'),
    ).length
    for (let count = able; count < HONEST_AT_LAST; count++) {
      const name = `late${count}`
      this.#hire(
        new SimulatedWorker(this, WorkerId.parse(`wrk_${name}`), {
          name,
          capabilities: capabilities({ tags: ['big'] }),
          renderMsMin: 1_000,
          renderMsMax: 5_000,
          lieShare: 0,
          garbageShare: 0,
          ring: false,
          failShare: 0,
          failures: ['interrupted'],
          forgetShare: 0,
        }),
      )
    }
  }

  #brew(): void {
    const { weather } = this
    const random = this.random.fork('mishaps')
    const every = (meanMs: number, label: string, act: (own: SeededRandom) => void) => {
      if (meanMs === 0) return
      const own = random.fork(label)
      const again = () =>
        this.agenda.after(own.between(0, meanMs * 2), () => {
          if (this.healed) return
          act(own)
          again()
        })
      again()
    }
    every(weather.coordinatorDiesEvery, 'coordinator dies', (own) =>
      this.#replace(this.anyCoordinator(own), own, false),
    )
    every(weather.coordinatorStopsEvery, 'coordinator stops', (own) =>
      this.#replace(this.anyCoordinator(own), own, true),
    )
    every(weather.coordinatorStandsEvery, 'coordinator stands', (own) =>
      this.#stand(this.anyCoordinator(own)?.process, own),
    )
    every(weather.stepRunnerDiesEvery, 'runner dies', (own) => this.#killRunner(own))
    every(weather.workerDiesEvery, 'worker dies', (own) => this.#killWorker(own.pick(this.workers), own))
    every(weather.workerStandsEvery, 'worker stands', (own) => this.#stand(own.pick(this.workers).process, own))
    every(weather.workerDrainsEvery, 'worker drains', (own) => this.#drain(own.pick(this.workers), own))
    every(weather.lineCutEvery, 'line', (own) => own.pick(this.workers).cutLine())
    every(weather.farmAwayEvery, 'farm store away', (own) => this.#away('farm store', this.farmPath, own))
    every(weather.objectsAwayEvery, 'object store away', (own) => this.#away('object store', this.objectPath, own))
    every(weather.queueLostEvery, 'queue lost', (own) => this.#loseQueue(own))
    every(weather.emptiedEvery, 'farm store emptied', (own) => this.#empty(own))
    every(weather.quarantineEvery, 'quarantine', (own) => {
      const { id } = own.pick(this.workers)
      if (this.quarantinedSince.has(id)) return
      this.quarantinedSince.set(id, this.agenda.now())
      this.#quarantine(id, true)
    })
  }

  #stand(process: Coordinator['process'] | undefined, random: SeededRandom): void {
    if (process === undefined || !process.alive || process.still) return
    const forMs = random.between(500, random.chance(0.5) ? 5_000 : 90_000)
    this.trace.record(process.name, `stands still for ${Math.round(forMs)} ms`)
    process.stand(forMs)
    this.#disturbed(forMs)
  }

  #disturbed(forMs: number): void {
    this.disturbedUntil = Math.max(this.disturbedUntil, this.agenda.now() + forMs)
  }

  #replace(coordinator: Coordinator | null, random: SeededRandom, gently: boolean): void {
    if (coordinator === null) return
    this.trace.record(coordinator.process.name, gently ? 'is asked to stop' : 'is killed')
    const gone = () => {
      const place = this.coordinators.indexOf(coordinator)
      if (place !== -1) this.coordinators.splice(place, 1)
      this.agenda.after(random.between(0, 20_000), () => {
        if (this.coordinators.length < this.scenario.coordinators) this.#startCoordinator()
      })
    }
    if (gently) return coordinator.stop(gone)
    coordinator.process.kill()
    gone()
  }

  #killRunner(random: SeededRandom): void {
    const runner = random.pick(this.runners)
    this.trace.record(runner.process.name, 'is killed')
    runner.process.kill()
    this.runners.splice(this.runners.indexOf(runner), 1)
    this.#startRunner(runner.queueName)
  }

  #killWorker(worker: SimulatedWorker, random: SeededRandom): void {
    if (!worker.process.alive) return
    this.trace.record(worker.process.name, 'is killed')
    worker.die()
    this.agenda.after(random.between(1_000, 120_000), () => {
      if (!worker.process.alive) this.#restart(worker)
    })
  }

  #drain(worker: SimulatedWorker, random: SeededRandom): void {
    worker.drain()
    this.agenda.after(random.between(30_000, 90_000), () => {
      if (!worker.draining) return
      worker.die()
      this.#restart(worker)
    })
  }

  #restart(worker: SimulatedWorker): void {
    this.trace.record(worker.character.name, 'starts')
    if (worker.process.alive) worker.die()
    worker.start()
  }

  #away(what: string, path: PathWeather, random: SeededRandom): void {
    const forMs = random.between(200, random.chance(0.5) ? 3_000 : 60_000)
    this.trace.record(what, `is away for ${Math.round(forMs)} ms`)
    path.away = true
    this.#disturbed(forMs)
    this.agenda.after(forMs, () => (path.away = false))
  }

  #loseQueue(random: SeededRandom): void {
    if (this.jobIds.size === 0) return
    const jobId = random.pick([...this.jobIds].sort())
    this.trace.record('queue', `loses all of ${jobId}`)
    void this.plainQueue.dropJob(jobId)
  }

  /** As an operator does, once. */
  #quarantine(id: WorkerId, quarantined: boolean): void {
    this.trace.record('operator', `${quarantined ? 'quarantines' : 'frees'} ${id}`)
    void this.twin.setQuarantined(id, quarantined)
  }

  /** FLUSHALL, and an operator who recovers as soon as it is seen; the recovery may be cut off, too. */
  #empty(random: SeededRandom): void {
    if (this.lost) return
    this.lost = true
    this.trace.record('farm store', 'is emptied')
    void (async () => {
      for (const checker of this.checkers) await checker.lost?.(this)
      this.twin.empty()
      this.plainQueue.empty()
    })()
    this.agenda.after(random.between(0, 30_000), () => this.#recover(random))
  }

  #recover(random: SeededRandom): void {
    if (!this.lost) return
    const process = new SimulatedProcess(`recovery${++this.#names}`, this.agenda)
    const engine = engineOf(this, process, bulletinOf(this, process))
    const again = () => {
      process.kill()
      this.agenda.after(3_000, () => this.#recover(random))
    }
    this.trace.record(process.name, 'starts')
    if (!this.healed && random.chance(0.4)) {
      this.agenda.after(random.between(0, 2_000), () => {
        if (!process.alive || !this.lost || this.healed) return
        this.trace.record(process.name, 'is killed')
        again()
      })
    }
    process.enter(() => {
      recoverFarm(engine).then(
        (recovery) => {
          this.trace.record(process.name, `ends ${JSON.stringify(recovery)}`)
          if (recovery.ok && recovery.damage.length > 0)
            this.fail('no-bugs', `the recovery found damage: ${recovery.damage.join('; ')}`)
          if (!recovery.ok && this.lost) again()
        },
        (error: unknown) => {
          engine.log.warn({ error }, 'recovery failed, it is run again')
          again()
        },
      )
    })
  }

  /** The farm is whole again; at this moment nothing has happened in it yet. */
  async reopened(): Promise<void> {
    this.trace.record('farm store', 'holds a farm again')
    this.lost = false
    for (const checker of this.checkers) await checker.recovered?.(this, (message) => this.fail(checker.name, message))
    // The operator says it again, as it may have been said after the journal was written last.
    for (const worker of this.workers) {
      const barred = this.quarantinedSince.has(worker.id)
      if (barred) this.quarantinedSince.set(worker.id, this.agenda.now())
      await this.twin.setQuarantined(worker.id, barred)
    }
  }

  #startCoordinator(): void {
    this.coordinators.push(new Coordinator(this, `coord${++this.#names}`))
  }

  #startRunner(queue: 'assemble' | 'verify'): void {
    this.runners.push(new StepRunner(this, `${queue === 'assemble' ? 'assembler' : 'verifier'}${++this.#names}`, queue))
  }

  #hire(worker: SimulatedWorker): void {
    this.workers.push(worker)
    worker.start()
  }

  // --- the artist ---------------------------------------------------------------------------------------------------

  /** Asks again until there is an answer: an outage, a crash or silence are none. */
  #until(attempt: (coordinator: Coordinator) => Promise<void>): void {
    const coordinator = this.anyCoordinator(this.random)
    const again = () => this.agenda.after(3_000, () => this.#until(attempt))
    if (coordinator === null) return void again()
    let over = false
    const once = (then: () => void) => () => {
      if (over) return
      over = true
      then()
    }
    const silence = once(again)
    this.agenda.after(30_000, silence)
    coordinator.process.enter(() => {
      attempt(coordinator).then(
        once(() => (this.#unanswered -= 1)),
        (error: unknown) => {
          coordinator.engine.log.info({ error }, 'request failed')
          silence()
        },
      )
    })
  }

  #submit({ request }: PlannedJob): void {
    this.#until(async (coordinator) => {
      const submitted = await submitJob(coordinator.engine, 'ada', request)
      if (!submitted.ok) throw new Error(`submission refused: ${submitted.code}: ${submitted.detail}`)
      planInBackground(coordinator.engine, submitted.job.id)
    })
  }

  #askOne(act: Act, which: number): void {
    const ids = [...this.jobIds].sort()
    const jobId = ids[Math.floor(which * ids.length)]
    if (jobId === undefined) return void (this.#unanswered -= 1)
    this.#ask(act, jobId)
  }

  #ask(act: Act, jobId: JobId): void {
    this.trace.record('artist', `asks to ${act.act} ${jobId}`)
    this.#until(async (coordinator) => {
      const answer = await perform(coordinator, act, jobId)
      this.trace.record('artist', `${act.act} of ${jobId}: ${answer.ok ? 'done' : answer.code}`)
      if (act.act === 'delete' && (answer.ok || answer.code === 'not_found')) this.deleted.add(jobId)
      if (act.act === 'delete' && !answer.ok && answer.code !== 'not_found')
        throw new Error(`delete refused: ${answer.code}: ${answer.detail}`)
    })
  }

  /** What is still paused when the farm is well is resumed, until nothing is. */
  async #resumeAll(): Promise<void> {
    this.agenda.after(RESUMED_EVERY_MS, () => void this.#resumeAll())
    for (const job of await this.jobs()) {
      if (job.pausedAt === undefined) continue
      this.#unanswered += 1
      this.#ask({ act: 'resume' }, job.id)
    }
  }
}

function perform({ engine }: Coordinator, act: Act, jobId: JobId): Promise<{ ok: true } | Refusal> {
  switch (act.act) {
    case 'cancel':
      return cancelJob(engine, jobId, 'the artist wants it')
    case 'delete':
      return deleteJob(engine, jobId)
    case 'pause':
      return pauseJob(engine, jobId, { now: act.now }, 'ada')
    case 'resume':
      return resumeJob(engine, jobId, 'ada')
    case 'retry':
      return retryJob(engine, jobId, 'ada')
    case 'change':
      return changeJob(engine, jobId, act.change, 'ada')
  }
}

function watchedQueue(queue: MemoryWorkQueue, world: World): MemoryWorkQueue {
  return new Proxy(queue, {
    get(_, name) {
      const value: unknown = Reflect.get(queue, name, queue)
      if (typeof value !== 'function') return value
      return (...args: Parameters<MemoryWorkQueue['addTasks']> & Parameters<MemoryWorkQueue['addStep']>) => {
        if (name === 'addTasks') world.performed({ type: 'tasks_queued', jobId: args[0], tasks: args[1] })
        if (name === 'addStep') world.performed({ type: 'step_added', step: args[0] })
        if (name === 'dropJob') world.performed({ type: 'queue_dropped', jobId: args[0] })
        return Reflect.apply(value, queue, args)
      }
    },
  })
}
