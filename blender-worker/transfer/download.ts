import { open, rm, stat } from 'node:fs/promises'
import type { Logger } from 'pino'
import type { Sha256 } from '../../shared/protocol/ids.ts'
import { WorkFailure, errorCode, isDiskFull } from '../failure.ts'
import { isPassing, waitBeforeRetry, type Patience } from './patience.ts'
import { placeOf } from './place.ts'
import { sha256OfFile } from './sha256.ts'

export interface DownloadOptions {
  readonly url: URL
  /** Where the bytes go; what is already there is taken as the beginning of the file. */
  readonly path: string
  readonly bytes: number
  readonly sha256: Sha256
  readonly patience: Patience
  readonly signal: AbortSignal
  readonly log: Logger
}

/**
 * A whole file of the right length and the wrong content is fetched once more: its beginning may be left over from
 * another one.
 */
const WRONG_CONTENT_MAX = 2

/**
 * Fetches a file of known length and hash, going on after cuts where they happened. On return `path` is whole and
 * checked. Throws WorkFailure `scene_download_failed` when patience or the server's will is at its end (the part stays
 * for a later try) and `disk_full`; rejects with the signal's reason when aborted.
 */
export async function download(options: DownloadOptions): Promise<void> {
  const { url, path, bytes, patience, signal, log } = options
  let wrongContent = 0
  let fruitless = 0
  let furthest = await lengthOf(path)
  for (;;) {
    const have = await lengthOf(path)
    if (have >= bytes) {
      if (have === bytes && (await sha256OfFile(path, signal)) === options.sha256) return
      await rm(path, { force: true })
      furthest = 0
      if (++wrongContent >= WRONG_CONTENT_MAX)
        throw new WorkFailure(
          'scene_download_failed',
          `${placeOf(url)} sent another file than expected: its SHA-256 is not ${options.sha256}`,
        )
      log.warn({ place: placeOf(url), bytes: have }, 'downloaded file has the wrong content, starting over')
      continue
    }
    const outcome = await fetchRest(options, have)
    signal.throwIfAborted()
    if (outcome.kind === 'refused')
      throw new WorkFailure('scene_download_failed', `${placeOf(url)} answered HTTP ${outcome.status}`)
    if (outcome.kind === 'whole') continue
    const reached = await lengthOf(path)
    fruitless = reached > furthest ? 0 : fruitless + 1
    furthest = Math.max(furthest, reached)
    if (fruitless >= patience.fruitlessTriesMax) {
      throw new WorkFailure(
        'scene_download_failed',
        `${placeOf(url)} could not be read in ${fruitless} tries, ${reached} of ${bytes} bytes came: ${outcome.why}`,
      )
    }
    log.warn({ place: placeOf(url), bytesHere: reached, bytes, why: outcome.why }, 'download cut, will go on')
    await waitBeforeRetry(fruitless + 1, patience, signal)
  }
}

type Outcome =
  | { readonly kind: 'whole' }
  | { readonly kind: 'cut'; readonly why: string }
  | { readonly kind: 'refused'; readonly status: number }

async function fetchRest(options: DownloadOptions, have: number): Promise<Outcome> {
  const stall = new AbortController()
  const stallTimer = setTimeout(
    () => stall.abort(new Error(`nothing came for ${options.patience.stallMs / 1_000} s`)),
    options.patience.stallMs,
  )
  try {
    const response = await fetch(options.url, {
      headers: { 'accept-encoding': 'identity', ...(have === 0 ? {} : { range: `bytes=${have}-` }) },
      signal: AbortSignal.any([options.signal, stall.signal]),
    })
    if (response.status === 416) {
      await rm(options.path, { force: true })
      return { kind: 'cut', why: 'the server has fewer bytes than are here' }
    }
    if (!response.ok || response.body === null) {
      await response.body?.cancel()
      return isPassing(response.status)
        ? { kind: 'cut', why: `HTTP ${response.status}` }
        : { kind: 'refused', status: response.status }
    }
    return await writeRest(options, response.body, startOf(response, have), () => stallTimer.refresh())
  } catch (error) {
    if (isDiskFull(error)) {
      await rm(options.path, { force: true })
      throw new WorkFailure(
        'disk_full',
        `the disk of this worker is full: ${options.bytes} bytes of ${placeOf(options.url)} do not fit`,
        { cause: error },
      )
    }
    if (errorCode(error)?.startsWith('E') === true && isLocal(error)) throw error
    return { kind: 'cut', why: stall.signal.aborted ? String(stall.signal.reason) : reasonOf(error) }
  } finally {
    clearTimeout(stallTimer)
  }
}

/** Where the body begins: a server that ignores Range sends everything. */
function startOf(response: Response, have: number): number {
  if (response.status !== 206) return 0
  const first = /^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')?.[1]
  return first === undefined ? have : Number(first)
}

async function writeRest(
  options: DownloadOptions,
  body: ReadableStream<Uint8Array>,
  start: number,
  onBytes: () => void,
): Promise<Outcome> {
  const file = await open(options.path, start === 0 ? 'w' : 'r+')
  try {
    if (start > 0) {
      if (start > (await file.stat()).size) return { kind: 'cut', why: 'the server skipped bytes' }
      await file.truncate(start)
    }
    let position = start
    for await (const chunk of body) {
      onBytes()
      // One byte too many is kept, so that the length tells; never more, or a lying server could fill the disk.
      const wanted = chunk.subarray(0, options.bytes + 1 - position)
      await writeAll(file, wanted, position)
      position += wanted.length
      if (position > options.bytes) break
    }
    return position >= options.bytes
      ? { kind: 'whole' }
      : { kind: 'cut', why: `the connection ended at byte ${position}` }
  } finally {
    await file.close()
  }
}

async function writeAll(file: Awaited<ReturnType<typeof open>>, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done)
    done += bytesWritten
  }
}

async function lengthOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return 0
    throw error
  }
}

/** True for errors of this machine's files, which no retry over the network heals. */
function isLocal(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error && 'path' in error
}

/** Why a fetch failed, without the URL. */
function reasonOf(error: unknown): string {
  const code = errorCode(error)
  return code ?? (error instanceof Error ? error.message : String(error))
}
