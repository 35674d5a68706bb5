/*
 * The farm store in memory, for tests and the simulator: the same semantics as on Redis, held by the same conformance
 * suite. Each call does its work at once, before it returns, so that a test decides what happens between two calls.
 */
import assert from 'node:assert'
import type { Clock } from '../../ports/core.ts'
import { FarmStateLost, FarmStoreUnavailable, type RememberedRequest } from '../../ports/farm-store.ts'
import type { Commit, FarmStore, Page, FarmTerm, Unjournaled } from '../../ports/farm-store.ts'
import { checkScene } from '../../ports/storable.ts'
import type { JobId, TaskId, WorkerId } from '../../protocol/ids.ts'
import type { JobRecord } from '../../protocol/job.ts'
import type { SceneRecord } from '../../protocol/scene.ts'
import type { WorkerRecord } from '../../protocol/worker.ts'
import { timedMember } from '../redis/keys.ts'
import { opensJob } from '../redis/open-job.ts'
import { SystemClock } from '../system/clock.ts'
import { JobShelf } from './job-shelf.ts'
import { kept } from './kept.ts'
import { pageOf } from './pages.ts'
import { MemoryWorkers } from './workers.ts'

/** As commit.lua. */
const VERSIONS_PER_TERM = 1_000_000_000

export class MemoryFarmStore implements FarmStore {
  /** While true, every call throws FarmStoreUnavailable. */
  away = false

  readonly #clock: Clock
  #farmTerm: FarmTerm | null
  readonly #turns = new Map<string, number>()
  readonly #shelves = new Map<JobId, JobShelf>()
  readonly #open = new Set<JobId>()
  /** Not closed since their submission, and whose they are. */
  readonly #submitted = new Map<JobId, string>()
  readonly #scenes = new Map<string, SceneRecord>()
  readonly #workers: MemoryWorkers
  readonly #requests = new Map<string, { request: RememberedRequest; endsAt: number }>()
  readonly #tokens = new Map<string, { name: string; scopes: string[] }>()

  /** Holds an open farm unless told otherwise. */
  constructor(clock: Clock = new SystemClock(), farmTerm: FarmTerm | null = { term: 1, open: true }) {
    this.#clock = clock
    this.#workers = new MemoryWorkers(clock)
    this.#farmTerm = farmTerm
  }

  /** As FLUSHALL does. */
  empty(): void {
    this.#farmTerm = null
    for (const all of [
      this.#turns,
      this.#shelves,
      this.#open,
      this.#submitted,
      this.#scenes,
      this.#workers,
      this.#requests,
      this.#tokens,
    ])
      all.clear()
  }

  async time() {
    return this.#reach().#clock.now()
  }
  async check() {
    this.#believed(null)
  }
  async farmTerm() {
    return this.#reach().#farmTerm
  }
  async changeFarmTerm(from: FarmTerm | null, to: FarmTerm) {
    const is = this.#reach().#farmTerm
    if (is?.term !== from?.term || is?.open !== from?.open) return false
    this.#farmTerm = to
    return true
  }
  async holdsJobs() {
    return this.#reach().#shelves.size > 0
  }
  async takeTurn(name: string, ttlMs: number) {
    const now = this.#reach().#clock.now()
    if ((this.#turns.get(name) ?? 0) > now) return false
    this.#turns.set(name, now + ttlMs)
    return true
  }

  async job(id: JobId) {
    return this.#believed(this.#shelf(id).job())
  }
  async tasks(jobId: JobId, ids: readonly TaskId[]) {
    return ids.map((id) => this.#shelf(jobId).task(id))
  }
  async frames(jobId: JobId, numbers: readonly number[]) {
    return numbers.map((number) => this.#shelf(jobId).frame(number))
  }
  async counters(jobId: JobId) {
    return this.#shelf(jobId).counters()
  }
  async commit(jobId: JobId, commit: Commit, now: number) {
    const job = commit.job?.value
    assert(
      commit.job === undefined || (commit.job.value !== null && commit.job.id === jobId),
      'a commit writes its own job; eraseJob removes it',
    )
    const shelf = this.#shelf(jobId)
    const farmTerm = this.#farmTerm
    if (farmTerm === null || farmTerm.open === (commit.recovered ?? false)) throw new FarmStateLost(farmTerm)
    const committed = shelf.commit(commit, now, (farmTerm.term - 1) * VERSIONS_PER_TERM)
    if (committed.ok) {
      this.#shelves.set(jobId, shelf)
      for (const credit of commit.credits) this.#workers.credit(credit)
      const opens = commit.effects.length > 0 || (job && opensJob(job.state))
      if (opens) this.#open.add(jobId)
      if (opens && job && commit.job?.expected === 0) this.#submitted.set(jobId, job.owner)
    }
    return committed
  }

  async renew(jobId: JobId, leases: readonly { taskId: TaskId; epoch: number }[], expiresAt: number) {
    return this.#shelf(jobId).renew(leases, expiresAt)
  }
  async expiredLeases(jobId: JobId, now: number, limit: number) {
    return this.#shelf(jobId).expiredLeases(now, limit)
  }
  async picky(jobId: JobId, limit: number) {
    return this.#shelf(jobId).picky(limit)
  }
  async pendingEffects(jobId: JobId, before: number, limit: number) {
    return this.#shelf(jobId).pendingEffects(before, limit)
  }
  async acknowledge(jobId: JobId, effectIds: readonly string[]) {
    this.#shelf(jobId).acknowledge(effectIds)
  }
  async unjournaled(jobId: JobId, limit: number) {
    return this.#shelf(jobId).unjournaled(limit)
  }
  async journaled(jobId: JobId, marks: readonly Pick<Unjournaled, 'mark' | 'at'>[]) {
    this.#shelf(jobId).journaled(marks)
  }

  async listJobs({
    owner,
    cursor,
    limit,
  }: {
    owner?: string
    cursor?: string
    limit: number
  }): Promise<Page<JobRecord>> {
    const place = (job: JobRecord) => timedMember(job.createdAt, job.id)
    const jobs = this.#believed(this.#jobs()).filter((job) => owner === undefined || job.owner === owner)
    const newestFirst = jobs.sort((a, b) => (place(a) > place(b) ? -1 : 1))
    return pageOf('jobs', newestFirst, { cursor, limit, place, isAfter: (job, start) => place(job) < start })
  }
  async openJobs() {
    return this.#believed([...this.#reach().#open])
  }
  async countOpenJobs(owner: string) {
    return [...this.#reach().#submitted.values()].filter((each) => each === owner).length
  }
  async closeJob(jobId: JobId) {
    const shelf = this.#shelf(jobId)
    const job = shelf.job()?.value
    if ((job !== undefined && opensJob(job.state)) || shelf.isOutstanding()) return
    this.#open.delete(jobId)
    this.#submitted.delete(jobId)
  }
  async listTasks(jobId: JobId, { cursor, limit }: { cursor?: string; limit: number }) {
    return this.#shelf(jobId).listTasks(cursor, limit)
  }
  async listFrames(jobId: JobId, { cursor, limit }: { cursor?: string; limit: number }) {
    return this.#shelf(jobId).listFrames(cursor, limit)
  }
  async events(jobId: JobId, { cursor, limit }: { cursor?: string; limit: number }) {
    return this.#shelf(jobId).events(cursor, limit)
  }
  async eraseJob(jobId: JobId) {
    this.#reach().#shelves.delete(jobId)
    this.#open.delete(jobId)
    this.#submitted.delete(jobId)
  }

  async scene(sha256: string) {
    return this.#believed(this.#reach().#scenes.get(sha256) ?? null)
  }
  async putScene(scene: SceneRecord) {
    checkScene(scene)
    this.#reach().#scenes.set(scene.sha256, kept(scene))
  }
  async deleteScene(sha256: string) {
    this.#reach().#scenes.delete(sha256)
  }
  async listScenes({ cursor, limit }: { cursor?: string; limit: number }) {
    const place = (scene: SceneRecord) => timedMember(scene.uploadedAt, scene.sha256)
    const newestFirst = this.#believed([...this.#reach().#scenes.values()]).sort((a, b) =>
      place(a) > place(b) ? -1 : 1,
    )
    return pageOf('scenes', newestFirst, { cursor, limit, place, isAfter: (scene, start) => place(scene) < start })
  }
  async jobsOfScene(sha256: string) {
    return this.#jobs()
      .filter(({ scene }) => scene.sha256 === sha256)
      .map(({ id }) => id)
      .sort()
  }

  async worker(id: WorkerId) {
    return this.#believed(this.#reach().#workers.worker(id))
  }
  async putWorker(worker: WorkerRecord) {
    this.#reach().#workers.put(worker)
  }
  async setQuarantined(id: WorkerId, quarantined: boolean) {
    this.#reach().#workers.setQuarantined(id, quarantined)
  }
  async restoreWorker(worker: WorkerRecord) {
    this.#reach().#workers.restore(worker)
  }
  async listWorkers() {
    return this.#reach().#workers.all()
  }
  async workers(ids: readonly WorkerId[]) {
    return ids.flatMap((id) => this.#reach().#workers.worker(id) ?? [])
  }
  async countWorkers() {
    return this.#reach().#workers.size
  }
  async workersUnseen(before: number, limit: number, offset = 0) {
    return this.#reach().#workers.unseen(before, limit, offset)
  }
  async forgetWorker(id: WorkerId, before: number) {
    return this.#reach().#workers.forget(id, before)
  }
  async holdSession(workerId: WorkerId, sessionId: string, ttlMs: number) {
    this.#reach().#workers.holdSession(workerId, sessionId, ttlMs)
  }
  async keepSession(workerId: WorkerId, sessionId: string, ttlMs: number) {
    return this.#reach().#workers.keepSession(workerId, sessionId, ttlMs)
  }
  async endSession(workerId: WorkerId, sessionId: string) {
    this.#reach().#workers.endSession(workerId, sessionId)
  }
  async connectedWorkers() {
    return this.#reach().#workers.connected()
  }

  async rememberRequest(key: string, request: RememberedRequest, ttlMs: number) {
    const now = this.#reach().#clock.now()
    const known = this.#requests.get(key)
    if (known !== undefined && known.endsAt > now) return known.request
    this.#requests.set(key, { request, endsAt: now + ttlMs })
    return null
  }
  async answerRequest(key: string, request: RememberedRequest, ttlMs: number) {
    this.#reach().#requests.set(key, { request, endsAt: this.#clock.now() + ttlMs })
  }

  async token(sha256: string) {
    return this.#believed(this.#reach().#tokens.get(sha256) ?? null)
  }
  async putToken(sha256: string, owner: { name: string; scopes: string[] }) {
    this.#reach().#tokens.set(sha256, kept(owner))
  }

  #reach(): this {
    if (this.away) throw new FarmStoreUnavailable(new Error('the memory store was told to be away'))
    return this
  }
  /** That there is nothing is believed only of an open farm. */
  #believed<T>(found: T): T {
    const nothing = found === null || (Array.isArray(found) && found.length === 0)
    if (nothing && this.#reach().#farmTerm?.open !== true) throw new FarmStateLost(this.#farmTerm)
    return found
  }
  #shelf(jobId: JobId): JobShelf {
    return this.#reach().#shelves.get(jobId) ?? new JobShelf(jobId)
  }
  #jobs(): JobRecord[] {
    return [...this.#reach().#shelves.values()].flatMap((shelf) => shelf.job()?.value ?? [])
  }
}
