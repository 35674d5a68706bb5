/*
 * A whole farm without sockets, files or timers: the real engine over the memory twins, a clock that a test moves,
 * workers that a test scripts, and an assembler and verifier for which a file is a line of text.
 */
import { text } from 'node:stream/consumers'
import { pino } from 'pino'
import { canonicalFiles, withRole } from '../../../services/assembler/canonical-file.ts'
import { MemoryBulletin } from '../../../shared/adapters/memory/bulletin.ts'
import { MemoryFarmStore } from '../../../shared/adapters/memory/farm-store.ts'
import { MemoryObjectStore } from '../../../shared/adapters/memory/object-store.ts'
import { MemoryWorkQueue } from '../../../shared/adapters/memory/work-queue.ts'
import { taskNumbers } from '../../../shared/domain/splitting/asked-frames.ts'
import { renderTasksOfFrame, sourceOfFrame } from '../../../shared/domain/splitting/job-tasks.ts'
import { attemptOf, resultEpoch } from '../../../shared/domain/task/attempts.ts'
import { candidatesOf } from '../../../shared/domain/task/conclude-audit.ts'
import { isHeld } from '../../../shared/domain/lifecycle/task.ts'
import type { Pair } from '../../../shared/domain/verification/settle-dispute.ts'
import { type Engine, ENGINE_TIMES } from '../../../shared/engine/context.ts'
import { Dispatcher } from '../../../shared/engine/dispatch/dispatcher.ts'
import { eraseJob } from '../../../shared/engine/jobs/ended-jobs.ts'
import { Rounds } from '../../../shared/engine/loops/rounds.ts'
import {
  loadAudited,
  reportCompared,
  reportDelivered,
  reportEncoded,
  reportRejected,
  reportStitched,
} from '../../../shared/engine/results/step-reports.ts'
import { planTasks } from '../../../shared/engine/jobs/plan-tasks.ts'
import { submitJob } from '../../../shared/engine/jobs/submit-job.ts'
import type { BackgroundStep } from '../../../shared/domain/effect.ts'
import type { Clock } from '../../../shared/ports/core.ts'
import { FarmStoreUnavailable } from '../../../shared/ports/farm-store.ts'
import { StoreUnavailable } from '../../../shared/ports/object-store.ts'
import { finishTaskId, type JobId, type TaskId } from '../../../shared/protocol/ids.ts'
import { JobRecord, type JobRequest } from '../../../shared/protocol/job.ts'
import { attemptKey } from '../../../shared/protocol/object-keys.ts'
import { JobEvent } from '../../../shared/protocol/rest.ts'
import type { SceneSettings } from '../../../shared/protocol/scene-facts.ts'
import { FrameRecord, type ResultFile, TaskRecord } from '../../../shared/protocol/task.ts'
import type { Capabilities } from '../../../shared/protocol/worker.ts'
import { hashOf, ScriptedWorker } from './scripted-worker.ts'
import { recountFaults } from '../../support/recount.ts'
import { HASH, NOW, aScene, aSceneInspection, aWorker, capabilities } from '../../unit/domain/records.ts'

class VirtualClock implements Clock {
  #now = NOW
  now(): number {
    return this.#now
  }
  advance(ms: number): void {
    this.#now += ms
  }
}

/** What a call of a twin does besides its work: nothing, fail before it, or fail after it (done, but nobody knows). */
export type Fault = 'none' | 'before' | 'after'

function withFaults<T extends object>(target: T, fault: (call: string) => Fault): T {
  return new Proxy(target, {
    get(_, name) {
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      return async (...args: unknown[]) => {
        const what = fault(String(name))
        if (what === 'before') throw new FarmStoreUnavailable(new Error(`${String(name)} was not reached`))
        const answer: unknown = await Reflect.apply(value, target, args)
        if (what === 'after') throw new FarmStoreUnavailable(new Error(`the answer of ${String(name)} was lost`))
        return answer
      }
    },
  })
}

export class EngineFarm {
  readonly clock = new VirtualClock()
  readonly store = new MemoryFarmStore(this.clock)
  readonly queue = new MemoryWorkQueue(this.clock)
  /** True while the object store shall not be reached. */
  objectsAway = false
  readonly objects = new MemoryObjectStore({
    nowMs: () => this.clock.now(),
    beforeCall: () => {
      if (this.objectsAway)
        throw new StoreUnavailable('the object store was told to be away', { cause: null, retryable: true })
    },
  })
  readonly bulletin = new MemoryBulletin()
  readonly engine: Engine
  readonly dispatcher: Dispatcher
  readonly rounds: Rounds
  readonly workers = new Map<string, ScriptedWorker>()
  /** Set to make calls of the farm store or of the queue fail. */
  storeFault: (call: string) => Fault = () => 'none'
  queueFault: (call: string) => Fault = () => 'none'
  /** True when a file that assembler or verifier read shall look damaged, though it is whole. */
  readFault: () => boolean = () => false
  readonly logged: { level: number; msg: string }[] = []
  #noise = 0

  constructor() {
    this.engine = {
      store: withFaults(this.store, (call) => this.storeFault(call)),
      queue: withFaults(this.queue, (call) => this.queueFault(call)),
      bulletin: this.bulletin,
      objects: this.objects,
      clock: this.clock,
      random: {
        float: () => 0.5,
        bytes: (count) => Uint8Array.from({ length: count }, () => (this.#noise = (this.#noise * 31 + 7) % 251)),
      },
      log: pino({ level: 'error' }, { write: (line: string) => void this.logged.push(JSON.parse(line)) }),
      secret: 'secret',
      times: ENGINE_TIMES,
    }
    this.dispatcher = new Dispatcher(this.engine)
    this.rounds = new Rounds(this.engine, this.dispatcher)
    void this.bulletin.subscribe((notice) => {
      if (notice.type === 'lease_canceled')
        return this.workers.get(notice.workerId)?.canceled(notice.jobId, notice.taskId, notice.epoch)
      void this.dispatcher.refresh(notice.jobId).catch(() => undefined)
      return undefined
    })
  }

  async submit(request: Partial<JobRequest> = {}, settings: Partial<SceneSettings> = {}): Promise<JobId> {
    const id = await this.submitUnplanned(request, settings)
    await planTasks(this.engine, id)
    await this.quiet()
    return id
  }

  async submitUnplanned(request: Partial<JobRequest> = {}, settings: Partial<SceneSettings> = {}): Promise<JobId> {
    await this.store.putScene(aScene(settings, { inspections: [aSceneInspection({}, settings)] }))
    const submitted = await submitJob(this.engine, 'ada', { scene: HASH, auditRate: 0, video: 'none', ...request })
    if (!submitted.ok) throw new Error(submitted.detail)
    return submitted.job.id
  }

  async connect(name: string, offers: Partial<Capabilities> = {}): Promise<ScriptedWorker> {
    const record = aWorker(name, { capabilities: capabilities(offers) })
    const worker = new ScriptedWorker(this, record.id, record.capabilities)
    this.workers.set(record.id, worker)
    await this.store.putWorker(record)
    await worker.connect()
    return worker
  }

  async tellConnected(): Promise<void> {
    const connected = await this.store.connectedWorkers()
    this.dispatcher.setConnected(
      new Map(
        [...this.workers.values()]
          .filter((worker) => connected.has(worker.workerId))
          .map((worker) => [worker.workerId, worker.capabilities]),
      ),
    )
  }

  /** Until everything that was begun has settled. */
  async quiet(): Promise<void> {
    for (let turn = 0; turn < 2; turn++) await new Promise((done) => setImmediate(done))
  }

  /** One background step, if any waits. */
  async step(): Promise<boolean> {
    return (
      (await this.queue.runStep('assemble', (step) => this.perform(step))) ||
      (await this.queue.runStep('verify', (step) => this.perform(step)))
    )
  }

  async allSteps(): Promise<void> {
    for (let count = 0; await this.step(); count++) if (count > 1_000) throw new Error('steps without end')
    await this.quiet()
  }

  async perform(step: BackgroundStep): Promise<void> {
    switch (step.step) {
      case 'stitch':
        return this.#stitch(step.jobId, step.frame)
      case 'deliver':
        return this.#deliver(step.jobId, step.frame)
      case 'encode':
        return reportEncoded(this.engine, step.jobId, [])
      case 'erase':
        return eraseJob(this.engine, step.jobId)
      case 'compare':
        return this.#compare(step.jobId, step.taskId)
    }
  }

  async job(id: JobId): Promise<JobRecord> {
    const job = await this.store.job(id)
    if (job === null) throw new Error(`no job ${id}`)
    return job.value
  }

  async tasks(id: JobId): Promise<TaskRecord[]> {
    return (await this.store.listTasks(id, { limit: 1e6 })).items.slice()
  }

  async frames(id: JobId): Promise<FrameRecord[]> {
    return (await this.store.listFrames(id, { limit: 1e6 })).items.slice()
  }

  /** Everything that must hold at any time; a list of what does not. */
  async faults(id: JobId): Promise<string[]> {
    const versioned = await this.store.job(id)
    if (versioned === null) return []
    const [job, tasks, frames] = [versioned.value, await this.tasks(id), await this.frames(id)]
    const wrong: string[] = []
    const expect = (fine: boolean, what: string) => void (fine || wrong.push(what))
    for (const [schema, records] of [
      [JobRecord, [job]],
      [TaskRecord, tasks],
      [FrameRecord, frames],
      [JobEvent, (await this.store.events(id, { limit: 1e6 })).items],
    ] as const) {
      for (const record of records)
        expect(schema.safeParse(record).success, `cannot be stored: ${JSON.stringify(record)}`)
    }
    wrong.push(...(await recountFaults(this.store, id)))

    for (const task of tasks) {
      const running = task.attempts.filter((attempt) => attempt.outcome === 'running')
      expect(
        task.state === 'leased'
          ? running.length === 1 || running.length === 2
          : running.length === (isHeld(task.state) ? 1 : 0),
        `${task.id} is ${task.state} with ${running.length} running attempts`,
      )
      // Epochs rise by one, but where a recovery leaves out all that may have been given out before.
      const follows = (epoch: number, last: number) =>
        epoch === last + 1 || (job.epochsBefore !== undefined && epoch > last && epoch <= job.epochsBefore + 1)
      expect(
        task.attempts.every((attempt, index) => follows(attempt.epoch, task.attempts[index - 1]?.epoch ?? 0)) &&
          task.epoch === (task.attempts.at(-1)?.epoch ?? 0),
        `${task.id}: epochs ${task.attempts.map((attempt) => attempt.epoch).join()} at ${task.epoch}`,
      )
      expect(
        (task.state === 'completed') === (task.canonical !== undefined),
        `${task.id} is ${task.state}, canonical ${JSON.stringify(task.canonical)}`,
      )
    }
    if (job.state !== 'planning') {
      for (const frame of frames) {
        const own = renderTasksOfFrame(job.plan, frame.position).map((taskId) =>
          tasks.find((task) => task.id === taskId),
        )
        const left = own.filter((task) => task?.state !== 'completed').length
        if (job.state === 'active' || job.state === 'encoding' || job.state === 'completed')
          expect(frame.tasksLeft === left, `frame ${frame.number}: ${frame.tasksLeft} tasks left, really ${left}`)
        if (frame.state === 'canceled') continue
        expect(
          (frame.state === 'rendering') === frame.tasksLeft > 0,
          `frame ${frame.number} is ${frame.state} with ${frame.tasksLeft} tasks left`,
        )
        const finish = tasks.find((task) => task.id === finishTaskId(frame.position))
        if (frame.state === 'finishing')
          expect(
            finish !== undefined && finish.state !== 'completed',
            `frame ${frame.number} waits for a finish that is ${finish?.state}`,
          )
        if (finish !== undefined)
          expect(
            frame.state === 'finishing' ||
              finish.state === 'completed' ||
              job.state === 'failed' ||
              job.state === 'canceled',
            `frame ${frame.number} is ${frame.state} while its finish is ${finish.state}`,
          )
      }
      expect(
        frames.filter((frame) => frame.state !== 'canceled').length === job.plan.frameCount ||
          job.tasksPlanned < taskNumbers(job.plan),
        `${frames.length} frames of ${job.plan.frameCount}`,
      )
    }
    if (job.state === 'encoding' || job.state === 'completed')
      expect(
        frames.every(
          (frame) => frame.state === 'canceled' || (frame.state === 'delivered' && (frame.files?.length ?? 0) > 0),
        ),
        `${job.state} with frames ${frames.map((frame) => frame.state).join()}`,
      )
    return wrong
  }

  /** The line of text a file holds, or why it is not what was committed to. */
  async #fetch(
    jobId: JobId,
    taskId: TaskId,
    epoch: number,
    file: ResultFile,
  ): Promise<{ ok: true; line: string } | { ok: false; why: string }> {
    const key = attemptKey(jobId, taskId, epoch, file.name)
    if (this.readFault()) return { ok: false, why: `${file.name}: cut while it was read` }
    if ((await this.objects.head(key)) === null) return { ok: false, why: `${file.name}: there is no object` }
    const line = await text(await this.objects.read(key))
    return hashOf(line) === file.sha256 ? { ok: true, line } : { ok: false, why: `${file.name}: wrong hash` }
  }

  async #stitch(jobId: JobId, number: number): Promise<void> {
    const [job, [frame]] = await Promise.all([this.engine.store.job(jobId), this.engine.store.frames(jobId, [number])])
    if (job === null || frame == null || job.value.state !== 'active' || frame.value.state !== 'stitching') return
    const tasks = await this.engine.store.tasks(jobId, renderTasksOfFrame(job.value.plan, frame.value.position))
    for (const task of tasks) {
      if (task === null || task.value.state !== 'completed') return
      const raw = withRole(await canonicalFiles(this.engine, jobId, task.value, number), 'raw')
      const canonical = task.value.canonical
      if (raw === undefined || canonical === undefined) throw new Error('nothing to stitch')
      const fetched = await this.#fetch(jobId, canonical.taskId, canonical.epoch, raw)
      if (!fetched.ok)
        return reportRejected(this.engine, {
          jobId,
          taskId: task.value.id,
          epoch: resultEpoch(task.value),
          reason: fetched.why,
        })
    }
    await reportStitched(this.engine, jobId, number, { bytes: 1, sha256: HASH })
  }

  async #deliver(jobId: JobId, number: number): Promise<void> {
    const [job, [frame]] = await Promise.all([this.engine.store.job(jobId), this.engine.store.frames(jobId, [number])])
    if (job === null || frame == null || job.value.state !== 'active' || frame.value.state !== 'delivering') return
    const [source] = await this.engine.store.tasks(jobId, [sourceOfFrame(job.value.plan, frame.value.position)])
    if (source == null || source.value.state !== 'completed' || source.value.canonical === undefined) return
    const final = withRole(await canonicalFiles(this.engine, jobId, source.value, number), 'final')
    if (final === undefined) throw new Error('nothing to deliver')
    const fetched = await this.#fetch(jobId, source.value.canonical.taskId, source.value.canonical.epoch, final)
    if (!fetched.ok)
      return reportRejected(this.engine, {
        jobId,
        taskId: source.value.id,
        epoch: resultEpoch(source.value),
        reason: fetched.why,
      })
    await reportDelivered(
      this.engine,
      jobId,
      number,
      [
        {
          path: `frames/${number}: ${fetched.line}`,
          bytes: fetched.line.length,
          sha256: final.sha256,
          contentType: 'text/plain',
        },
      ],
      source.value,
    )
  }

  async #compare(jobId: JobId, taskId: TaskId): Promise<void> {
    const known = await loadAudited(this.engine, jobId, taskId)
    if (known === null) return
    const candidates = candidatesOf(known.task, known.audits)
    if (candidates.length < 2) return
    const lines = new Map<string, string>()
    for (const candidate of candidates) {
      const record = candidate.own ? known.task : known.audits.find((audit) => audit.id === candidate.taskId)
      const contents: string[] = []
      for (const file of record === undefined ? [] : (attemptOf(record, candidate.epoch)?.files ?? [])) {
        const fetched = await this.#fetch(jobId, candidate.taskId, candidate.epoch, file)
        if (!fetched.ok)
          return reportRejected(this.engine, {
            jobId,
            taskId: candidate.taskId,
            epoch: candidate.epoch,
            reason: fetched.why,
          })
        contents.push(`${file.frame} ${file.role} ${fetched.line}`)
      }
      lines.set(candidate.key, contents.sort().join('\n'))
    }
    const pairs: Pair[] = candidates.flatMap((a, index) =>
      candidates.slice(index + 1).map((b): Pair => ({
        a: a.key,
        b: b.key,
        verdict: lines.get(a.key) === lines.get(b.key) ? 'agreed' : 'refuted',
      })),
    )
    await reportCompared(this.engine, known, pairs)
  }
}
