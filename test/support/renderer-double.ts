import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { WorkFailure } from '../../blender-worker/failure.ts'
import type { Inspection } from '../../shared/protocol/inspection.ts'
import { withinWait } from './wait.ts'
import { anInspection } from '../unit/domain/records.ts'
import type {
  FinishRequest,
  NewRenderer,
  OnProgress,
  ProbedBlender,
  Rendered,
  RenderedFile,
  Renderer,
  RenderRequest,
} from '../../blender-worker/rendering/renderer.ts'

const PNG = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex')
const PNG_END = Buffer.from('0000000049454e44ae426082', 'hex')

/** A double renders as soon as it is asked: what has not begun by then never does. */
const BEGIN_WAIT_MS = 10_000

/** A render that has begun and ends when the test says so. */
export interface BegunRender {
  readonly request: RenderRequest | FinishRequest
  readonly onProgress: OnProgress
  finish(): void
  fail(failure: WorkFailure): void
}

/** Stands in for Blender: writes tiny files, at once or when the test lets it, and remembers what was asked of it. */
export class RendererDouble {
  /** Scenes opened and closings, in order. */
  readonly log: string[] = []
  /** false: each render waits for the test, which takes it by `begun()`. */
  rendersAtOnce = true
  /** What is written instead of an image. */
  output: Buffer | undefined
  /** What an inspection finds; undefined: it fails. */
  inspection: Inspection | undefined = anInspection()
  /** What Blender does to the folder of the scene that it opens. */
  onOpen: (blendPath: string) => Promise<void> = async () => undefined
  readonly #begun: BegunRender[] = []
  readonly #waiting: ((render: BegunRender) => void)[] = []

  readonly newRenderer: NewRenderer = () => new OneRenderer(this)

  /** The next render that has begun. Rejects when none begins in time. */
  async begun(): Promise<BegunRender> {
    const coming = () => new Promise<BegunRender>((resolve) => this.#waiting.push(resolve))
    return (
      this.#begun.shift() ??
      (await withinWait(coming(), BEGIN_WAIT_MS, () => `no render began; Blender was asked: ${this.log.join(', ')}`))
    )
  }

  begin(render: BegunRender): void {
    const waiting = this.#waiting.shift()
    if (waiting === undefined) this.#begun.push(render)
    else waiting(render)
  }
}

/** An EXR of two scanlines with a header and block table that hold, and any text for pixels. */
export function smallExr(pixels: string): Buffer {
  const attribute = (name: string, type: string, value: Buffer): Buffer => {
    const size = Buffer.alloc(4)
    size.writeInt32LE(value.length)
    return Buffer.concat([Buffer.from(`${name}\0${type}\0`, 'latin1'), size, value])
  }
  const dataWindow = Buffer.alloc(16)
  dataWindow.writeInt32LE(1, 12)
  const header = Buffer.concat([
    Buffer.from('762f310102000000', 'hex'),
    attribute('compression', 'compression', Buffer.from([0])),
    attribute('dataWindow', 'box2i', dataWindow),
    Buffer.from([0]),
  ])
  const table = Buffer.alloc(16)
  const begin = BigInt(header.length + table.length)
  table.writeBigUInt64LE(begin, 0)
  // Real scanlines differ in place; here it is enough that both lie inside of the file.
  table.writeBigUInt64LE(begin, 8)
  return Buffer.concat([header, table, Buffer.from(pixels)])
}

class OneRenderer implements Renderer {
  readonly #double: RendererDouble
  #killed: ((failure: WorkFailure) => void) | undefined

  constructor(double: RendererDouble) {
    this.#double = double
  }

  async probe(): Promise<ProbedBlender> {
    return {
      version: '4.2.0',
      buildHash: 'abc',
      path: '/opt/blender',
      engines: ['CYCLES'],
      hasDenoiser: true,
      devices: [{ kind: 'CPU', name: 'A processor' }],
    }
  }

  async open(blendPath: string): Promise<void> {
    this.#double.log.push(`open ${blendPath.split('/').at(-1)}`)
    await this.#double.onOpen(blendPath)
  }

  async inspect(): Promise<Inspection> {
    this.#double.log.push('inspect')
    if (this.#double.inspection === undefined) throw new WorkFailure('blender_error', 'the scene breaks Blender')
    return this.#double.inspection
  }

  async render(request: RenderRequest, onProgress: OnProgress): Promise<Rendered> {
    const roles = request.window === undefined ? (['final', 'raw'] as const) : (['raw'] as const)
    return this.#render(request, onProgress, request.display ? [...roles, 'display'] : roles)
  }

  async finish(request: FinishRequest, onProgress: OnProgress): Promise<Rendered> {
    return this.#render(request, onProgress, request.display ? ['final', 'display'] : ['final'])
  }

  async close(): Promise<void> {
    this.#double.log.push('close')
    this.#killed?.(new WorkFailure('blender_crashed', 'killed'))
  }

  async #render(
    request: RenderRequest | FinishRequest,
    onProgress: OnProgress,
    roles: readonly RenderedFile['role'][],
  ): Promise<Rendered> {
    this.#double.log.push(`frame ${request.frame}`)
    onProgress({ samplesDone: 1, samplesTotal: 4 })
    if (!this.#double.rendersAtOnce) {
      await new Promise<void>((resolve, reject) => {
        this.#killed = reject
        this.#double.begin({ request, onProgress, finish: resolve, fail: reject })
      })
    }
    const files: RenderedFile[] = []
    for (const role of roles) {
      const path = join(request.folder, role)
      await writeFile(
        path,
        this.#double.output ??
          Buffer.concat(
            role === 'raw'
              ? [smallExr(`frame ${request.frame}`)]
              : [PNG, Buffer.from(`frame ${request.frame}`), PNG_END],
          ),
      )
      files.push({ role, path })
    }
    return { files, renderSeconds: 0.5, peakMemoryBytes: 1_000 }
  }
}
