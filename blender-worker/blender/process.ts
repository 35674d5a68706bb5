import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { performance } from 'node:perf_hooks'
import { Readable, type Writable } from 'node:stream'
import { ANSWERS, type AnswerTo, type CommandName, DriverLine, type Ended } from './answers.ts'
import type { Commands } from './commands.ts'
import { type CommandFailure, crashFailure, spokenFailure } from './crash.ts'
import { privateFolders, scrubbedEnvironment } from './environment.ts'
import { OutputTail } from './output-tail.ts'
import { parseProgress, type RenderProgress, throttled } from './progress.ts'
import { bubblewrapArguments, programFolders, sandboxObstacle, type SandboxUse } from './sandbox.ts'

export interface BlenderStart {
  readonly executable: string
  /** `module`: the executable is a Python with bpy. */
  readonly launch?: 'program' | 'module'
  /** Path of driver/main.py. */
  readonly driverPath: string
  /** Folder of this Blender alone; home, temporary files and results go below it. */
  readonly scratchDir: string
  /** Folders it may read in the sandbox besides the system and its own program: those of the scene. */
  readonly readablePaths?: readonly string[]
  /** What the allow-list picks from; the worker's own environment when left out. */
  readonly environment?: Readonly<Record<string, string | undefined>>
  readonly sandbox?: SandboxUse
  readonly startTimeoutMs?: number
}

export interface RunOptions {
  readonly onProgress?: (progress: RenderProgress) => void
  /** Aborting kills Blender: there is no gentler way to stop a render. */
  readonly signal?: AbortSignal
  readonly timeoutMs?: number
}

export type Started = { readonly ok: true; readonly value: BlenderProcess } | CommandFailure

export type CommandOutcome<Command extends CommandName> =
  | { readonly ok: true; readonly value: AnswerTo<Command> }
  | CommandFailure

/** Opening Blender on a cold, slow disk; a sandbox adds next to nothing. */
const START_TIMEOUT_MS = 120_000
/** An inspection of a scene with 100,000 files is about this long. */
const ANSWER_CHARACTERS_MAX = 32 * 1024 * 1024
const LAST_WORDS_LENGTH_MAX = 8_000

/** How a command ended, and the whole line that said so. */
interface Answer {
  readonly ended: Ended
  readonly line: unknown
}

interface Pending {
  readonly id: number
  readonly settle: (ending: Answer | CommandFailure) => void
  readonly report: (progress: RenderProgress) => void
}

/**
 * One running Blender with the driver in it, answering one command at a time. It is dead after an abort, a time-out
 * or a crash (`alive` is false); start another one then.
 */
export class BlenderProcess {
  /** Why there is no sandbox around it; undefined when there is one. */
  readonly sandboxAbsence: string | undefined
  readonly #child: ChildProcess
  readonly #commands: Writable
  readonly #tail: OutputTail
  readonly #exited: Promise<void>
  #pending: Pending | undefined
  /** Why it is gone; undefined while it is alive. */
  #ending: CommandFailure | undefined
  /** We have killed it ourselves. */
  #killed = false
  #ready: (() => void) | undefined
  #unfinished = ''
  #nextId = 1

  /**
   * Fails with `blender_missing`, `blender_silent` (it did not come up in time), `sandbox_unavailable` (one is required
   * and does not work), or, when Blender ended before it was ready, with the same as a command in the middle of which
   * it does.
   */
  static async start(options: BlenderStart): Promise<Started> {
    const { home, temporary } = privateFolders(options.scratchDir)
    await Promise.all([mkdir(home, { recursive: true }), mkdir(temporary, { recursive: true })])
    const folders = {
      writable: [options.scratchDir],
      readable: [...programFolders(options.executable), dirname(options.driverPath), ...(options.readablePaths ?? [])],
    }
    const use = options.sandbox ?? 'auto'
    const absence = use === 'off' ? 'the sandbox is switched off' : await sandboxObstacle(folders)
    if (absence !== undefined && use === 'require')
      return {
        ok: false,
        code: 'sandbox_unavailable',
        blame: 'worker',
        message: `the settings require a sandbox, but ${absence}`,
        lastWords: '',
      }
    const command = [options.executable, ...blenderArguments(options)]
    const wrapped = absence === undefined ? ['bwrap', ...bubblewrapArguments(folders), ...command] : command
    const child = spawn(wrapped[0] ?? options.executable, wrapped.slice(1), {
      cwd: options.scratchDir,
      env: scrubbedEnvironment(options.environment ?? process.env, options.scratchDir),
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
      // A process group of its own: killing it takes whatever Blender has started along.
      detached: process.platform !== 'win32',
    })
    const blender = new BlenderProcess(child, absence)
    return await blender.#comeUp(options)
  }

  private constructor(child: ChildProcess, sandboxAbsence: string | undefined) {
    const [stdin, stdout, stderr, answers] = child.stdio
    if (
      stdin === null ||
      !(stdout instanceof Readable) ||
      !(stderr instanceof Readable) ||
      !(answers instanceof Readable)
    )
      throw new Error('spawn was asked for four pipes and did not make them')
    this.#child = child
    this.sandboxAbsence = sandboxAbsence
    this.#commands = stdin
    this.#tail = new OutputTail((line) => this.#hear(line))
    // A pipe that breaks because Blender is gone is told by its exit.
    for (const stream of [stdin, stdout, stderr, answers]) stream.on('error', () => {})
    for (const stream of [stdout, stderr])
      stream.setEncoding('utf8').on('data', (text: string) => this.#tail.write(text))
    answers.setEncoding('utf8').on('data', (text: string) => this.#read(text))
    this.#exited = new Promise((resolve) => {
      const end = (exitCode: number | null, signal: NodeJS.Signals | null): void => {
        this.#ending = this.#killed
          ? this.#failure('interrupted', 'farm', 'Blender was stopped by the worker itself')
          : crashFailure({ exitCode, signal }, this.lastWords, this.#whenItEnded())
        this.#settle(this.#ending)
        resolve()
      }
      child.once('close', end)
      child.once('error', (error) => {
        this.#tail.write(`${error.message}\n`)
        end(null, null)
      })
    })
  }

  get alive(): boolean {
    return this.#ending === undefined
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  /** What Blender printed last, progress left out. */
  get lastWords(): string {
    return this.#tail.text(LAST_WORDS_LENGTH_MAX)
  }

  /**
   * Runs one command to its end. Failures are the driver's own, or `blender_crashed`, `out_of_memory`, `gpu_error`,
   * `interrupted` (aborted, or killed by us), `no_progress` (timed out), `answer_invalid` (the driver broke the
   * protocol).
   */
  async run<Command extends CommandName>(
    command: Command,
    parameters: Commands[Command],
    options: RunOptions = {},
  ): Promise<CommandOutcome<Command>> {
    if (this.#pending !== undefined) throw new Error('a Blender takes one command at a time')
    if (this.#ending !== undefined) return this.#ending
    const id = this.#nextId++
    this.#tail.clear()
    const settled = new Promise<Answer | CommandFailure>((settle) => {
      this.#pending = { id, settle, report: throttled(options.onProgress ?? (() => {}), () => performance.now()) }
    })
    const stop = this.#watch(options)
    this.#commands.write(`${JSON.stringify({ ...parameters, id, command })}\n`)
    const answer = await settled
    stop()
    // What was printed before the answer is in its pipes already; this turn of the event loop reads them too.
    await new Promise((read) => setImmediate(read))
    return this.#outcome(command, answer)
  }

  /** Kills Blender and all it started, and waits until it is gone. Legal at any time, and twice. */
  async kill(): Promise<void> {
    this.#killGroup()
    await this.#exited
  }

  /** Lets Blender leave by itself; kills it when it does not within `timeoutMs`. */
  async stop(timeoutMs = 5_000): Promise<void> {
    if (this.alive && this.#pending === undefined) await this.run('quit', {}, { timeoutMs })
    await this.kill()
  }

  async #comeUp(options: BlenderStart): Promise<Started> {
    const ready = new Promise<'ready'>((resolve) => {
      this.#ready = () => {
        this.#ready = undefined
        resolve('ready')
      }
    })
    const timeout = AbortSignal.timeout(options.startTimeoutMs ?? START_TIMEOUT_MS)
    const first = await Promise.race([
      ready,
      this.#exited.then(() => 'exited' as const),
      once(timeout, 'abort').then(() => 'silent' as const),
    ])
    if (first === 'ready') return { ok: true, value: this }
    if (first === 'silent') {
      await this.kill()
      return this.#failure('blender_silent', 'worker', `${options.executable} did not come up in time`)
    }
    if (this.#child.pid !== undefined && this.#ending !== undefined) return this.#ending
    return this.#failure('blender_missing', 'worker', `${options.executable} cannot be started: ${this.lastWords}`)
  }

  #whenItEnded(): string {
    if (this.#ready !== undefined) return 'before it was ready'
    return this.#pending === undefined ? 'with nothing to do' : 'in the middle of a command'
  }

  #watch(options: RunOptions): () => void {
    const give = (code: string, blame: 'farm' | 'worker', message: string): void => {
      this.#settle(this.#failure(code, blame, message))
      this.#killGroup()
    }
    const onAbort = (): void => give('interrupted', 'farm', 'the task was stopped from outside')
    const timer =
      options.timeoutMs === undefined
        ? undefined
        : setTimeout(
            () => give('no_progress', 'worker', `Blender did not finish the command in ${options.timeoutMs} ms`),
            options.timeoutMs,
          )
    if (options.signal?.aborted === true) onAbort()
    options.signal?.addEventListener('abort', onAbort, { once: true })
    return () => {
      clearTimeout(timer)
      options.signal?.removeEventListener('abort', onAbort)
    }
  }

  #outcome<Command extends CommandName>(command: Command, answer: Answer | CommandFailure): CommandOutcome<Command> {
    if (!('ended' in answer)) return answer
    const { ended } = answer
    if (!ended.ok) return this.#failure(ended.code, ended.blame, ended.message)
    const spoken = command === 'render' ? spokenFailure(this.lastWords) : undefined
    if (spoken !== undefined) return spoken
    const parsed = ANSWERS[command].safeParse(answer.line)
    if (!parsed.success)
      return this.#failure(
        'answer_invalid',
        'worker',
        `the driver answered ${command} with something else than agreed: ${parsed.error.message.slice(0, 1_000)}`,
      )
    // The table gives each command its own schema; TypeScript cannot follow the index.
    return { ok: true, value: parsed.data as AnswerTo<Command> }
  }

  #failure(code: string, blame: CommandFailure['blame'], message: string): CommandFailure {
    return { ok: false, code, blame, message, lastWords: this.lastWords }
  }

  #settle(answer: Answer | CommandFailure): void {
    const pending = this.#pending
    this.#pending = undefined
    pending?.settle(answer)
  }

  /** A line that Blender printed: up to 4.x that is where its progress shows. */
  #hear(line: string): void {
    const progress = parseProgress(line)
    if (progress !== undefined) this.#pending?.report(progress)
  }

  #read(text: string): void {
    const lines = (this.#unfinished + text).split('\n')
    this.#unfinished = lines.pop() ?? ''
    if (this.#unfinished.length > ANSWER_CHARACTERS_MAX) {
      this.#unfinished = ''
      this.#settle(
        this.#failure(
          'answer_invalid',
          'worker',
          `the driver's answer is longer than ${ANSWER_CHARACTERS_MAX} characters`,
        ),
      )
      this.#killGroup()
    }
    for (const line of lines) this.#take(line)
  }

  #take(text: string): void {
    const line = parseJson(text)
    const parsed = DriverLine.safeParse(line)
    if (!parsed.success) {
      this.#tail.write(`unreadable answer: ${text.slice(0, 200)}\n`)
      return
    }
    const said = parsed.data
    if (!('event' in said)) {
      if (said.id === this.#pending?.id) this.#settle({ ended: said, line })
    } else if (said.event === 'ready') {
      this.#ready?.()
    } else {
      this.#hear(said.text)
    }
  }

  #killGroup(): void {
    const { pid } = this.#child
    if (!this.alive || pid === undefined) return
    this.#killed = true
    try {
      if (process.platform === 'win32') this.#child.kill('SIGKILL')
      else process.kill(-pid, 'SIGKILL')
    } catch (error) {
      // Gone in the meantime, which is what was wanted.
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
    }
  }
}

function blenderArguments(options: BlenderStart): string[] {
  const own = [options.driverPath, '--', '--fd-out', '3']
  return options.launch === 'module'
    ? own
    : ['--background', '--factory-startup', '--disable-autoexec', '-noaudio', '--python', ...own]
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
