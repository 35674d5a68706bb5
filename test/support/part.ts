/*
 * One process of a farm under test, started as an operator does: `tilework <args>` from what was built. It can be
 * killed at any instruction, stood still, and started again. All of its lives write into one log.
 */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { existsSync, openSync, closeSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { projectFile } from './project-file.ts'

/**
 * How long a process may take to end in order before it is killed: a worker says goodbye, an assembler finishes its
 * step.
 */
const FAREWELL_MS_MAX = 20_000
/** A worker drains at the first signal; nobody waits for its frames here. */
const SECOND_SIGNAL_AFTER_MS = 300
const LOOK_MS = 50
/** Dies with us even if we are killed and cannot end it. */
const LEASH: readonly string[] = existsSync('/usr/bin/setpriv') ? ['/usr/bin/setpriv', '--pdeathsig', 'KILL', '--'] : []

export interface PartOptions {
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly logPath: string
  /** Of Node, such as `--import file`. */
  readonly nodeArgs?: readonly string[]
  /** Put before the command line: `['prlimit', '--fsize=1000000', '--']`. */
  readonly under?: readonly string[]
}

export class Part {
  readonly name: string
  /** How often it was started. */
  lives = 0
  readonly #options: PartOptions
  #child: ChildProcess | null = null
  #ended: Promise<void> = Promise.resolve()
  #still = false

  constructor(name: string, options: PartOptions) {
    this.name = name
    this.#options = options
  }

  get pid(): number | undefined {
    return this.alive ? this.#child?.pid : undefined
  }

  get alive(): boolean {
    return this.#child !== null && this.#child.exitCode === null && this.#child.signalCode === null
  }

  get still(): boolean {
    return this.#still
  }

  get isWorker(): boolean {
    return this.#options.args[0] === 'worker'
  }

  /** How it ended last: `exit code 1` or a signal's name; null while it runs. */
  get ending(): string | null {
    const child = this.#child
    if (child === null || this.alive) return null
    return child.signalCode ?? `exit code ${child.exitCode}`
  }

  start(): this {
    if (this.alive) throw new Error(`${this.name} runs already`)
    const { args, env, logPath, nodeArgs = [], under = [] } = this.#options
    const log = openSync(logPath, 'a')
    const [command = process.execPath, ...rest] = [
      ...LEASH,
      ...under,
      process.execPath,
      ...nodeArgs,
      projectFile('services/cli/bin/tilework.mjs'),
      ...args,
    ]
    const child = spawn(command, rest, {
      stdio: ['ignore', log, log],
      env: {
        PATH: process.env['PATH'],
        HOME: process.env['HOME'],
        LANG: 'C.UTF-8',
        AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
        ...env,
      },
    })
    closeSync(log)
    this.#child = child
    this.#still = false
    this.lives += 1
    this.#ended = new Promise((ended) => {
      child.once('exit', () => ended())
      child.once('error', () => ended())
    })
    return this
  }

  /** As when the power fails: no instruction more. */
  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL')
    await this.#ended
  }

  /** Waits until it has ended by itself. */
  async over(): Promise<void> {
    await this.#ended
  }

  /** Asks it to end in order, and waits. Legal twice. */
  async stop(): Promise<void> {
    if (!this.alive) return
    this.thaw()
    this.#child?.kill('SIGTERM')
    const timers = [setTimeout(() => this.#child?.kill('SIGKILL'), FAREWELL_MS_MAX)]
    if (this.isWorker) timers.push(setTimeout(() => this.#child?.kill('SIGTERM'), SECOND_SIGNAL_AFTER_MS))
    await this.#ended
    timers.forEach(clearTimeout)
  }

  /** Stops it from doing anything, without an end of its connections. */
  freeze(): void {
    this.#still = this.#child?.kill('SIGSTOP') ?? false
  }

  thaw(): void {
    this.#child?.kill('SIGCONT')
    this.#still = false
  }

  async log(): Promise<string> {
    return existsSync(this.#options.logPath) ? readFile(this.#options.logPath, 'utf8') : ''
  }

  /** Waits until it has said so, `times` times in all its lives. Throws when it ends before. */
  async said(words: string, times = 1): Promise<void> {
    for (;;) {
      const ended = !this.alive
      if ((await this.log()).split(words).length > times) return
      if (ended)
        throw new Error(
          `${this.name} ended with ${this.ending} before it said ` +
            `${JSON.stringify(words)}:\n${(await this.log()).slice(-3_000)}`,
        )
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
    }
  }
}
