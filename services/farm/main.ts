import { randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { startRedisServer } from '../../shared/adapters/redis/server.ts'
import { startAssembler } from '../assembler/main.ts'
import { startCoordinator } from '../coordinator/main.ts'
import { startVerifier } from '../verifier/main.ts'
import { readConfig } from '../wiring/config.ts'
import { lockFolder } from '../wiring/lock.ts'
import { makeLog, type RunningService, stoppable, stopOnSignals } from '../wiring/process.ts'

/** Tokens and the farm's secret, made at the first start; readable by their owner only. */
const Tokens = z.object({ api: z.string().min(16), worker: z.string().min(16), secret: z.string().min(32) })

export interface RunningFarm extends RunningService {
  readonly url: string
  readonly tokensFile: string
}

/**
 * A whole farm in one process: its own redis-server as a child on a unix socket, a folder as object store, coordinator,
 * verifier and assembler. What the environment sets (REDIS_URL, S3_BUCKET, …) is used instead of what would be started
 * here.
 */
export async function startFarm(env: Readonly<Record<string, string | undefined>>): Promise<RunningFarm> {
  const dataDir = resolve(env['TILEWORK_DATA_DIR'] ?? '.tilework')
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  const unlock = await lockFolder(dataDir)
  const tokensFile = join(dataDir, 'tokens.json')
  const tokens = await readTokens(tokensFile)
  const log = makeLog({ LOG_LEVEL: 'info' }, 'farm')
  const redis = env['REDIS_URL'] === undefined ? await startRedisServer({ folder: join(dataDir, 'redis'), log }) : null
  try {
    const config = readConfig({
      TILEWORK_SECRET: tokens.secret,
      ...(env['S3_BUCKET'] === undefined ? { TILEWORK_STORE_DIR: join(dataDir, 'objects') } : {}),
      ...(redis === null ? {} : { REDIS_URL: redis.url }),
      ...env,
      TILEWORK_DATA_DIR: dataDir,
      TILEWORK_ADMIN_TOKENS: [env['TILEWORK_ADMIN_TOKENS'], `local:${tokens.api}`]
        .filter((each) => each !== undefined && each !== '')
        .join(','),
      TILEWORK_WORKER_TOKENS: [env['TILEWORK_WORKER_TOKENS'], `local:${tokens.worker}`]
        .filter((each) => each !== undefined && each !== '')
        .join(','),
    })
    const coordinator = await startCoordinator(config, makeLog(config, 'coordinator'))
    const verifier = await startVerifier(
      { ...config, TILEWORK_PUBLIC_URL: coordinator.url },
      makeLog(config, 'verifier'),
    )
    const assembler = await startAssembler(
      { ...config, TILEWORK_PUBLIC_URL: coordinator.url },
      makeLog(config, 'assembler'),
    )
    const service = stoppable(async () => {
      await Promise.all([coordinator.stop(), verifier.stop(), assembler.stop()])
      await redis?.stop()
      await unlock()
    })
    void redis?.ended.then(() => service.stop()) // a farm without its state must not pretend to run
    return { ...service, url: coordinator.url, tokensFile }
  } catch (error) {
    await redis?.stop()
    await unlock()
    throw error
  }
}

async function readTokens(path: string): Promise<z.infer<typeof Tokens>> {
  try {
    return Tokens.parse(JSON.parse(await readFile(path, 'utf8')))
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
  }
  const tokens = { api: token(), worker: token(), secret: token() }
  await writeFile(path, `${JSON.stringify(tokens, null, 1)}\n`, { mode: 0o600, flag: 'wx' })
  return tokens
}

function token(): string {
  return randomBytes(32).toString('base64url')
}

/**
 * The process `tilework up`. Says where it listens, as one line of JSON on standard output that a script can wait for.
 */
export async function main(env: Readonly<Record<string, string | undefined>>): Promise<void> {
  const farm = await startFarm(env)
  stopOnSignals(farm, makeLog({ LOG_LEVEL: 'info' }, 'farm'))
  process.stdout.write(
    `${JSON.stringify({ event: 'farm_ready', url: farm.url, docs: `${farm.url}/docs`, tokens: farm.tokensFile })}\n`,
  )
  await farm.stopped
}
