/*
 * The artist of a chaos run: hands in jobs of several shapes, a few at a time, whatever happens, and looks at every
 * frame that comes back. Asks again when there is no answer, under the same Idempotency-Key.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { samePixels } from '../../shared/adapters/imaging/compare-same-pixels.ts'
import { JobView } from '../../shared/protocol/job.ts'
import { type Artifact, ArtifactPage, TaskPage } from '../../shared/protocol/rest.ts'
import { compareBytes } from '../benchmarks/exactness/file-bytes.ts'
import type { SeededRandom } from '../simulation/random.ts'
import type { FarmApi } from '../support/farm-api.ts'

const OPEN_AT_ONCE = 2
const ASK_AGAIN_MS = 1_000
const LOOK_MS = 500
/** One in so many jobs is canceled on its way. */
const CANCELED_ONE_IN = 8

export interface Scene {
  readonly sha256: string
  /** What bare Blender writes, by frame. */
  readonly bare: ReadonlyMap<number, string>
}

const SHAPES = [
  { frames: '1-3', tiles: { columns: 2, rows: 2 }, auditRate: 0.25 },
  { frames: '1-3', auditRate: 0.5 },
  { frames: '1-3', chunk: 3, auditRate: 0 },
  { frames: '2', tiles: { columns: 3, rows: 1 }, auditRate: 1 },
  { frames: '1,3', tiles: { columns: 1, rows: 2 }, auditRate: 0, video: 'mp4' },
] as const

export class Artist {
  readonly jobs: JobView[] = []
  readonly faults: string[] = []
  /** Frames found at the store, compared with bare Blender's. */
  framesCompared = 0
  /** How far their bytes agree, and how often. */
  readonly bytes: Record<string, number> = {}
  renders = 0
  audits = 0
  accepted = 0
  rejected = 0
  expired = 0
  failed = 0
  canceled = 0
  readonly #api: FarmApi
  readonly #scenes: readonly Scene[]
  readonly #random: SeededRandom

  constructor(api: FarmApi, scenes: readonly Scene[], random: SeededRandom) {
    this.#api = api
    this.#scenes = scenes
    this.#random = random
  }

  /** Hands in jobs until told to stop, and waits for the last of them. `giveUp` ends the waiting. */
  async submitJobs(stop: AbortSignal, giveUp: AbortSignal): Promise<void> {
    await Promise.all(
      Array.from({ length: OPEN_AT_ONCE }, async () => {
        while (!stop.aborted) await this.#oneJob(giveUp)
      }),
    )
  }

  async #oneJob(giveUp: AbortSignal): Promise<void> {
    const scene = this.#random.pick(this.#scenes)
    const shape = this.#random.pick(SHAPES)
    const cancelAfterMs = this.#random.chance(1 / CANCELED_ONE_IN) ? this.#random.between(0, 10_000) : null
    const request = { video: 'none', ...shape, scene: scene.sha256, name: `chaos ${this.jobs.length + 1}` }
    const key = randomUUID()
    const job = JobView.parse(await this.ask('POST', '/v1/jobs', giveUp, { body: request, key }))
    this.jobs.push(job)
    if (cancelAfterMs !== null) {
      await pause(cancelAfterMs, undefined, { signal: giveUp }).catch(() => undefined)
      // It may be over already.
      await this.ask('POST', `/v1/jobs/${job.id}/cancel`, giveUp).catch((error: unknown) => {
        if (!(error instanceof Refused && error.status === 409)) throw error
      })
    }
    const ended = await this.#ended(job.id, giveUp)
    if (ended.state === 'canceled' && cancelAfterMs !== null) {
      this.canceled += 1
    } else if (ended.state !== 'completed') {
      return void this.faults.push(
        `${ended.name} (${ended.id}) ended as ${ended.state}: ${JSON.stringify(ended.failure)}`,
      )
    } else {
      await this.#compare(ended, scene, giveUp)
      this.accepted += ended.counts.frames['delivered'] ?? 0
    }
  }

  async #ended(id: string, giveUp: AbortSignal): Promise<JobView> {
    for (;;) {
      const job = JobView.parse(await this.ask('GET', `/v1/jobs/${id}`, giveUp))
      if (job.endedAt !== undefined) return job
      await pause(LOOK_MS)
    }
  }

  async #compare(job: JobView, scene: Scene, giveUp: AbortSignal): Promise<void> {
    const { items } = ArtifactPage.parse(
      await this.ask('GET', `/v1/jobs/${job.id}/artifacts?urls=true&limit=500`, giveUp),
    )
    const frames = items.filter(({ path }) => path.startsWith('frames/'))
    if (frames.length !== job.plan.frameCount || new Set(frames.map(({ frame }) => frame)).size !== job.plan.frameCount)
      this.faults.push(
        `${job.id}: frames ${job.plan.frames} were asked for, ${frames.map(({ path }) => path).join(', ')} delivered`,
      )
    for (const artifact of frames) {
      const path = await this.#fetched(artifact, job.id, giveUp)
      const bare = scene.bare.get(artifact.frame ?? Number.NaN)
      if (bare === undefined) return void this.faults.push(`${job.id}: ${artifact.path} is no frame of the scene`)
      const same = await samePixels(path, bare)
      if (!same.ok || !same.same)
        this.faults.push(`${job.id}: ${artifact.path} is not bare Blender's: ${JSON.stringify(same)}`)
      const bytes = await compareBytes(path, bare)
      this.bytes[bytes] = (this.bytes[bytes] ?? 0) + 1
      this.framesCompared += 1
    }
  }

  /**
   * Looks at all that was handed in, once nothing of it is open: each frame is accepted once, and each task has one
   * result that counts.
   */
  async count(giveUp: AbortSignal): Promise<void> {
    for (const { id } of this.jobs)
      await this.#count(JobView.parse(await this.ask('GET', `/v1/jobs/${id}`, giveUp)), giveUp)
  }

  async #count(job: JobView, giveUp: AbortSignal): Promise<void> {
    const { items: tasks } = TaskPage.parse(await this.ask('GET', `/v1/jobs/${job.id}/tasks?limit=500`, giveUp))
    for (const task of tasks) {
      const rendered = task.attempts.filter(({ outcome }) => outcome === 'rendered').length
      if (task.kind === 'audit') this.audits += rendered
      else this.renders += rendered
      this.rejected += task.attempts.filter(({ outcome }) => outcome === 'rejected').length
      this.expired += task.attempts.filter(({ outcome }) => outcome === 'expired').length
      this.failed += task.attempts.filter(({ outcome }) => outcome === 'failed').length
      if (job.state === 'completed' && task.state !== 'completed' && task.kind !== 'audit')
        this.faults.push(`${job.id}: ${task.id} is ${task.state} in a completed job`)
      if (task.state === 'completed' && rendered !== 1)
        this.faults.push(`${job.id}: ${task.id} was completed with ${rendered} results that count`)
      if (task.attempts.some((attempt) => attempt.outcome === 'running'))
        this.faults.push(`${job.id}: ${task.id} still runs in a job that is over`)
    }
  }

  async #fetched(artifact: Artifact, jobId: string, giveUp: AbortSignal): Promise<string> {
    for (;;) {
      giveUp.throwIfAborted()
      try {
        return await this.#api.download(artifact, `${jobId}-${artifact.frame}.png`)
      } catch {
        await pause(ASK_AGAIN_MS)
      }
    }
  }

  /** Asks until there is an answer. A refusal that is not about the moment is an error. */
  async ask(
    method: string,
    path: string,
    giveUp: AbortSignal,
    { body, key }: { body?: unknown; key?: string } = {},
  ): Promise<unknown> {
    for (;;) {
      giveUp.throwIfAborted()
      try {
        const answer = await this.#api.send(method, path, body, key === undefined ? {} : { 'idempotency-key': key })
        if (answer.ok) return answer.status === 204 || answer.status === 202 ? null : await answer.json()
        const passing = answer.status >= 500 || answer.status === 429 || (answer.status === 409 && key !== undefined)
        if (!passing) throw new Refused(method, path, answer.status, await answer.text())
      } catch (error) {
        if (error instanceof Refused) throw error
        // no answer, or half of one
      }
      await pause(ASK_AGAIN_MS)
    }
  }
}

class Refused extends Error {
  readonly status: number
  constructor(method: string, path: string, status: number, text: string) {
    super(`${method} ${path}: ${status} ${text}`)
    this.status = status
  }
}
