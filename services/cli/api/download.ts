/*
 * Fetches the delivered files of a job. A file is written beside its name, checked against its hash, and only then gets
 * its name; so whatever bears a name is whole, and a second run fetches what is missing and nothing else.
 */
import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { PlacePath } from '../../../shared/protocol/final-path.ts'
import type { Artifact } from '../../../shared/protocol/rest.ts'
import { CommandFailure, EXIT_CODES } from '../exit-codes.ts'
import type { FarmClient } from './farm-client.ts'
import { networkWords } from './farm-requests.ts'

/** Files fetched at the same time: enough to hide the way to the store, few enough not to fill the line with heads. */
const FILES_AT_ONCE = 4
/** A connection on which nothing came for this long is cut, and the download goes on over a new one. */
const SILENCE_MS_MAX = 60_000
const TRIES_MAX = 5

export interface DownloadOptions {
  readonly only?: 'frames' | 'video' | undefined
  readonly onFile?: (artifact: Artifact, skipped: boolean) => void
}

export interface Downloaded {
  /** Paths below the target folder, in the farm's order. */
  readonly files: readonly string[]
  readonly fetched: number
  readonly skipped: number
  readonly bytes: number
}

/**
 * Fetches into `folder`. Throws when a file cannot be had whole after a few tries; what was fetched until then stays.
 */
export async function downloadJob(
  client: FarmClient,
  jobId: string,
  folder: string,
  options: DownloadOptions = {},
): Promise<Downloaded> {
  const files: string[] = []
  const sum = { fetched: 0, skipped: 0, bytes: 0 }
  for await (const page of client.artifacts(jobId)) {
    const wanted = page.filter(({ path }) => options.only === undefined || path.startsWith(`${options.only}/`))
    files.push(...wanted.map(({ path }) => path))
    await inParallel(wanted, FILES_AT_ONCE, async (artifact) => {
      const target = join(folder, safePath(artifact.path))
      const skipped = await isThere(target, artifact)
      if (!skipped) await fetchFile(client, jobId, artifact, target)
      sum[skipped ? 'skipped' : 'fetched'] += 1
      sum.bytes += artifact.bytes
      options.onFile?.(artifact, skipped)
    })
  }
  return { files, ...sum }
}

// The farm's word is no reason to write outside the folder.
function safePath(path: string): string {
  if (PlacePath.safeParse(path.replace(/^[a-z]+\//, '')).success) return join(...path.split('/').map(nameOnThisSystem))
  throw new CommandFailure(
    EXIT_CODES.failed,
    'bad_answer',
    `the farm sent the file name ${JSON.stringify(path)}, which would lie outside the target folder`,
  )
}

/** Windows has signs that no name may hold, and none may end with a dot or a blank. */
function nameOnThisSystem(name: string): string {
  return process.platform === 'win32' ? name.replace(/[<>:"|?*]|[. ]$/g, '_') : name
}

async function isThere(path: string, artifact: Artifact): Promise<boolean> {
  return (await sizeOf(path)) === artifact.bytes && (await sha256Of(path)) === artifact.sha256
}

async function fetchFile(client: FarmClient, jobId: string, artifact: Artifact, target: string): Promise<void> {
  await mkdir(dirname(target), { recursive: true })
  const part = `${target}.part`
  let url = artifact.url === undefined ? await client.artifactUrl(jobId, artifact.path) : client.absolute(artifact.url)
  let why = ''
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const outcome = await fetchRest(url, part, artifact.bytes)
    if (outcome.ok && (await sha256Of(part)) === artifact.sha256) return rename(part, target)
    if (outcome.ok) await rm(part, { force: true })
    why = outcome.ok ? 'the bytes that came do not have the hash that the farm told' : outcome.why
    // The address may have expired, or the store moved.
    if (!outcome.ok && outcome.asked) url = await client.artifactUrl(jobId, artifact.path)
  }
  throw new CommandFailure(
    EXIT_CODES.failed,
    'download_failed',
    `${artifact.path} could not be fetched: ${why}. Run the command again; it goes on with what is missing`,
  )
}

/** One try at what is missing of a file; `asked` tells that the other side answered and said no. */
async function fetchRest(
  url: string,
  part: string,
  bytes: number,
): Promise<{ ok: true } | { ok: false; asked: boolean; why: string }> {
  const have = (await sizeOf(part)) ?? 0
  if (have > bytes) await rm(part, { force: true })
  if (have === bytes) return { ok: true }
  const from = have < bytes ? have : 0
  const silence = new AbortController()
  let timer = setTimeout(() => silence.abort(), SILENCE_MS_MAX)
  const listen = new Transform({
    transform(chunk, _encoding, done) {
      clearTimeout(timer)
      timer = setTimeout(() => silence.abort(), SILENCE_MS_MAX)
      done(null, chunk)
    },
  })
  try {
    const response = await fetch(url, {
      signal: silence.signal,
      headers: from === 0 ? {} : { range: `bytes=${from}-` },
    })
    if (!response.ok || response.body === null) {
      await response.body?.cancel()
      return { ok: false, asked: true, why: `the object store answered ${response.status}` }
    }
    await pipeline(response.body, listen, createWriteStream(part, { flags: response.status === 206 ? 'a' : 'w' }))
    return (await sizeOf(part)) === bytes
      ? { ok: true }
      : { ok: false, asked: false, why: `${await sizeOf(part)} of ${bytes} bytes came` }
  } catch (error) {
    if (isDiskTrouble(error))
      throw new CommandFailure(EXIT_CODES.failed, 'disk', `cannot write ${part}: ${error.message}`)
    return {
      ok: false,
      asked: false,
      why: silence.signal.aborted ? `nothing came for ${SILENCE_MS_MAX / 1000} s` : networkWords(error),
    }
  } finally {
    clearTimeout(timer)
  }
}

function isDiskTrouble(error: unknown): error is Error {
  return (
    error instanceof Error &&
    'code' in error &&
    ['ENOSPC', 'EACCES', 'EROFS', 'EDQUOT', 'EISDIR', 'EPERM'].includes(String(error.code))
  )
}

async function sizeOf(path: string): Promise<number | null> {
  const found = await stat(path).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  })
  return found?.isFile() === true ? found.size : null
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}

async function inParallel<T>(all: readonly T[], atOnce: number, call: (one: T) => Promise<void>): Promise<void> {
  const rest = all.values()
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (const one of rest) await call(one)
    }),
  )
}
