/*
 * A farm, workers and commands as processes of their own, each with its peak of memory.
 */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { projectFile } from '../../support/project-file.ts'
import { freePorts } from '../../support/tcp-line.ts'
import { startS3Server, type S3Server } from '../../support/s3-server.ts'

const COMMAND = projectFile('services/cli/bin/tilework.mjs')
/** How often the peak of a process is read: the system keeps it, only its last moments may be missed. */
const LOOK_MS = 50
const START_MS_MAX = 60_000

const Tokens = z.object({ api: z.string(), worker: z.string() })

/** A process that was started, and the most memory that it has had, in bytes. */
export interface Measured {
  readonly child: ChildProcess
  readonly peakBytes: () => number
  readonly ended: Promise<number>
  readonly said: () => string
}

/** Runs `tilework` with these arguments; what it says on standard error is logged to a file. */
function startTilework(args: readonly string[], env: NodeJS.ProcessEnv, logFile: string): Measured {
  const child = spawn(process.execPath, [COMMAND, ...args], { env: { ...process.env, ...env } })
  let peak = 0
  let said = ''
  const log = createWriteStream(logFile, { flags: 'a' })
  child.stdout.on('data', (bytes: Buffer) => (said += bytes.toString()))
  child.stderr.pipe(log)
  const look = async () => {
    const text = await readFile(`/proc/${child.pid}/status`, 'utf8').catch(() => '')
    peak = Math.max(peak, Number(/^VmHWM:\s+(\d+) kB/m.exec(text)?.[1] ?? 0) * 1024)
  }
  const timer = setInterval(() => void look(), LOOK_MS)
  const ended = new Promise<number>((resolve) =>
    child.on('close', (code) => {
      clearInterval(timer)
      resolve(code ?? -1)
    }),
  )
  return { child, peakBytes: () => peak, ended, said: () => said }
}

/** A whole farm in one process; its object store is a folder, or a real S3 server. */
export class BenchFarm {
  readonly url: string
  readonly tokens: z.infer<typeof Tokens>
  readonly process: Measured
  readonly #folder: string
  readonly #s3: S3Server | undefined

  private constructor(
    url: string,
    tokens: z.infer<typeof Tokens>,
    process: Measured,
    folder: string,
    s3: S3Server | undefined,
  ) {
    this.url = url
    this.tokens = tokens
    this.process = process
    this.#folder = folder
    this.#s3 = s3
  }

  static async start(folder: string, store: 'folder' | 's3'): Promise<BenchFarm> {
    await mkdir(folder, { recursive: true })
    const s3 = store === 's3' ? await startS3Server() : undefined
    const [port] = await freePorts(1)
    const env = {
      LOG_LEVEL: 'warn',
      ...(s3 === undefined
        ? {}
        : {
            S3_BUCKET: s3.bucket,
            S3_ENDPOINT: s3.endpoint,
            S3_REGION: s3.region,
            S3_ACCESS_KEY_ID: s3.accessKeyId,
            S3_SECRET_ACCESS_KEY: s3.secretAccessKey,
          }),
    }
    const dataDir = join(folder, 'farm')
    const measured = startTilework(['up', '--port', String(port), '--data-dir', dataDir], env, join(folder, 'farm.log'))
    const url = `http://127.0.0.1:${port}`
    const from = performance.now()
    while (!measured.said().includes('farm_ready')) {
      if (performance.now() - from > START_MS_MAX) throw new Error(`the farm did not start; see ${folder}/farm.log`)
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
    }
    const tokens = Tokens.parse(JSON.parse(await readFile(join(dataDir, 'tokens.json'), 'utf8')))
    return new BenchFarm(url, tokens, measured, folder, s3)
  }

  /** Runs a command to its end, and gives its seconds, what it said, and its peak of memory. Throws when it fails. */
  async run(...args: readonly string[]): Promise<{ seconds: number; said: string; peakBytes: number }> {
    const env = { TILEWORK_URL: this.url, TILEWORK_TOKEN: this.tokens.api, XDG_STATE_HOME: join(this.#folder, 'state') }
    const from = performance.now()
    const measured = startTilework(args, env, join(this.#folder, 'command.log'))
    const code = await measured.ended
    if (code !== 0) throw new Error(`tilework ${args.join(' ')} ended with ${code}; see ${this.#folder}/command.log`)
    return {
      seconds: (performance.now() - from) / 1_000,
      said: measured.said(),
      peakBytes: measured.peakBytes(),
    }
  }

  async stop(): Promise<void> {
    this.process.child.kill('SIGTERM')
    await this.process.ended
    await this.#s3?.stop()
  }
}

export const mib = (bytes: number): number => Math.round(bytes / 2 ** 20)
export const rounded = (seconds: number): number => Math.round(seconds * 100) / 100
