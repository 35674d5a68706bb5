/*
 * The processes of a quickstart. Each is in a process group of its own, so that Ctrl-C reaches the quickstart alone,
 * which then ends them in order; and each hangs on its standard input, so that it ends even if the quickstart is
 * killed.
 */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { CommandFailure, EXIT_CODES } from '../exit-codes.ts'

const COMMAND = fileURLToPath(new URL('../../../../services/cli/bin/tilework.mjs', import.meta.url))
/**
 * How long a child may take to end in order before it is killed: a farm writes its state to disk, a worker says
 * goodbye.
 */
const FAREWELL_MS_MAX = 20_000
/** A worker drains at the first signal; a quickstart that ends does not wait for frames nobody wants. */
const SECOND_SIGNAL_AFTER_MS = 300
const POLL_PAUSE_MS = 50
const LAST_LINES = 15

export interface Child {
  readonly name: string
  readonly pid: number
  readonly logPath: string
  /** Resolves when it has ended, with how. */
  readonly ended: Promise<string>
  hasEnded(): boolean
  /** Ends it; kills it if it does not go. Legal twice. */
  stop(): Promise<void>
}

/** Starts `tilework <args>` with its output in a file. With `stays` it outlives this process. */
export function startChild(
  name: string,
  args: readonly string[],
  { logPath, stays, env }: { logPath: string; stays: boolean; env: NodeJS.ProcessEnv },
): Child {
  const log = openSync(logPath, 'w')
  const child = spawn(process.execPath, [COMMAND, ...args, ...(stays ? [] : ['--leash'])], {
    detached: true,
    stdio: [stays ? 'ignore' : 'pipe', log, log],
    env,
  })
  let end: string | null = null
  const ended = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => resolve((end = signal === null ? `exit code ${code}` : `signal ${signal}`)))
    child.once('error', (error) => resolve((end = error.message)))
  })
  // Its end shows in `ended`; a pipe that breaks with it tells nothing new.
  child.stdin?.on('error', () => undefined)
  if (stays) child.unref()
  return {
    name,
    pid: child.pid ?? 0,
    logPath,
    ended,
    hasEnded: () => end !== null,
    stop: () => stopChild(child, ended, () => end !== null),
  }
}

/** Waits for a line in a child's log, and gives it. Throws when the child ends before, or after the deadline. */
export async function waitForLine(child: Child, marker: string, deadlineMs: number): Promise<string> {
  const giveUpAtMs = performance.now() + deadlineMs
  for (;;) {
    const line = (await readFile(child.logPath, 'utf8')).split('\n').find((each) => each.includes(marker))
    if (line !== undefined) return line
    if (child.hasEnded()) throw await childFailure(child, `ended with ${await child.ended}`)
    if (performance.now() > giveUpAtMs) throw await childFailure(child, `was not ready after ${deadlineMs / 1000} s`)
    await pause(POLL_PAUSE_MS)
  }
}

/** Throws as soon as one of the children has ended. */
export async function anyEnd(children: readonly Child[]): Promise<never> {
  const { child, how } = await Promise.race(children.map(async (each) => ({ child: each, how: await each.ended })))
  throw await childFailure(child, `ended with ${how}`)
}

async function childFailure(child: Child, what: string): Promise<CommandFailure> {
  const tail = (await readFile(child.logPath, 'utf8')).trimEnd().split('\n').slice(-LAST_LINES)
  return new CommandFailure(
    EXIT_CODES.failed,
    'child_ended',
    `the ${child.name} ${what}. The end of ${child.logPath}:\n${tail.map((line) => `  ${line}`).join('\n')}`,
  )
}

async function stopChild(child: ChildProcess, ended: Promise<string>, hasEnded: () => boolean): Promise<void> {
  if (hasEnded()) return
  child.kill('SIGTERM')
  const timers = [setTimeout(() => child.kill('SIGKILL'), FAREWELL_MS_MAX)]
  if (child.spawnargs.includes('worker')) timers.push(setTimeout(() => child.kill('SIGTERM'), SECOND_SIGNAL_AFTER_MS))
  await ended
  timers.forEach(clearTimeout)
}
