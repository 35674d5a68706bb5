import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { findBlender } from '../../blender-worker/blender/find.ts'
import { parseWorkerConfig } from '../../blender-worker/config.ts'
import { type RunningWorker, startWorker } from '../../blender-worker/main.ts'
import { BlenderRenderer } from '../../blender-worker/rendering/blender-renderer.ts'
import type { Renderer, RenderRequest } from '../../blender-worker/rendering/renderer.ts'
import { startFarm } from '../../services/farm/main.ts'
import { type Artifact, ArtifactPage } from '../../shared/protocol/rest.ts'
import { type JobRequest, JobView } from '../../shared/protocol/job.ts'
import { SceneRecord } from '../../shared/protocol/scene.ts'

/** How often a test looks whether something has happened. It waits for the event, never for a length of time. */
const LOOK_MS = 100

/** What a worker does to a render request before it obeys: a liar asks Blender for less. */
export type Lie = (request: RenderRequest) => RenderRequest

/** A whole farm of real parts in this process, with workers that drive real Blender; all of it in one temporary folder. */
export class TestFarm {
  readonly url: string
  readonly token: string
  readonly folder: string
  readonly #workerToken: string
  readonly #stopFarm: () => Promise<void>
  readonly #workers: RunningWorker[] = []

  private constructor(url: string, tokens: { api: string; worker: string }, folder: string, stopFarm: () => Promise<void>) {
    this.url = url
    this.token = tokens.api
    this.#workerToken = tokens.worker
    this.folder = folder
    this.#stopFarm = stopFarm
  }

  static async start(env: Readonly<Record<string, string>> = {}): Promise<TestFarm> {
    const folder = await mkdtemp(join(tmpdir(), 'tw-'))
    const farm = await startFarm({ TILEWORK_DATA_DIR: join(folder, 'farm'), PORT: '0', LOG_LEVEL: 'warn', TILEWORK_LEASE_SECONDS: '10', TILEWORK_HEARTBEAT_SECONDS: '2', ...env })
    const tokens = JSON.parse(await readFile(farm.tokensFile, 'utf8')) as { api: string; worker: string }
    return new TestFarm(farm.url, tokens, folder, () => farm.stop())
  }

  get workerToken(): string {
    return this.#workerToken
  }

  async addWorker(name: string, options: { lie?: Lie; threads?: number; blender?: string } = {}): Promise<RunningWorker> {
    const dataDir = join(this.folder, name)
    const config = parseWorkerConfig({ name, url: this.url.replace('http', 'ws'), token: this.#workerToken, dataDir, threads: options.threads ?? 1, sandbox: 'off', ...(options.blender === undefined ? {} : { blender: options.blender }) }, {})
    if (!config.ok) throw new Error(config.message)
    const log = pino({ level: 'warn' })
    const worker = await startWorker(config.value, { log, ...(options.lie === undefined ? {} : { newRenderer: await lyingRenderers(dataDir, options.lie) }) })
    this.#workers.push(worker)
    await this.until(async () => (await this.get('/v1/workers')).items.some((each: { id: string; state: string }) => each.id === worker.workerId && each.state === 'connected'))
    return worker
  }

  async get(path: string): Promise<any> {
    const answer = await fetch(this.url + path, { headers: { authorization: `Bearer ${this.token}` } })
    return answer.json()
  }

  async send(method: string, path: string, body?: unknown): Promise<Response> {
    return fetch(this.url + path, { method, headers: { authorization: `Bearer ${this.token}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
  }

  async upload(path: string, name: string): Promise<SceneRecord> {
    const form = new FormData()
    form.append('name', name)
    form.append('scene', new Blob([await readFile(path)]), name)
    const answer = await fetch(`${this.url}/v1/scenes`, { method: 'POST', body: form, headers: { authorization: `Bearer ${this.token}` } })
    if (!answer.ok) throw new Error(await answer.text())
    return SceneRecord.parse(await answer.json())
  }

  async submit(request: Record<keyof JobRequest, unknown> | object): Promise<JobView> {
    const answer = await this.send('POST', '/v1/jobs', request)
    if (!answer.ok) throw new Error(await answer.text())
    return JobView.parse(await answer.json())
  }

  async job(id: string): Promise<JobView> {
    return JobView.parse(await this.get(`/v1/jobs/${id}`))
  }

  /** The job once it is as wanted; a job that ended otherwise is an error at once. */
  async jobWhen(id: string, wanted: (job: JobView) => boolean): Promise<JobView> {
    let job = await this.job(id)
    await this.until(async () => {
      job = await this.job(id)
      if (!wanted(job) && job.endedAt !== undefined) throw new Error(`job ${id} ended as ${job.state}: ${JSON.stringify(job.failure)}`)
      return wanted(job)
    })
    return job
  }

  async ended(id: string): Promise<JobView> {
    return this.jobWhen(id, (job) => ['completed', 'failed', 'canceled'].includes(job.state))
  }

  async artifacts(id: string): Promise<Artifact[]> {
    return ArtifactPage.parse(await this.get(`/v1/jobs/${id}/artifacts?urls=true&limit=500`)).items
  }

  async download(artifact: Artifact, to: string): Promise<string> {
    const answer = await fetch(artifact.url ?? '')
    if (!answer.ok) throw new Error(`${artifact.path}: ${answer.status}`)
    const path = join(this.folder, to)
    await writeFile(path, Buffer.from(await answer.arrayBuffer()))
    return path
  }

  /** Resolves as soon as `look` is true; the test's own timeout bounds it. */
  async until(look: () => Promise<boolean>): Promise<void> {
    while (!(await look())) await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
  }

  async stop(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.stop()))
    await this.#stopFarm()
    await rm(this.folder, { recursive: true, force: true })
  }
}

async function lyingRenderers(dataDir: string, lie: Lie): Promise<(scratchFolder: string) => Renderer> {
  const found = await findBlender({})
  if (!found.ok) throw new Error(found.message)
  return (scratchFolder) => {
    const honest = new BlenderRenderer({ installation: found.value, scratchFolder, sceneFolder: join(dataDir, 'scenes'), sandbox: 'off' })
    return {
      probe: () => honest.probe(),
      open: (path, onProgress) => honest.open(path, onProgress),
      inspect: (settings, onProgress) => honest.inspect(settings, onProgress),
      render: (request, onProgress) => honest.render(lie(request), onProgress),
      finish: (request, onProgress) => honest.finish(request, onProgress),
      close: () => honest.close(),
    }
  }
}
