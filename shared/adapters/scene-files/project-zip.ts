// Unpacks a project folder that was handed in as a .zip and finds the .blend to render.

import { createWriteStream } from 'node:fs'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { crc32 } from 'node:zlib'
import { openPromise } from 'yauzl'
import type { ZipFile } from 'yauzl'
import { ok, refuse, type Result } from '../../protocol/errors.ts'
import type { ProjectFiles } from '../../ports/scene-reader.ts'
import { ZIP_LIMITS, listZipEntries } from './zip-entries.ts'
import type { ZipFileEntry, ZipLimits, ZipRefusalCode } from './zip-entries.ts'

/** Candidates named in a refusal; enough to see the point. */
const CANDIDATES_SHOWN = 20

/** How to take an archive. */
export interface ProjectZipOptions {
  /** The .blend to render, as it is called in the archive; needed if several could be meant. */
  readonly main?: string
  readonly limits?: ZipLimits
}

/** An unpacked project. */
export interface UnpackedProject extends ProjectFiles {
  /** All files together. */
  readonly unpackedBytes: number
}

/**
 * Unpacks an archive into a folder, which must be empty or absent. The main .blend is `main`, or else
 * the only one at the shallowest level that has any. Refused when the archive is damaged, unsafe, too
 * large, or has no main .blend that is clear; the folder is then as it was before. Throws the system's
 * error if a file cannot be opened or written, after the same cleaning up.
 */
export async function openProjectZip(
  zipPath: string,
  destinationDir: string,
  options: ProjectZipOptions = {},
): Promise<Result<UnpackedProject, ZipRefusalCode>> {
  const created = await mkdir(destinationDir, { recursive: true })
  if ((await readdir(destinationDir)).length > 0) throw new Error(`${destinationDir} is not empty`)
  let complete = false
  try {
    const result = await unpack(zipPath, destinationDir, options)
    complete = result.ok
    return result
  } catch (error) {
    if (isSystemError(error)) throw error
    const why = error instanceof Error ? error.message : 'it cannot be read'
    return refuse('zip_corrupt', `the archive is damaged (${why}); pack and send it again`)
  } finally {
    if (!complete) await restore(destinationDir, created)
  }
}

async function unpack(
  zipPath: string,
  destinationDir: string,
  options: ProjectZipOptions,
): Promise<Result<UnpackedProject, ZipRefusalCode>> {
  // Names are decoded by the caller of eachEntry, since the library's own checks have no codes.
  const zip = await openPromise(zipPath, {
    lazyEntries: true,
    autoClose: false,
    decodeStrings: false,
    validateEntrySizes: true,
  })
  try {
    const listed = await listZipEntries(zip, options.limits ?? ZIP_LIMITS)
    if (!listed.ok) return listed
    const files = listed.value
    const main = chooseMainBlend(
      files.map(({ path }) => path),
      options.main,
    )
    if (!main.ok) return main
    let unpackedBytes = 0
    for (const file of files) {
      const extracted = await extract(zip, file, destinationDir)
      if (!extracted.ok) return extracted
      unpackedBytes += file.entry.uncompressedSize
    }
    return ok({ mainBlendPath: main.value, filePaths: files.map(({ path }) => path), unpackedBytes })
  } finally {
    zip.close()
  }
}

function chooseMainBlend(paths: readonly string[], wanted: string | undefined): Result<string, ZipRefusalCode> {
  const blends = paths.filter((path) => /\.blend$/i.test(path))
  if (wanted !== undefined) {
    if (paths.includes(wanted)) return ok(wanted)
    const instead = blends.length === 0 ? 'no .blend at all' : list(blends)
    return refuse('zip_main_missing', `the archive has no file ${JSON.stringify(wanted)}; it has ${instead}`)
  }
  if (blends.length === 0)
    return refuse('zip_no_blend', 'the archive has no .blend; pack the project folder with its main .blend')
  const depthOf = (path: string): number => path.split('/').length
  const shallowest = Math.min(...blends.map(depthOf))
  const candidates = blends.filter((path) => depthOf(path) === shallowest)
  const [only, second] = candidates
  if (only !== undefined && second === undefined) return ok(only)
  return refuse(
    'zip_ambiguous_blend',
    `several .blend files could be the main one: ${list(candidates)}; say which to render`,
  )
}

function list(paths: readonly string[]): string {
  const shown = paths
    .slice(0, CANDIDATES_SHOWN)
    .map((path) => JSON.stringify(path))
    .join(', ')
  return paths.length > CANDIDATES_SHOWN ? `${shown} and ${paths.length - CANDIDATES_SHOWN} more` : shown
}

async function extract(
  zip: ZipFile,
  { path, entry }: ZipFileEntry,
  destinationDir: string,
): Promise<Result<true, ZipRefusalCode>> {
  const target = join(destinationDir, path)
  await mkdir(dirname(target), { recursive: true })
  const source = await zip.openReadStreamPromise(entry)
  let checksum = 0
  const summing = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      checksum = crc32(chunk, checksum)
      done(null, chunk)
    },
  })
  // "wx" so that nothing that stands there already is ever written through.
  await pipeline(source, summing, createWriteStream(target, { flags: 'wx', mode: 0o644 }))
  if (checksum !== entry.crc32)
    return refuse(
      'zip_corrupt',
      `${JSON.stringify(path)} does not have the checksum that the archive gives; pack and send it again`,
    )
  return ok(true)
}

// Errors of the disk carry a system call; those of the archive and of its decompression do not.
function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error
}

async function restore(destinationDir: string, firstCreated: string | undefined): Promise<void> {
  if (firstCreated !== undefined) {
    await rm(firstCreated, { recursive: true, force: true })
    return
  }
  for (const name of await readdir(destinationDir))
    await rm(join(destinationDir, name), { recursive: true, force: true })
}
