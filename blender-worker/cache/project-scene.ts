import { mkdir, readFile, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Sha256 } from '../../shared/protocol/ids.ts'
import { LIMITS } from '../../shared/protocol/limits.ts'
import { ProjectManifest, type ProjectFile } from '../../shared/protocol/project.ts'
import { eachAtOnce } from '../each-at-once.ts'
import { WorkFailure, errorCode } from '../failure.ts'
import { download } from '../transfer/download.ts'
import type { AskAddresses } from '../transfer/file-addresses.ts'
import type { Patience } from '../transfer/patience.ts'
import { makeEmpty, nameOfFile, type FileCache } from './file-cache.ts'

/** Files fetched at the same time: enough to hide the way to the store, few enough for a home line. */
const FILES_AT_ONCE = 8
/** Bytes of files whose addresses are asked for at once: fetched before these expire, also over a slow line. */
const BATCH_BYTES_MAX = 1024 ** 3

/** A project whose list of files is here. */
export interface Project {
  readonly main: string
  readonly files: readonly ProjectFile[]
  /** Each file once, by its name in the cache. */
  readonly byName: ReadonlyMap<string, ProjectFile>
  readonly names: readonly string[]
  /** Of all these files together. */
  readonly bytes: number
}

/** The list in a file; undefined when there is no such file. Throws WorkFailure `blend_unreadable` for what is none. */
export async function readProject(path: string): Promise<Project | undefined> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  })
  if (text === undefined) return undefined
  const manifest = ProjectManifest.safeParse(jsonOrNull(text))
  if (!manifest.success)
    throw new WorkFailure(
      'blend_unreadable',
      `the list of files of the project cannot be used: ${manifest.error.issues[0]?.message ?? 'it is none'}`,
    )
  const { main, files } = manifest.data
  const byName = new Map(files.map((file) => [nameOfFile(file), file]))
  const bytes = [...byName.values()].reduce((sum, file) => sum + file.bytes, 0)
  return { main, files, byName, names: [...byName.keys()], bytes }
}

export interface FilesToFetch {
  readonly scene: Sha256
  readonly project: Project
  /** Names of the files that are not in the cache. */
  readonly lacking: readonly string[]
  /** Where parts lie until they are whole; those of an earlier try are gone on with. */
  readonly partsFolder: string
  readonly cache: FileCache
  readonly addresses: AskAddresses
  readonly patience: Patience
  readonly signal: AbortSignal
  readonly log: Logger
  readonly onTaken: (name: string, bytes: number) => void
}

/**
 * Fetches files into the cache, where they stay pinned. Throws WorkFailure `scene_download_failed` and `disk_full`;
 * rejects with the signal's reason when aborted. Files that came until then are kept.
 */
export async function fetchFiles(wanted: FilesToFetch): Promise<void> {
  const { scene, project, partsFolder, cache, addresses, patience, signal, log, onTaken } = wanted
  await mkdir(partsFolder, { recursive: true, mode: 0o700 })
  for (const batch of batchesOf(wanted.lacking, project)) {
    const urls = await addresses(
      scene,
      batch.map(({ file }) => file.sha256),
      signal,
    )
    const placed = batch.map((each, index) => ({ ...each, url: urls[index] }))
    await eachAtOnce(placed, FILES_AT_ONCE, async ({ name, file, url }) => {
      signal.throwIfAborted()
      const path = join(partsFolder, name)
      if (file.bytes === 0) await makeEmpty(path)
      else if (url !== undefined)
        await download({ url, path, bytes: file.bytes, sha256: file.sha256, patience, signal, log })
      await cache.take(name, path, file)
      onTaken(name, file.bytes)
    })
  }
  await rm(partsFolder, { recursive: true, force: true })
}

/** Bytes of files that have begun to come. */
export async function bytesOfParts(partsFolder: string): Promise<number> {
  let bytes = 0
  for (const name of await readdir(partsFolder).catch(() => []))
    bytes += (await stat(join(partsFolder, name)).catch(() => undefined))?.size ?? 0
  return bytes
}

function* batchesOf(
  names: readonly string[],
  { byName }: Project,
): Generator<{ readonly name: string; readonly file: ProjectFile }[]> {
  let batch: { name: string; file: ProjectFile }[] = []
  let bytes = 0
  for (const name of names) {
    const file = byName.get(name)
    if (file === undefined) continue
    if (batch.length === LIMITS.fileAddressesMax || (batch.length > 0 && bytes + file.bytes > BATCH_BYTES_MAX)) {
      yield batch
      batch = []
      bytes = 0
    }
    batch.push({ name, file })
    bytes += file.bytes
  }
  if (batch.length > 0) yield batch
}

function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
