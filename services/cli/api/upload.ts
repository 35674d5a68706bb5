/*
 * Hands a scene in by the tus protocol: in parts, each acknowledged, so that a cut costs at most one part. After a cut
 * the farm is asked how much it has, and that is where the next part begins.
 */
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { CommandFailure, EXIT_CODES } from '../exit-codes.ts'
import type { FarmClient } from './farm-client.ts'
import { FarmRefusal, FarmUnreachable } from './farm-requests.ts'
import type { SceneFile } from './scene-file.ts'
import type { UploadKey, UnfinishedUploads } from './unfinished-uploads.ts'

/** A part is lost when the connection is; over a line of 10 Mbit/s it takes seven seconds. */
const PART_BYTES = 8 * 1024 * 1024
/**
 * Longest wait for a part to be taken. The answer to the last one comes when the farm has read and stored the scene.
 */
const PART_TIMEOUT_MS = 20 * 60_000
/** Failures in a row, with no byte gained between them, before the upload is given up (a minute and a half). */
const TRIES_MAX = 8
const FIRST_PAUSE_MS = 500
const PAUSE_MS_MAX = 30_000

const TUS = { 'tus-resumable': '1.0.0' } as const

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
  const key: UploadKey = {
    farm: client.requests.address.url,
    sha256: scene.sha256,
    ...(options.main === undefined ? {} : { main: options.main }),
  }
  const known = await options.unfinished.read(key)
  const resumeAt = known === null ? null : await offsetOf(client, known)
  const path = resumeAt === null ? await begin(client, scene, options) : (known ?? '')
  if (resumeAt === null) await options.unfinished.write(key, path)
  const file = await open(scene.path)
  try {
    await sendParts(client, { path, file, bytes: scene.bytes, from: resumeAt ?? 0 }, options)
  } catch (error) {
    if (error instanceof FarmRefusal && !error.retry) await options.unfinished.forget(key)
    throw error
  } finally {
    await file.close()
  }
  await options.unfinished.forget(key)
  return { known: false, resumedAt: resumeAt ?? 0 }
}

// A project archive may be known with another main .blend; then it has to be read again.
async function isRead(client: FarmClient, scene: SceneFile, main: string | undefined): Promise<boolean> {
  return main === undefined || (await client.scene(scene.sha256)).mainBlend === main
}

async function begin(client: FarmClient, scene: SceneFile, options: UploadOptions): Promise<string> {
  const metadata = {
    filename: scene.name,
    sha256: scene.sha256,
    ...(options.main === undefined ? {} : { main: options.main }),
  }
  const response = await client.requests.send('/v1/uploads', {
    method: 'POST',
    headers: { ...TUS, 'upload-length': String(scene.bytes), 'upload-metadata': encodeMetadata(metadata) },
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
  readonly file: FileHandle
  readonly bytes: number
  /** Bytes that the farm has already. */
  readonly from: number
}

async function sendParts(
  client: FarmClient,
  { path, file, bytes, from }: Sending,
  options: UploadOptions,
): Promise<void> {
  let offset = from
  let failures = 0
  options.onProgress?.(offset, bytes)
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
      offset = now < bytes ? await sendPart(client, path, file, now, options.partBytes ?? PART_BYTES) : now
      failures = 0
      whole = offset >= bytes
      options.onProgress?.(offset, bytes)
    } catch (error) {
      if (!mayPass(error) || ++failures > TRIES_MAX) throw error
      options.onCut?.(error instanceof Error ? error.message : String(error), offset)
      await pause(Math.min(PAUSE_MS_MAX, (options.firstPauseMs ?? FIRST_PAUSE_MS) * 2 ** (failures - 1)))
    }
  }
}

async function sendPart(
  client: FarmClient,
  path: string,
  file: FileHandle,
  offset: number,
  partBytes: number,
): Promise<number> {
  const part = new Uint8Array(partBytes)
  const { bytesRead } = await file.read(part, 0, partBytes, offset)
  if (bytesRead === 0)
    throw new CommandFailure(
      EXIT_CODES.failed,
      'upload_cut',
      'the file shrank while it was being sent; submit it again when nothing is writing to it',
    )
  const response = await client.requests.send(path, {
    method: 'PATCH',
    headers: { ...TUS, 'content-type': 'application/offset+octet-stream', 'upload-offset': String(offset) },
    bytes: part.subarray(0, bytesRead),
    timeoutMs: PART_TIMEOUT_MS,
  })
  return offsetIn(response) ?? offset + bytesRead
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
