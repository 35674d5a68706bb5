import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { performance } from 'node:perf_hooks'
import type { Writable } from 'node:stream'
import { ANSWERS, type AnswerTo, type CommandName, type DriverLine, type Ended } from './answers.ts'
import type { Commands } from './commands.ts'
import { type CommandFailure, crashFailure, spokenFailure } from './crash.ts'
import { ANSWER_CHARACTERS_MAX, DriverLines } from './driver-lines.ts'
import { type BlenderStart, type Launched, launchBlender } from './launch.ts'
import { ColorWarnings } from './color-warnings.ts'
import { OutputTail } from './output-tail.ts'
import { parseProgress, type RenderProgress, throttled } from './progress.ts'

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
  /** What it said of colors that it does not know when it opened the file that is open. */
  readonly colors = new ColorWarnings()
  readonly #exited: Promise<void>
  #pending: Pending | undefined
  /** Why it is gone; undefined while it is alive. */
  #ending: CommandFailure | undefined
  /** We have killed it ourselves. */
  #killed = false
  #ready: (() => void) | undefined
  #nextId = 1

  /**
   * Fails with `blender_missing`, `blender_silent` (it did not come up in time), `sandbox_unavailable` (one is required
   * and does not work), or, when Blender ended before it was ready, with the same as a command in the middle of which
   * it does.
   */
  static async start(options: BlenderStart): Promise<Started> {
    const launched = await launchBlender(options)
    return 'child' in launched ? await new BlenderProcess(launched).#comeUp(options) : launched
  }

  private constructor({ child, stdin, stdout, stderr, answers, sandboxAbsence }: Launched) {
    this.#child = child
    this.sandboxAbsence = sandboxAbsence
    this.#commands = stdin
    this.#tail = new OutputTail((line) => this.#hear(line))
    const lines = new DriverLines({
      onLine: (said, line) => this.#take(said, line),
      onUnreadable: (text) => this.#tail.write(`unreadable answer: ${text.slice(0, 200)}\n`),
      onEndless: () => this.#giveUp(),
    })
    // A pipe that breaks because Blender is gone is told by its exit.
    for (const stream of [stdin, stdout, stderr, answers]) stream.on('error', () => {})
    for (const stream of [stdout, stderr])
      stream.setEncoding('utf8').on('data', (text: string) => this.#tail.write(text))
    answers.setEncoding('utf8').on('data', (text: string) => lines.write(text))
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
    else this.colors.hear(line)
  }

  #take(said: DriverLine, line: unknown): void {
    if (!('event' in said)) {
      if (said.id === this.#pending?.id) this.#settle({ ended: said, line })
    } else if (said.event === 'ready') {
      this.#ready?.()
    } else {
      this.#hear(said.text)
    }
  }

  /** On a driver whose answer has no end. */
  #giveUp(): void {
    const message = `the driver's answer is longer than ${ANSWER_CHARACTERS_MAX} characters`
    this.#settle(this.#failure('answer_invalid', 'worker', message))
    this.#killGroup()
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
