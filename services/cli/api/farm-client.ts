import { randomUUID } from 'node:crypto'
import type { z } from 'zod'
import { JobView } from '../../../shared/protocol/job.ts'
import type { JobChange, JobRequest, JobState, PauseRequest } from '../../../shared/protocol/job.ts'
import { PlanView } from '../../../shared/protocol/plan.ts'
import { ProjectMissing } from '../../../shared/protocol/project.ts'
import type { ProjectRequest } from '../../../shared/protocol/project.ts'
import { ArtifactPage, FarmInfo, JobPage, WorkerPage } from '../../../shared/protocol/rest.ts'
import type { Artifact } from '../../../shared/protocol/rest.ts'
import { SceneRecord } from '../../../shared/protocol/scene.ts'
import type { WorkerRecord } from '../../../shared/protocol/worker.ts'
import type { FarmAddress } from '../farm-address.ts'
import { FarmRequests, FarmUnreachable } from './farm-requests.ts'

/** Entries asked for at once; the farm gives at most 500. */
const PAGE_SIZE = 200
/** A submission whose answer was lost is sent again with the same key; the farm makes one job of it. */
const SUBMIT_TRIES = 3

/** Longest wait while the farm looks for 100,000 files in a slow object store. */
const PROJECT_TIMEOUT_MS = 10 * 60_000

interface Page<T> {
  readonly items: readonly T[]
  readonly next: string | null
}

/** What the command needs of the farm's REST side. Every method throws FarmRefusal or FarmUnreachable. */
export class FarmClient {
  readonly requests: FarmRequests

  constructor(address: FarmAddress) {
    this.requests = new FarmRequests(address)
  }

  info(signal?: AbortSignal): Promise<z.infer<typeof FarmInfo>> {
    return this.requests.json('/v1', FarmInfo, optional(signal))
  }

  /** Whether the farm has these bytes already. */
  async hasScene(sha256: string): Promise<boolean> {
    const path = `/v1/scenes/${sha256}`
    const head = await this.requests.send(path, { method: 'HEAD', allow: [401, 403, 404, 429, 500, 503] })
    if (head.ok) return true
    if (head.status === 404) return false
    // An answer to HEAD has no words; asking again in full tells why.
    await this.requests.send(path)
    return true
  }

  /** What the farm lacks of a project. */
  missingOf(project: ProjectRequest): Promise<ProjectMissing> {
    return this.requests.json('/v1/projects/missing', ProjectMissing, {
      method: 'POST',
      json: project,
      timeoutMs: PROJECT_TIMEOUT_MS,
    })
  }

  /** Makes a scene of a project whose files are all on the farm. */
  handInProject(project: ProjectRequest): Promise<SceneRecord> {
    return this.requests.json('/v1/projects', SceneRecord, {
      method: 'POST',
      json: project,
      timeoutMs: PROJECT_TIMEOUT_MS,
    })
  }

  scene(sha256: string): Promise<SceneRecord> {
    return this.requests.json(`/v1/scenes/${sha256}`, SceneRecord)
  }

  /** What a job of this request would be. */
  plan(request: JobRequest): Promise<PlanView> {
    return this.requests.json('/v1/plans', PlanView, { method: 'POST', json: request })
  }

  async submit(request: JobRequest): Promise<JobView> {
    const key = randomUUID()
    for (let tries = 1; ; tries++) {
      try {
        return await this.requests.json('/v1/jobs', JobView, {
          method: 'POST',
          json: request,
          headers: { 'idempotency-key': key },
        })
      } catch (error) {
        if (!(error instanceof FarmUnreachable) || tries >= SUBMIT_TRIES) throw error
      }
    }
  }

  job(id: string, signal?: AbortSignal): Promise<JobView> {
    return this.requests.json(jobPath(id), JobView, optional(signal))
  }

  /** Newest first, at most `limit`. */
  async jobs({ state, limit }: { state?: JobState | undefined; limit: number }): Promise<JobView[]> {
    return this.collect<JobView>('/v1/jobs', JobPage, { limit, ...(state === undefined ? {} : { query: { state } }) })
  }

  cancel(id: string): Promise<JobView> {
    return this.requests.json(`${jobPath(id)}/cancel`, JobView, { method: 'POST', json: {} })
  }

  pause(id: string, request: PauseRequest): Promise<JobView> {
    return this.requests.json(`${jobPath(id)}/pause`, JobView, { method: 'POST', json: request })
  }

  resume(id: string): Promise<JobView> {
    return this.requests.json(`${jobPath(id)}/resume`, JobView, { method: 'POST', json: {} })
  }

  retry(id: string): Promise<JobView> {
    return this.requests.json(`${jobPath(id)}/retry`, JobView, { method: 'POST', json: {} })
  }

  change(id: string, change: JobChange): Promise<JobView> {
    return this.requests.json(jobPath(id), JobView, { method: 'PATCH', json: change })
  }

  async delete(id: string): Promise<void> {
    await this.requests.send(jobPath(id), { method: 'DELETE' })
  }

  workers(): Promise<WorkerRecord[]> {
    return this.collect<WorkerRecord>('/v1/workers', WorkerPage, { limit: Infinity })
  }

  /** The delivered files of a job, page by page, each with a signed address. */
  async *artifacts(id: string): AsyncGenerator<readonly Artifact[]> {
    let cursor: string | null = null
    do {
      const page: Page<Artifact> = await this.requests.json(
        `${jobPath(id)}/artifacts?${query({ urls: 'true', limit: PAGE_SIZE, cursor })}`,
        ArtifactPage,
      )
      yield page.items
      cursor = page.next
    } while (cursor !== null)
  }

  /** A fresh signed address of one delivered file. */
  async artifactUrl(id: string, path: string): Promise<string> {
    const response = await this.requests.send(
      `${jobPath(id)}/artifacts/${path.split('/').map(encodeURIComponent).join('/')}`,
      { allow: [302] },
    )
    return this.absolute(response.headers.get('location') ?? '')
  }

  /** An address that the farm gave, in full. */
  absolute(url: string): string {
    return new URL(url, `${this.requests.address.url}/`).href
  }

  private async collect<T>(
    path: string,
    schema: z.ZodType<Page<T>>,
    { limit, query: fixed = {} }: { limit: number; query?: Record<string, string> },
  ): Promise<T[]> {
    const all: T[] = []
    let cursor: string | null = null
    do {
      const page: Page<T> = await this.requests.json(
        `${path}?${query({ ...fixed, limit: Math.min(PAGE_SIZE, limit - all.length), cursor })}`,
        schema,
      )
      all.push(...page.items)
      cursor = page.next
    } while (cursor !== null && all.length < limit)
    return all
  }
}

function jobPath(id: string): string {
  return `/v1/jobs/${encodeURIComponent(id)}`
}

function query(values: Readonly<Record<string, string | number | null>>): string {
  const given = new URLSearchParams()
  for (const [name, value] of Object.entries(values)) if (value !== null) given.set(name, String(value))
  return given.toString()
}

function optional(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal }
}
