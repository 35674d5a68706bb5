// Looks into a project folder that was handed in as one .zip: which files it has, and which .blend is rendered. Nothing
// else of it is unpacked.

import { createWriteStream } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { crc32 } from 'node:zlib'
import { getFileNameLowLevel, openPromise, type Entry, type ZipFile } from 'yauzl'
import type { ProjectFiles } from '../../ports/scene-reader.ts'
import { ok, refuse, type Result } from '../../protocol/errors.ts'
import { chooseMain } from '../../protocol/project-main.ts'
import { listZipEntries } from '../../protocol/zip-entries.ts'
import type { ZipFileEntry, ZipLimits, ZipRefusalCode } from '../../protocol/zip-entries.ts'

/** How to take an archive. */
export interface ProjectZipOptions {
  /** The .blend to render, as it is called in the archive; needed if several could be meant. */
  readonly main?: string
  readonly limits?: ZipLimits
}

/** What there is to know of an archive. */
export interface LookedAtProject extends ProjectFiles {
  /** Where the main .blend was unpacked to. */
  readonly blendPath: string
}

/**
 * Looks at the directory of an archive and unpacks its main .blend, and nothing else, into a folder, which must be
 * absent. The main .blend is `main`, or else the only one at the shallowest level that has any. Refused when the
 * archive is damaged, unsafe, too large, or has no main .blend that is clear; the folder is absent then. Throws the
 * system's error if a file cannot be opened or written, after the same cleaning up.
 */
export async function lookAtProjectZip(
  zipPath: string,
  scratchDir: string,
  options: ProjectZipOptions = {},
): Promise<Result<LookedAtProject, ZipRefusalCode>> {
  await mkdir(scratchDir)
  let complete = false
  try {
    const result = await look(zipPath, join(scratchDir, 'main.blend'), options)
    complete = result.ok
    return result
  } catch (error) {
    if (isSystemError(error)) throw error
    const why = error instanceof Error ? error.message : 'it cannot be read'
    return refuse('zip_corrupt', `the archive is damaged (${why}); pack and send it again`)
  } finally {
    if (!complete) await rm(scratchDir, { recursive: true, force: true })
  }
}

async function look(
  zipPath: string,
  blendPath: string,
  options: ProjectZipOptions,
): Promise<Result<LookedAtProject, ZipRefusalCode>> {
  // Names are decoded by the caller of eachEntry, since the library's own checks have no codes.
  const zip = await openPromise(zipPath, {
    lazyEntries: true,
    autoClose: false,
    decodeStrings: false,
    validateEntrySizes: true,
  })
  try {
    const listed = await listZipEntries(zip, nameAsWritten, options.limits)
    if (!listed.ok) return listed
    const filePaths = listed.value.map(({ path }) => path)
    const main = chooseMain(filePaths, options.main)
    if (!main.ok) return refuse(`zip_${main.code}`, main.detail)
    const file = listed.value.find(({ path }) => path === main.path)
    if (file === undefined) throw new Error('the main file was chosen from another list')
    const extracted = await extract(zip, file, blendPath)
    return extracted.ok ? ok({ mainBlendPath: main.path, filePaths, blendPath }) : extracted
  } finally {
    zip.close()
  }
}

function nameAsWritten(entry: Entry): string {
  return getFileNameLowLevel(entry.generalPurposeBitFlag, entry.fileNameRaw, entry.extraFields, true)
}

async function extract(
  zip: ZipFile,
  { path, entry }: ZipFileEntry<Entry>,
  target: string,
): Promise<Result<true, ZipRefusalCode>> {
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
