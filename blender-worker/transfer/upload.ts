import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { pipeline } from 'node:stream/promises'
import type { Logger } from 'pino'
import { errorCode } from '../failure.ts'
import { isPassing, waitBeforeRetry, type Patience } from './patience.ts'
import { placeOf } from './place.ts'

export interface UploadOptions {
  readonly url: URL
  /** Sent as they are: they are part of what the URL was signed for. */
  readonly headers: Readonly<Record<string, string>>
  readonly path: string
  readonly patience: Patience
  readonly signal: AbortSignal
  readonly log: Logger
}

/** refused: the store said no, trying again is useless. unreachable: it never answered well; another time it may. */
export type UploadOutcome =
  | { readonly ok: true }
  | { readonly ok: false; readonly code: 'refused' | 'unreachable'; readonly message: string }

/**
 * Sends a file by PUT, streamed from disk with its length, again and again as far as patience goes. Rejects when
 * aborted.
 */
export async function upload(options: UploadOptions): Promise<UploadOutcome> {
  const { url, patience, signal, log } = options
  for (let tries = 1; ; tries++) {
    const answer = await putOnce(options)
    signal.throwIfAborted()
    if (typeof answer === 'number' && answer >= 200 && answer < 300) return { ok: true }
    if (typeof answer === 'number' && !isPassing(answer))
      return { ok: false, code: 'refused', message: `${placeOf(url)} answered HTTP ${answer} to the upload` }
    const why = typeof answer === 'number' ? `HTTP ${answer}` : answer
    if (tries >= patience.fruitlessTriesMax)
      return { ok: false, code: 'unreachable', message: `${placeOf(url)} accepted no upload in ${tries} tries: ${why}` }
    log.warn({ place: placeOf(url), why, tries }, 'upload failed, will try again')
    await waitBeforeRetry(tries, patience, signal)
  }
}

/** The status, or why there is none. */
async function putOnce(options: UploadOptions): Promise<number | string> {
  const { url, path, patience, signal } = options
  const { size } = await stat(path)
  const headers = Object.fromEntries(
    Object.entries(options.headers).map(([name, value]) => [name.toLowerCase(), value]),
  )
  headers['content-length'] ??= String(size)
  const request = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, { method: 'PUT', headers, signal })
  request.setTimeout(patience.stallMs, () =>
    request.destroy(new Error(`no sign of life for ${patience.stallMs / 1_000} s`)),
  )
  const answered = new Promise<number>((resolve, reject) => {
    request.on('response', (response: IncomingMessage) => {
      // The body must be read for the socket to be freed; its text may hold what is secret, so it is not kept.
      response.on('error', reject)
      response.on('end', () => resolve(response.statusCode ?? 0))
      response.resume()
    })
    request.on('error', reject)
    request.on('close', () => reject(new Error('the connection was cut')))
  })
  // A store that refuses may answer and hang up before it has read all: its answer counts then, not the broken pipe.
  const sent = pipeline(createReadStream(path), request).catch((error: unknown) => error)
  try {
    return await answered
  } catch (error) {
    if (errorCode(error) === 'ENOENT') throw error
    return errorCode(error) ?? (error instanceof Error ? error.message : String(error))
  } finally {
    request.destroy()
    await sent
  }
}
