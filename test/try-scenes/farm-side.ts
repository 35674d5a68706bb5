// The farm as an artist uses it, by the command's own client: hand in, submit, wait, fetch, delete.

import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { downloadJob } from '../../services/cli/api/download.ts'
import { FarmClient } from '../../services/cli/api/farm-client.ts'
import { FarmRefusal, FarmUnreachable } from '../../services/cli/api/farm-requests.ts'
import { openSceneFile } from '../../services/cli/api/scene-file.ts'
import { UnfinishedUploads } from '../../services/cli/api/unfinished-uploads.ts'
import { uploadScene } from '../../services/cli/api/upload.ts'
import { CommandFailure } from '../../services/cli/exit-codes.ts'
import type { JobRequest, JobView } from '../../shared/protocol/job.ts'
import type { PlanView } from '../../shared/protocol/plan.ts'
import type { SceneRecord } from '../../shared/protocol/scene.ts'
import type { TestFarm } from '../support/farm.ts'
import type { HandedIn } from './working-copy.ts'

const LOOK_MS = 250
/** A job that nobody can have is given up after this; workers that cool down after failures are waited for. */
const WAITING_MS_MAX = 20_000

/** The farm does not want it, in its own words. */
export class Refused extends Error {
  readonly code: string
  constructor(code: string, message: string) {
    super(`${code}: ${message}`)
    this.code = code
  }
}

/** It was taken, and came to nothing. */
export class Failed extends Error {}

/** It was taken, and is not done within the time that it may take. */
export class TooSlow extends Error {}

export interface Delivered {
  readonly job: JobView
  /** Worker that rendered it. */
  readonly workerId: string
  /** Below the folder, of all frames. */
  readonly files: readonly string[]
}

export class FarmSide {
  readonly farm: TestFarm
  readonly client: FarmClient

  constructor(farm: TestFarm) {
    this.farm = farm
    this.client = new FarmClient({ url: farm.url, token: farm.token })
  }

  /** Throws Refused. */
  async handIn({ path, main }: HandedIn): Promise<SceneRecord> {
    return refusing(async () => {
      const file = await openSceneFile(path)
      await uploadScene(this.client, file, {
        main,
        unfinished: new UnfinishedUploads(join(this.farm.folder, 'uploads')),
      })
      return this.client.scene(file.sha256)
    })
  }

  /** What a job would be. Throws Refused. */
  async plan(request: JobRequest): Promise<PlanView> {
    return refusing(() => this.client.plan(request))
  }

  /** Renders a job and fetches what it delivers. Throws Refused, Failed or TooSlow; the job is gone afterwards. */
  async render(request: JobRequest, into: string, deadline: number, signal: AbortSignal): Promise<Delivered> {
    const { id } = await refusing(() => this.client.submit({ ...request, auditRate: 0, video: 'none' }))
    try {
      const job = await this.#ended(id, deadline, signal)
      const tasks = await this.farm.tasks(id)
      const attempts = tasks.filter(({ id: task }) => task.startsWith('r')).flatMap((task) => task.attempts)
      if (job.state !== 'completed') {
        const why = `${job.failure?.message ?? `the job was ${job.state}`}`
        if (attempts.length === 0 && !tasks.some((task) => task.attempts.some(({ outcome }) => outcome === 'failed')))
          throw new Refused(job.failure?.code ?? job.state, why)
        throw new Failed(`${job.failure?.code ?? job.state}: ${why}`)
      }
      await this.#download(id, into)
      const files = (await readdir(into, { recursive: true, withFileTypes: true }))
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
      return { job, workerId: attempts.findLast(({ outcome }) => outcome === 'rendered')?.workerId ?? '', files }
    } finally {
      await this.#remove(id)
    }
  }

  /** A delivery that the command cannot fetch is no delivery. */
  async #download(id: string, into: string): Promise<void> {
    try {
      await downloadJob(this.client, id, into, { only: 'frames' })
    } catch (error) {
      if (error instanceof CommandFailure && !(error instanceof FarmUnreachable)) throw new Failed(error.message)
      throw error
    }
  }

  async #ended(id: string, deadline: number, signal: AbortSignal): Promise<JobView> {
    let idleSince = Date.now()
    for (;;) {
      const job = await this.client.job(id, signal)
      if (job.endedAt !== undefined) return job
      const waits = job.waiting.find((reason) => !/\brests\b/.test(reason))
      if (waits === undefined) idleSince = Date.now()
      else if (Date.now() - idleSince > WAITING_MS_MAX) throw new Refused('waiting', waits)
      if (Date.now() > deadline)
        throw new TooSlow([`it was at ${Math.round(job.progress * 100)} %`, ...job.waiting].join('; '))
      await pause(LOOK_MS, undefined, { signal })
    }
  }

  /** What was stopped on the way is canceled first; only what has ended can be deleted. */
  async #remove(id: string): Promise<void> {
    const job = await this.client.job(id)
    if (job.endedAt === undefined) await this.client.cancel(id)
    await this.client.delete(id)
  }
}

async function refusing<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    if (error instanceof FarmRefusal) throw new Refused(error.code, error.message)
    throw error
  }
}
