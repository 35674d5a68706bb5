/*
 * Hands a project in: asks the farm which files it lacks, sends these, several at once, and asks again until nothing is
 * missing. Small files go together in one request; what of it came before a cut need not be sent again. Large ones go
 * by the tus protocol, which goes on within a file.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { Sha256 } from '../../../shared/protocol/ids.ts'
import type { ProjectMissing } from '../../../shared/protocol/project.ts'
import type { SceneRecord } from '../../../shared/protocol/scene.ts'
import { changed } from '../project/folder-source.ts'
import type { ReadProject } from '../project/read-project.ts'
import type { SourceFile } from '../project/source.ts'
import type { FarmClient } from './farm-client.ts'
import { FarmRefusal, FarmUnreachable } from './farm-requests.ts'
import { uploadFile } from './upload.ts'
import type { UnfinishedUploads } from './unfinished-uploads.ts'

/** Files from this length on are sent by themselves, so that a cut costs none of it. */
const LARGE_BYTES = 16 * 1024 * 1024
/** Small files in one request: a cut costs one of them, but the farm answers only at the end. */
const PACK_BYTES = 32 * 1024 * 1024
const PACK_FILES = 500
/** Requests under way at once. */
const AT_ONCE = 4
const PACK_TIMEOUT_MS = 20 * 60_000
/** Rounds in a row that brought nothing before the upload is given up, and the wait before each. */
const FRUITLESS_MAX = 8
const FIRST_PAUSE_MS = 500
const PAUSE_MS_MAX = 30_000

export interface ProjectUploadOptions {
  readonly unfinished: UnfinishedUploads
  readonly onProgress?: (sentBytes: number, ofBytes: number) => void
  readonly onCut?: (why: string) => void
  readonly firstPauseMs?: number
}

export interface UploadedProject {
  readonly scene: SceneRecord
  readonly filesSent: number
  readonly bytesSent: number
}

interface Lacking {
  readonly sha256: Sha256
  readonly file: SourceFile
}

/**
 * Makes sure that the farm has the project as a scene. Throws FarmRefusal when it is refused, FarmUnreachable when cuts
 * do not end, and a CommandFailure when a file has changed since it was read.
 */
export async function uploadProject(
  client: FarmClient,
  project: ReadProject,
  options: ProjectUploadOptions,
): Promise<UploadedProject> {
  const sum = { files: 0, bytes: 0 }
  let failures = 0
  let leftBefore = Infinity
  for (;;) {
    const { missing, missingBytes } = await client.missingOf(project.request)
    if (missing.length === 0) {
      const scene = await client.handInProject(project.request).catch((error: unknown) => {
        // What it has may have been too old to be kept: it says so now, and takes it again.
        if (error instanceof FarmRefusal && error.code === 'project_incomplete' && failures++ < FRUITLESS_MAX)
          return null
        throw error
      })
      if (scene === null) continue
      return { scene, filesSent: sum.files, bytesSent: sum.bytes }
    }
    if (missing.length < leftBefore) failures = 0
    leftBefore = missing.length
    const lacking = lackingOf(missing, project)
    const sent = { bytes: 0 }
    const cut = await sendAll(client, lacking, options, (file, bytes) => {
      sum.bytes += bytes
      sent.bytes += bytes
      if (file) sum.files += 1
      options.onProgress?.(sent.bytes, missingBytes)
    })
    if (cut === undefined) continue
    if (!mayPass(cut) || ++failures > FRUITLESS_MAX) throw cut
    options.onCut?.(cut instanceof Error ? cut.message : String(cut))
    await pause(Math.min(PAUSE_MS_MAX, (options.firstPauseMs ?? FIRST_PAUSE_MS) * 2 ** (failures - 1)))
  }
}

function lackingOf(missing: ProjectMissing['missing'], { bySha256 }: ReadProject): Lacking[] {
  return missing.map(({ sha256 }) => {
    const file = bySha256.get(sha256)
    if (file === undefined) throw new Error(`the farm asks for ${sha256}, which is no file of this project`)
    return { sha256, file }
  })
}

/** Sends what is missing; gives the first error that stopped a request, after the others have ended. */
async function sendAll(
  client: FarmClient,
  lacking: readonly Lacking[],
  options: ProjectUploadOptions,
  onSent: (wholeFile: boolean, bytes: number) => void,
): Promise<unknown> {
  let failure: unknown
  const work = parcelsOf(lacking)
  const lane = async (): Promise<void> => {
    for (const parcel of work) {
      if (failure !== undefined) return
      const sending = parcel.length === 1 && isLarge(parcel[0]) ? sendLarge : sendPack
      await sending(client, parcel, options, onSent).catch((error: unknown) => void (failure ??= error))
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, lane))
  return failure
}

function isLarge(lacking: Lacking | undefined): boolean {
  return lacking !== undefined && lacking.file.bytes >= LARGE_BYTES
}

function* parcelsOf(lacking: readonly Lacking[]): Generator<Lacking[]> {
  let pack: Lacking[] = []
  let bytes = 0
  for (const each of lacking) {
    if (isLarge(each)) {
      yield [each]
      continue
    }
    if (pack.length === PACK_FILES || (pack.length > 0 && bytes + each.file.bytes > PACK_BYTES)) {
      yield pack
      pack = []
      bytes = 0
    }
    pack.push(each)
    bytes += each.file.bytes
  }
  if (pack.length > 0) yield pack
}

async function sendLarge(
  client: FarmClient,
  [lacking]: readonly Lacking[],
  { unfinished, onCut, firstPauseMs }: ProjectUploadOptions,
  onSent: (wholeFile: boolean, bytes: number) => void,
): Promise<void> {
  if (lacking === undefined) return
  const { file, sha256 } = lacking
  let at: number | undefined
  await uploadFile(
    client,
    { name: file.path.split('/').at(-1) ?? 'file', bytes: file.bytes, sha256, open: (from) => file.open(from) },
    {
      unfinished,
      onProgress: (sent) => {
        if (at !== undefined && sent > at) onSent(false, sent - at)
        at = sent
      },
      ...(onCut === undefined ? {} : { onCut }),
      ...(firstPauseMs === undefined ? {} : { firstPauseMs }),
    },
  )
  onSent(true, 0)
}

async function sendPack(
  client: FarmClient,
  pack: readonly Lacking[],
  _options: ProjectUploadOptions,
  onSent: (wholeFile: boolean, bytes: number) => void,
): Promise<void> {
  let failed: unknown
  const chunks = async function* (): AsyncGenerator<Uint8Array> {
    try {
      for (const { sha256, file } of pack) {
        yield Buffer.from(`${sha256} ${file.bytes}\n`)
        let left = file.bytes
        for await (const chunk of await file.open(0)) {
          const bytes = chunk as Buffer
          left -= bytes.length
          if (left < 0) throw changed(file.path)
          yield bytes
          onSent(false, bytes.length)
        }
        if (left > 0) throw changed(file.path)
        onSent(true, 0)
      }
    } catch (error) {
      failed = error
      throw error
    }
  }
  try {
    await client.requests.send('/v1/blobs', {
      method: 'POST',
      headers: { 'content-type': 'application/octet-stream' },
      stream: chunks(),
      timeoutMs: PACK_TIMEOUT_MS,
    })
  } catch (error) {
    if (failed !== undefined) throw failed
    if (error instanceof FarmRefusal && error.code === 'upload_hash_mismatch')
      throw changed(pack.length === 1 ? (pack[0]?.file.path ?? 'a file') : 'a file of the project')
    throw error
  }
}

function mayPass(error: unknown): boolean {
  return (
    error instanceof FarmUnreachable || (error instanceof FarmRefusal && (error.retry || error.code === 'conflict'))
  )
}
