import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { findBlender } from '../../blender-worker/blender/find.ts'
import { parseWorkerConfig } from '../../blender-worker/config.ts'
import { type RunningWorker, startWorker } from '../../blender-worker/main.ts'
import { BlenderRenderer } from '../../blender-worker/rendering/blender-renderer.ts'
import type { Rendered, Renderer, RenderRequest } from '../../blender-worker/rendering/renderer.ts'
import { startFarm } from '../../services/farm/main.ts'
import { FarmApi } from './farm-api.ts'

/**
 * What a liar does: `render` changes a request before it is obeyed, `finish` the files of a finished frame before they
 * are handed in.
 */
export interface Lie {
  readonly render?: (request: RenderRequest) => RenderRequest
  readonly finish?: (rendered: Rendered, frame: number) => Promise<void>
}

/**
 * A whole farm of real parts in this process, with workers that drive real Blender; all of it in one temporary folder.
 */
export class TestFarm extends FarmApi {
  readonly #workerToken: string
  readonly #stopFarm: () => Promise<void>
  readonly #workers: RunningWorker[] = []
  readonly #logLevel: string

  private constructor(
    url: string,
    tokens: { api: string; worker: string },
    folder: string,
    logLevel: string,
    stopFarm: () => Promise<void>,
  ) {
    super(url, tokens.api, folder)
    this.#logLevel = logLevel
    this.#workerToken = tokens.worker
    this.#stopFarm = stopFarm
  }

  static async start(env: Readonly<Record<string, string>> = {}): Promise<TestFarm> {
    const folder = await mkdtemp(join(tmpdir(), 'tw-'))
    const farm = await startFarm({
      TILEWORK_DATA_DIR: join(folder, 'farm'),
      PORT: '0',
      LOG_LEVEL: 'warn',
      TILEWORK_LEASE_SECONDS: '10',
      TILEWORK_HEARTBEAT_SECONDS: '2',
      ...env,
    })
    const tokens = JSON.parse(await readFile(farm.tokensFile, 'utf8')) as { api: string; worker: string }
    return new TestFarm(farm.url, tokens, folder, env['LOG_LEVEL'] ?? 'warn', () => farm.stop())
  }

  get workerToken(): string {
    return this.#workerToken
  }

  async addWorker(
    name: string,
    options: { lie?: Lie; threads?: number; tags?: readonly string[]; blender?: string; token?: string } = {},
  ): Promise<RunningWorker> {
    const dataDir = join(this.folder, name)
    const config = parseWorkerConfig(
      {
        name,
        url: this.url.replace('http', 'ws'),
        token: options.token ?? this.#workerToken,
        dataDir,
        threads: options.threads ?? 1,
        tags: [...(options.tags ?? [])],
        sandbox: 'off',
        ...(options.blender === undefined ? {} : { blender: options.blender }),
      },
      {},
    )
    if (!config.ok) throw new Error(config.detail)
    const log = pino({ level: this.#logLevel })
    const worker = await startWorker(config.value, {
      log,
      ...(options.lie === undefined ? {} : { newRenderer: await lyingRenderers(dataDir, options.lie) }),
    })
    this.#workers.push(worker)
    await this.until(async () =>
      (await this.get('/v1/workers')).items.some(
        (each: { id: string; state: string }) => each.id === worker.workerId && each.state === 'connected',
      ),
    )
    return worker
  }

  async stop(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.stop()))
    await this.#stopFarm()
    await rm(this.folder, { recursive: true, force: true })
  }
}

async function lyingRenderers(dataDir: string, lie: Lie): Promise<(scratchFolder: string) => Renderer> {
  const found = await findBlender({})
  if (!found.ok) throw new Error(found.detail)
  return (scratchFolder) => {
    const honest = new BlenderRenderer({
      installation: found.value,
      scratchFolder,
      sceneFolder: join(dataDir, 'scenes'),
      sandbox: 'off',
    })
    return {
      probe: () => honest.probe(),
      open: (path, onProgress) => honest.open(path, onProgress),
      inspect: (settings, frames, onProgress) => honest.inspect(settings, frames, onProgress),
      render: (request, onProgress) => honest.render(lie.render?.(request) ?? request, onProgress),
      async finish(request, onProgress) {
        const rendered = await honest.finish(request, onProgress)
        await lie.finish?.(rendered, request.frame)
        return rendered
      },
      close: () => honest.close(),
    }
  }
}
