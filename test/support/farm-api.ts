import { readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { type JobRequest, JobView } from '../../shared/protocol/job.ts'
import { type Artifact, ArtifactPage, TaskPage } from '../../shared/protocol/rest.ts'
import { SceneRecord } from '../../shared/protocol/scene.ts'
import type { TaskRecord } from '../../shared/protocol/task.ts'

/** How often a test looks whether something has happened. It waits for the event, never for a length of time. */
const LOOK_MS = 100
/** Longest wait for an answer: a farm that is in trouble answers with a problem long before. */
const ANSWER_MS_MAX = 60_000

/** What a test asks a farm as an artist does, over REST. */
export class FarmApi {
  readonly url: string
  readonly token: string
  /** A temporary folder that goes away with the farm. */
  readonly folder: string

  constructor(url: string, token: string, folder: string) {
    this.url = url
    this.token = token
    this.folder = folder
  }

  async get(path: string): Promise<any> {
    return (await this.send('GET', path)).json()
  }

  async send(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Response> {
    return fetch(this.url + path, {
      method,
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
      headers: {
        authorization: `Bearer ${this.token}`,
        ...headers,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
  }

  async upload(path: string, name = basename(path)): Promise<SceneRecord> {
    const form = new FormData()
    form.append('name', name)
    form.append('scene', new Blob([await readFile(path)]), name)
    const answer = await fetch(`${this.url}/v1/scenes`, {
      method: 'POST',
      body: form,
      headers: { authorization: `Bearer ${this.token}` },
    })
    if (!answer.ok) throw new Error(await answer.text())
    return SceneRecord.parse(await answer.json())
  }

  async submit(
    request: Record<keyof JobRequest, unknown> | object,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<JobView> {
    const answer = await this.send('POST', '/v1/jobs', request, headers)
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
      if (!wanted(job) && job.endedAt !== undefined)
        throw new Error(`job ${id} ended as ${job.state}: ${JSON.stringify(job.failure)}`)
      return wanted(job)
    })
    return job
  }

  async ended(id: string): Promise<JobView> {
    return this.jobWhen(id, (job) => ['completed', 'failed', 'canceled'].includes(job.state))
  }

  /** All tasks of a job. */
  async tasks(id: string): Promise<TaskRecord[]> {
    const tasks: TaskRecord[] = []
    let cursor = ''
    for (;;) {
      const page = TaskPage.parse(await this.get(`/v1/jobs/${id}/tasks?limit=500${cursor}`))
      tasks.push(...page.items)
      if (page.next === null) return tasks
      cursor = `&cursor=${encodeURIComponent(page.next)}`
    }
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
}
