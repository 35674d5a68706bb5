import { existsSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { FailureCode } from '../../shared/protocol/failure.ts'
import type { Inspection } from '../../shared/protocol/inspection.ts'
import type { RenderSettings } from '../../shared/protocol/render-settings.ts'
import type { CommandName } from '../blender/answers.ts'
import type { Commands, DriverOutputs } from '../blender/commands.ts'
import type { CommandFailure } from '../blender/crash.ts'
import { privateFolders } from '../blender/environment.ts'
import type { BlenderInstallation } from '../blender/find.ts'
import { BlenderProcess, type CommandOutcome } from '../blender/process.ts'
import type { RenderProgress as BlenderProgress } from '../blender/progress.ts'
import { WorkFailure } from '../failure.ts'
import { inspectionOf } from './inspection-report.ts'
import type {
  FinishRequest,
  OnProgress,
  ProbedBlender,
  Rendered,
  RenderedFile,
  Renderer,
  RenderRequest,
} from './renderer.ts'

export interface BlenderRendererOptions {
  readonly installation: BlenderInstallation
  readonly scratchFolder: string
  /** Where scenes lie; all that Blender may read besides its own program. */
  readonly sceneFolder: string
  /** Path of the OpenColorIO configuration that Blender uses instead of its own. */
  readonly ocio?: string | undefined
  readonly sandbox: 'auto' | 'required' | 'off'
}

/** The real renderer: one Blender process with the driver in it, started by the first command. */
export class BlenderRenderer implements Renderer {
  readonly #options: BlenderRendererOptions
  #starting: Promise<BlenderProcess> | undefined
  #blender: BlenderProcess | undefined
  #closed = false
  #interrupt: () => void = () => undefined
  /** Rejects on `close`, so that nobody waits for a Blender that hangs while it starts. */
  readonly #interrupted = new Promise<never>(
    (_resolve, reject) => (this.#interrupt = () => reject(new WorkFailure('interrupted', 'Blender was closed'))),
  )

  constructor(options: BlenderRendererOptions) {
    this.#options = options
    // Who runs a command hears of it; when nobody does, it is nothing.
    this.#interrupted.catch(() => undefined)
  }

  async probe(): Promise<ProbedBlender> {
    const { installation } = this.#options
    const answer = await this.#run('probe', {}, () => undefined)
    return {
      version: answer.blenderVersion,
      buildHash: answer.buildHash,
      path: installation.executable,
      engines: answer.engines,
      hasDenoiser: answer.hasDenoiser,
      devices: answer.devices.map(({ kind, name }) => ({ kind, name })),
    }
  }

  async open(blendPath: string, onProgress: OnProgress): Promise<void> {
    // One that died with nothing to do has done nobody harm.
    if (this.#blender?.alive === false) this.#starting = undefined
    await this.#run('open', { path: blendPath }, onProgress)
  }

  async inspect(settings: RenderSettings, frames: string | undefined, onProgress: OnProgress): Promise<Inspection> {
    const answer = await this.#run('inspect', { settings, frames: rangesOf(frames) }, onProgress)
    return inspectionOf(answer, this.#blender?.colors.unknown(answer.unknownColorSpaces))
  }

  async render(request: RenderRequest, onProgress: OnProgress): Promise<Rendered> {
    const { frame, settings, window, sampleRange, device, threads } = request
    const outputs =
      window === undefined ? await wholeFrameOutputs(request, { raw: true }) : { raw: join(request.folder, 'raw') }
    const answer = await this.#run(
      'render',
      {
        mode: window === undefined ? 'frame' : 'tile',
        frame,
        fresh: request.startsAnew,
        settings: { ...settings, sampleRange },
        outputs,
        ...(window === undefined ? {} : { window }),
        ...(request.sound === undefined ? {} : { sound: request.sound }),
        ...(device === undefined ? {} : { device }),
        ...(threads === undefined ? {} : { threads }),
      },
      onProgress,
    )
    return rendered(answer)
  }

  async finish(request: FinishRequest, onProgress: OnProgress): Promise<Rendered> {
    const { frame, settings, stitchedPath, threads } = request
    const outputs = await wholeFrameOutputs(request, { raw: false })
    return rendered(
      await this.#run(
        'finish',
        {
          ...{ frame, stitched: stitchedPath, settings, outputs },
          ...(threads === undefined ? {} : { threads }),
          ...(request.sound === undefined ? {} : { sound: request.sound }),
        },
        onProgress,
      ),
    )
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#interrupt()
    if (this.#blender === undefined) {
      // One that is still starting is killed as soon as it can be; one that never came up has nothing to be killed.
      this.#starting?.then((blender) => blender.kill()).catch(() => undefined)
      return
    }
    await this.#blender.kill()
    // Killed, it leaves its temporary files behind. Its home stays: the GPU kernels compiled there are worth minutes.
    await rm(privateFolders(this.#options.scratchFolder).temporary, { recursive: true, force: true })
  }

  async #run<Command extends CommandName>(
    command: Command,
    parameters: Commands[Command],
    onProgress: OnProgress,
  ): Promise<Extract<CommandOutcome<Command>, { ok: true }>['value']> {
    if (this.#closed) return await this.#interrupted
    this.#starting ??= this.#start()
    const blender = await Promise.race([this.#starting, this.#interrupted])
    onProgress()
    const outcome = await blender.run(command, parameters, {
      onProgress: (progress) => onProgress(figuresOf(progress)),
    })
    if (outcome.ok) return outcome.value
    throw workFailure(outcome)
  }

  async #start(): Promise<BlenderProcess> {
    const { installation, scratchFolder, sceneFolder, sandbox, ocio } = this.#options
    const started = await BlenderProcess.start({
      executable: installation.executable,
      launch: installation.launch,
      driverPath: driverPath(),
      scratchDir: scratchFolder,
      ocio,
      readablePaths: [sceneFolder, ...installation.folders],
      sandbox: sandbox === 'required' ? 'require' : sandbox,
    })
    if (started.ok) return (this.#blender = started.value)
    throw workFailure(started)
  }
}

/** The driver lies beside this code in the sources; a build leaves the Python where it was. */
function driverPath(): string {
  const candidates = ['../driver/main.py', '../../../blender-worker/driver/main.py'].map((relative) =>
    fileURLToPath(new URL(relative, import.meta.url)),
  )
  const found = candidates.find((path) => existsSync(path))
  if (found === undefined)
    throw new WorkFailure(
      'blender_missing',
      `the driver that runs inside Blender is missing: there is no ${candidates[0]}; install the worker again`,
    )
  return found
}

async function wholeFrameOutputs(
  request: RenderRequest | FinishRequest,
  also: { raw: boolean },
): Promise<DriverOutputs> {
  const extraDir = join(request.folder, 'extra')
  await mkdir(extraDir, { recursive: true })
  return {
    final: join(request.folder, 'final'),
    ...(also.raw ? { raw: join(request.folder, 'raw') } : {}),
    ...(request.display ? { display: join(request.folder, 'display') } : {}),
    ...(request.sound === undefined ? {} : { sound: join(request.folder, 'sound') }),
    extraDir,
  }
}

function rendered(answer: Extract<CommandOutcome<'render'>, { ok: true }>['value']): Rendered {
  const files: RenderedFile[] = []
  for (const role of ['final', 'raw', 'display', 'sound'] as const) {
    const file = answer.files[role]
    if (file !== undefined) files.push({ role, path: file.path })
  }
  for (const { path, place, node, slot } of answer.extra)
    files.push({ role: 'extra', path, place: { path: place, node, slot } })
  return { files, renderSeconds: answer.renderSeconds, peakMemoryBytes: answer.peakMemoryBytes }
}

function figuresOf(progress: BlenderProgress): Parameters<OnProgress>[0] {
  return {
    samplesDone: progress.samplesDone,
    samplesTotal: progress.samplesTotal,
    secondsLeft: progress.remainingSeconds,
  }
}

const NO_ROOM = /no space left on device|disk quota exceeded/i

/** Codes of a Blender that the farm does not tell apart. */
const SIMILAR: Readonly<Record<string, FailureCode>> = {
  output_missing: 'output_invalid',
  blender_silent: 'blender_crashed',
  sandbox_unavailable: 'blender_crashed',
}

/** What the driver reports beyond the farm's own codes keeps its name in the message. */
function workFailure(failure: CommandFailure): WorkFailure {
  const { code, message, blame, lastWords } = failure
  if (NO_ROOM.test(message) || NO_ROOM.test(lastWords))
    return new WorkFailure('disk_full', `the disk of this worker is full: ${message}`, { lastWords })
  const known = FailureCode.safeParse(code)
  if (known.success) return new WorkFailure(known.data, message, { lastWords })
  const similar = SIMILAR[code]
  if (similar !== undefined) return new WorkFailure(similar, message, { lastWords })
  const byBlame = { scene: 'blender_error', worker: 'output_invalid', farm: 'interrupted' } as const
  return new WorkFailure(byBlame[blame], `${code}: ${message}`, { lastWords })
}

/** `1-10, 15, 20-40:2` as first, last and step. */
function rangesOf(frames = ''): [number, number, number][] {
  return [...frames.matchAll(/(-?\d+)(?:\s*-\s*(-?\d+))?(?::(\d+))?/g)].map(([, first, last, step]) => [
    Number(first),
    Number(last ?? first),
    Number(step ?? 1),
  ])
}
