/*
 * Hands a scene in by the tus protocol: in parts, each acknowledged, so that a cut costs at most one part. After a cut
 * the farm is asked how much it has, and that is where the next part begins.
 */
import { createReadStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import { CommandFailure, EXIT_CODES } from '../exit-codes.ts'
import type { FarmClient } from './farm-client.ts'
import { FarmRefusal, FarmUnreachable } from './farm-requests.ts'
import type { SceneFile } from './scene-file.ts'
import type { UploadKey, UnfinishedUploads } from './unfinished-uploads.ts'

/** Sent in one request: of a part that is cut the farm keeps what came. */
const PART_BYTES = 64 * 1024 * 1024
const READ_BYTES = 1024 * 1024
/**
 * Longest wait for a part to be taken. The answer to the last one comes when the farm has read and stored the scene.
 */
const PART_TIMEOUT_MS = 20 * 60_000
/** Failures in a row, with no byte gained between them, before the upload is given up (a minute and a half). */
const TRIES_MAX = 8
const FIRST_PAUSE_MS = 500
const PAUSE_MS_MAX = 30_000

const TUS = { 'tus-resumable': '1.0.0' } as const

/** Bytes to send, from any place on. */
export interface Sendable {
  readonly name: string
  readonly bytes: number
  readonly sha256: string
  open(from: number): Promise<Readable>
}

export interface UploadOptions {
  readonly unfinished: UnfinishedUploads
  readonly main?: string | undefined
  readonly onProgress?: (sentBytes: number, ofBytes: number) => void
  /** Told once for each cut. */
  readonly onCut?: (why: string, atBytes: number) => void
  readonly partBytes?: number
  readonly firstPauseMs?: number
}

export interface Uploaded {
  /** True when the farm had the file already and not a byte was sent. */
  readonly known: boolean
  /** Where it went on, in bytes; 0 for a new upload. */
  readonly resumedAt: number
}

/**
 * Makes sure that the farm has the scene. Throws FarmRefusal when it is refused, FarmUnreachable when cuts do not end.
 */
export async function uploadScene(client: FarmClient, scene: SceneFile, options: UploadOptions): Promise<Uploaded> {
  if ((await client.hasScene(scene.sha256)) && (await isRead(client, scene, options.main)))
    return { known: true, resumedAt: 0 }
  const sendable = {
    ...scene,
    open: async (from: number) => createReadStream(scene.path, { start: from, highWaterMark: READ_BYTES }),
  }
  const resumedAt = await sendResumably(
    client,
    sendable,
    options.main === undefined ? {} : { main: options.main },
    options,
  )
  return { known: false, resumedAt }
}

/**
 * Sends one file of a project. Throws FarmRefusal when it is refused, FarmUnreachable when cuts do not end, and what
 * `open` throws. Gives where it went on, in bytes.
 */
export async function uploadFile(client: FarmClient, file: Sendable, options: UploadOptions): Promise<number> {
  return sendResumably(client, file, { as: 'file' }, options)
}

async function sendResumably(
  client: FarmClient,
  file: Sendable,
  what: { readonly main?: string; readonly as?: 'file' },
  options: UploadOptions,
): Promise<number> {
  const key: UploadKey = { farm: client.requests.address.url, sha256: file.sha256, ...what }
  const noted = await options.unfinished.read(key)
  const standing = noted === null ? null : await offsetOf(client, noted)
  const path = standing === null ? await begin(client, file, what) : (noted ?? '')
  if (standing === null) await options.unfinished.write(key, path)
  try {
    await sendParts(client, { path, file, from: standing ?? 0 }, options)
  } catch (error) {
    if (error instanceof FarmRefusal && !error.retry) await options.unfinished.forget(key)
    throw error
  }
  await options.unfinished.forget(key)
  return standing ?? 0
}

// A project archive may be known with another main .blend; then it has to be read again.
async function isRead(client: FarmClient, scene: SceneFile, main: string | undefined): Promise<boolean> {
  return main === undefined || (await client.scene(scene.sha256)).mainBlend === main
}

async function begin(
  client: FarmClient,
  file: Sendable,
  what: { readonly main?: string; readonly as?: 'file' },
): Promise<string> {
  const metadata = { filename: file.name, sha256: file.sha256, ...what }
  const response = await client.requests.send('/v1/uploads', {
    method: 'POST',
    headers: { ...TUS, 'upload-length': String(file.bytes), 'upload-metadata': encodeMetadata(metadata) },
  })
  const location = response.headers.get('location')
  if (location === null)
    throw new CommandFailure(
      EXIT_CODES.failed,
      'bad_answer',
      'the farm began an upload but did not say where to send it; it may be another version of Tilework',
    )
  return pathOnFarm(client, location)
}

// Locations are paths from the root of the host; a farm may itself live below a path.
function pathOnFarm(client: FarmClient, location: string): string {
  const { pathname } = new URL(location, client.requests.address.url)
  const base = new URL(client.requests.address.url).pathname.replace(/\/$/, '')
  return base !== '' && pathname.startsWith(`${base}/`) ? pathname.slice(base.length) : pathname
}

interface Sending {
  /** Of the upload at the farm. */
  readonly path: string
  readonly file: Sendable
  /** Bytes that the farm has already. */
  readonly from: number
}

async function sendParts(client: FarmClient, { path, file, from }: Sending, options: UploadOptions): Promise<void> {
  const { bytes } = file
  const reader = new PartReader(file, (at) => options.onProgress?.(at, bytes))
  let offset = from
  let failures = 0
  options.onProgress?.(offset, bytes)
  try {
    // An upload that is whole still has to be asked for once: the farm may not have taken it in yet.
    for (let whole = false; !whole;) {
      try {
        const now = failures > 0 || offset === bytes ? await offsetOf(client, path) : offset
        if (now === null)
          throw new CommandFailure(
            EXIT_CODES.failed,
            'upload_gone',
            'the farm has dropped the unfinished upload; submit again to begin a new one',
          )
        if (now > offset) failures = 0
        offset = now < bytes ? await sendPart(client, path, reader, now, options.partBytes ?? PART_BYTES) : now
        failures = 0
        whole = offset >= bytes
        options.onProgress?.(offset, bytes)
      } catch (error) {
        if (reader.failure !== undefined) throw reader.failure
        if (!mayPass(error) || ++failures > TRIES_MAX) throw error
        options.onCut?.(error instanceof Error ? error.message : String(error), offset)
        await pause(Math.min(PAUSE_MS_MAX, (options.firstPauseMs ?? FIRST_PAUSE_MS) * 2 ** (failures - 1)))
      }
    }
  } finally {
    reader.close()
  }
}

async function sendPart(
  client: FarmClient,
  path: string,
  reader: PartReader,
  offset: number,
  partBytes: number,
): Promise<number> {
  const part = await reader.part(offset, partBytes)
  const response = await client.requests.send(path, {
    method: 'PATCH',
    headers: { ...TUS, 'content-type': 'application/offset+octet-stream', 'upload-offset': String(offset) },
    stream: part.chunks,
    timeoutMs: PART_TIMEOUT_MS,
  })
  return offsetIn(response) ?? offset + part.bytes
}

/** Reads a file part after part; one stream for all that follow, since an archive cannot be read from a place. */
class PartReader {
  /** What went wrong with the file itself. */
  failure: unknown
  private readonly file: Sendable
  private stream: Readable | undefined
  private at = 0

  private readonly onRead: (at: number) => void

  constructor(file: Sendable, onRead: (at: number) => void) {
    this.file = file
    this.onRead = onRead
  }

  async part(from: number, bytesMax: number): Promise<{ bytes: number; chunks: AsyncGenerator<Uint8Array> }> {
    if (this.stream === undefined || this.at !== from || this.stream.destroyed) {
      this.close()
      this.stream = await this.file.open(from)
      // Told by whoever reads it.
      this.stream.on('error', () => undefined)
      this.at = from
    }
    const bytes = Math.min(bytesMax, this.file.bytes - from)
    return { bytes, chunks: this.chunks(this.stream, bytes) }
  }

  close(): void {
    this.stream?.destroy()
    this.stream = undefined
  }

  private async *chunks(stream: Readable, bytes: number): AsyncGenerator<Uint8Array> {
    let left = bytes
    try {
      while (left > 0) {
        const chunk = await nextChunk(stream)
        if (chunk === null) throw shrunk(this.file.name)
        const wanted = chunk.subarray(0, left)
        if (wanted.length < chunk.length) stream.unshift(chunk.subarray(wanted.length))
        left -= wanted.length
        this.at += wanted.length
        yield wanted
        this.onRead(this.at)
      }
    } catch (error) {
      this.failure = error
      throw error
    } finally {
      // Left off in the middle: nobody knows how much of it arrived.
      if (left > 0) this.close()
    }
  }
}

/** What comes next, or null at the end. */
async function nextChunk(stream: Readable): Promise<Buffer | null> {
  for (;;) {
    const chunk = stream.read() as Buffer | null
    if (chunk !== null) return chunk
    if (stream.readableEnded) return null
    if (stream.errored !== null) throw stream.errored
    if (stream.destroyed) throw new Error('the file was closed while it was read')
    await new Promise<void>((resolve) => {
      const wake = () => {
        for (const event of EVENTS) stream.off(event, wake)
        resolve()
      }
      for (const event of EVENTS) stream.on(event, wake)
    })
  }
}

const EVENTS = ['readable', 'end', 'error', 'close'] as const

function shrunk(name: string): CommandFailure {
  return new CommandFailure(
    EXIT_CODES.failed,
    'upload_cut',
    `${name} shrank while it was being sent; submit it again when nothing is writing to it`,
  )
}

/** How many bytes the farm has of an upload; null when it knows of no such upload. */
async function offsetOf(client: FarmClient, path: string): Promise<number | null> {
  const response = await client.requests.send(path, {
    method: 'HEAD',
    headers: TUS,
    timeoutMs: PART_TIMEOUT_MS,
    allow: [400, 403, 404, 410, 422, 503],
  })
  if (response.ok) return offsetIn(response)
  // HEAD has no words. A scene that is refused only now is gone afterwards, and a new upload will hear why.
  if (response.status === 503)
    throw new FarmUnreachable(client.requests.address.url, 'the farm cannot store anything at the moment')
  return null
}

function offsetIn(response: Response): number | null {
  const text = response.headers.get('upload-offset')
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null
}

function mayPass(error: unknown): boolean {
  return (
    error instanceof FarmUnreachable ||
    (error instanceof FarmRefusal && (error.code === 'conflict' || (error.retry && error.status >= 429)))
  )
}

function encodeMetadata(metadata: Readonly<Record<string, string>>): string {
  return Object.entries(metadata)
    .map(([name, value]) => `${name} ${Buffer.from(value, 'utf8').toString('base64')}`)
    .join(',')
}
