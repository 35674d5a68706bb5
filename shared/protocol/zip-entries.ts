// Reads the table of contents of a project archive and refuses, before a byte is unpacked, whatever could leave the
// folder, fill the disk, or come out differently on another system. Whoever opens an archive (the command before it is
// sent, the farm, a worker) asks here, so that all of them see the same files in it.

import { ok, type Refusal, refuse, type Result } from './errors.ts'
import type { MainRefusalCode } from './project-main.ts'
import { ClaimedPaths, problemWithPath } from './project-path.ts'

/** Why a project archive cannot be taken; stable, shown to whoever handed it in. */
export type ZipRefusalCode =
  | 'zip_corrupt'
  | 'zip_unsafe_path'
  | 'zip_symlink'
  | 'zip_special_file'
  | 'zip_encrypted'
  | 'zip_unsupported_compression'
  | 'zip_name_collision'
  | 'zip_too_many_entries'
  | 'zip_too_large'
  | 'zip_bomb'
  | `zip_${MainRefusalCode}`

/** How much an archive may hold. */
export interface ZipLimits {
  readonly entriesMax: number
  /** All files together, unpacked. */
  readonly unpackedBytesMax: number
  /** Unpacked bytes that an archive may reach whatever its own size. */
  readonly unpackedBytesFree: number
  /** Beyond that, unpacked bytes for each packed one. */
  readonly ratioMax: number
}

/** Room for large productions; deflate itself cannot exceed a ratio of 1,032, real assets stay under 50. */
export const ZIP_LIMITS: ZipLimits = {
  entriesMax: 50_000,
  unpackedBytesMax: 64 * 1024 ** 3,
  unpackedBytesFree: 1024 ** 3,
  ratioMax: 200,
}

/** Names, extra fields and comments of all entries, which are held in memory. */
const TABLE_BYTES_MAX = 64 * 1024 * 1024
/** The fixed part of an entry's local header, which precedes its data. */
const LOCAL_HEADER_BYTES = 30

const STORED = 0
const DEFLATED = 8
/** Those that programs people use may choose by themselves. */
const METHOD_NAMES: Readonly<Record<number, string>> = {
  9: 'Deflate64, as Windows Explorer does above 2 GB',
  12: 'bzip2',
  14: 'LZMA',
  93: 'Zstandard',
  95: 'xz',
  98: 'PPMd',
}
const ENCRYPTED_FLAG = 1 << 0
const UTF8_FLAG = 1 << 11
const FILE_TYPE_MASK = 0o170000
const FILE_TYPE_REGULAR = 0o100000
const FILE_TYPE_FOLDER = 0o040000
const FILE_TYPE_SYMLINK = 0o120000

/** What is looked at of an entry; yauzl has it by these names. */
export interface ZipEntry {
  readonly fileNameRaw: Uint8Array
  readonly generalPurposeBitFlag: number
  readonly externalFileAttributes: number
  readonly compressionMethod: number
  readonly compressedSize: number
  readonly uncompressedSize: number
  readonly relativeOffsetOfLocalHeader: number
  readonly fileNameLength: number
  readonly extraFieldLength: number
  readonly fileCommentLength: number
}

/** An archive that was opened. */
export interface OpenZip<E extends ZipEntry> {
  readonly entryCount: number
  eachEntry(): AsyncIterable<E>
}

/** One file of the archive, under its checked name. */
export interface ZipFileEntry<E extends ZipEntry> {
  readonly path: string
  readonly entry: E
}

/**
 * All files of an archive in its order, folders and the litter of file managers left out. `decode` gives the name of an
 * entry as the format has it: by its flag UTF-8 or code page 437, or from its Unicode extra field.
 */
export async function listZipEntries<E extends ZipEntry>(
  zip: OpenZip<E>,
  decode: (entry: E) => string,
  limits: ZipLimits = ZIP_LIMITS,
): Promise<Result<ZipFileEntry<E>[], ZipRefusalCode>> {
  const files: ZipFileEntry<E>[] = []
  const checks = new ArchiveChecks(limits)
  const tooMany = checks.count(zip.entryCount)
  if (tooMany !== undefined) return tooMany
  for await (const entry of zip.eachEntry()) {
    const path = pathOf(entry, decode)
    // Litter by its name alone: some of it has kinds and methods that nothing else has.
    if (isLitter(path)) continue
    const refusal = checkName(path) ?? checkEntryKind(path, entry) ?? checks.add(path, entry)
    if (refusal !== undefined) return refusal
    if (!path.endsWith('/')) files.push({ path, entry })
  }
  return checks.overlap() ?? ok(files)
}

/**
 * Finder and plain `zip` write UTF-8 and do not say so: what is valid UTF-8 was hardly ever meant as code page 437.
 * Some Windows programs write backslashes between folders, where no other system has them.
 */
function pathOf<E extends ZipEntry>(entry: E, decode: (entry: E) => string): string {
  const isFlagged = (entry.generalPurposeBitFlag & UTF8_FLAG) !== 0
  const name = (isFlagged ? undefined : asUtf8(entry.fileNameRaw)) ?? decode(entry)
  return name.replaceAll('\\', '/')
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

function asUtf8(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes)
  } catch {
    return undefined
  }
}

function checkName(name: string): Refusal<'zip_unsafe_path'> | undefined {
  const problem = problemWithPath(name)
  if (problem === undefined) return undefined
  const shown = JSON.stringify(name.slice(0, 200))
  return refuse(
    'zip_unsafe_path',
    `the archive has an entry ${shown} whose name ${problem}; pack the project folder again with plain relative names`,
  )
}

function checkEntryKind(path: string, entry: ZipEntry): Refusal<ZipRefusalCode> | undefined {
  const shown = JSON.stringify(path)
  const fileType = (entry.externalFileAttributes >>> 16) & FILE_TYPE_MASK
  if (fileType === FILE_TYPE_SYMLINK)
    return refuse('zip_symlink', `${shown} is a symbolic link; put the file itself into the archive`)
  // Programs that write backslashes may call a folder a file; it has no contents either way.
  const expected = path.endsWith('/') ? [FILE_TYPE_FOLDER, FILE_TYPE_REGULAR] : [FILE_TYPE_REGULAR]
  if (fileType !== 0 && !expected.includes(fileType))
    return refuse('zip_special_file', `${shown} is not a plain file or folder; leave it out of the archive`)
  if (path.endsWith('/') && entry.uncompressedSize > 0)
    return refuse('zip_corrupt', `the folder ${shown} has contents of its own; pack the project again`)
  if ((entry.generalPurposeBitFlag & ENCRYPTED_FLAG) !== 0)
    return refuse('zip_encrypted', `${shown} is encrypted; pack the project without a password`)
  if (entry.compressionMethod !== STORED && entry.compressionMethod !== DEFLATED) {
    return refuse(
      'zip_unsupported_compression',
      `${shown} is packed with ${METHOD_NAMES[entry.compressionMethod] ?? `method ${entry.compressionMethod}`}, ` +
        'which is not read here; hand in the folder itself (tilework submit FOLDER), or use plain zip (deflate)',
    )
  }
  return undefined
}

// What file managers add by themselves: resource forks would look like a second .blend.
function isLitter(path: string): boolean {
  return /(^|\/)(__MACOSX\/|\._|\.DS_Store$|Thumbs\.db$)/.test(path)
}

/** What can only be told from all entries together. */
class ArchiveChecks {
  private readonly limits: ZipLimits
  private readonly paths = new ClaimedPaths()
  private readonly extents: { start: number; end: number; path: string }[] = []
  private tableBytes = 0
  private packedBytes = 0
  private unpackedBytes = 0

  constructor(limits: ZipLimits) {
    this.limits = limits
  }

  count(entries: number): Refusal<ZipRefusalCode> | undefined {
    if (entries <= this.limits.entriesMax) return undefined
    return refuse(
      'zip_too_many_entries',
      `the archive has ${entries} entries, at most ${this.limits.entriesMax} ` +
        'are taken; leave out what the render does not need',
    )
  }

  add(path: string, entry: ZipEntry): Refusal<ZipRefusalCode> | undefined {
    const start = entry.relativeOffsetOfLocalHeader
    this.extents.push({ start, end: start + LOCAL_HEADER_BYTES + entry.compressedSize, path })
    this.tableBytes += entry.fileNameLength + entry.extraFieldLength + entry.fileCommentLength
    this.packedBytes += entry.compressedSize
    this.unpackedBytes += entry.uncompressedSize
    return this.checkSizes() ?? this.claimNames(path)
  }

  /** Data shared between entries let a small archive unpack to any size. */
  overlap(): Refusal<ZipRefusalCode> | undefined {
    this.extents.sort((a, b) => a.start - b.start)
    let furthest = this.extents[0]
    for (const extent of this.extents.slice(1)) {
      if (furthest !== undefined && extent.start < furthest.end) {
        return refuse(
          'zip_bomb',
          `${JSON.stringify(extent.path)} and ${JSON.stringify(furthest.path)} share ` +
            'the same bytes of the archive; pack the project again',
        )
      }
      furthest = extent
    }
    return undefined
  }

  private checkSizes(): Refusal<ZipRefusalCode> | undefined {
    const { unpackedBytesMax, unpackedBytesFree, ratioMax } = this.limits
    if (this.tableBytes > TABLE_BYTES_MAX)
      return refuse('zip_too_large', `names and comments of the archive take more than ${TABLE_BYTES_MAX} bytes`)
    if (this.unpackedBytes > unpackedBytesMax) {
      return refuse(
        'zip_too_large',
        `the archive unpacks to more than ${unpackedBytesMax} bytes; leave out what the render does not need`,
      )
    }
    if (this.unpackedBytes > Math.max(unpackedBytesFree, this.packedBytes * ratioMax)) {
      return refuse(
        'zip_bomb',
        `the archive unpacks to more than ${ratioMax} times its size, as no real ` +
          'project does; pack the project folder again with plain zip',
      )
    }
    return undefined
  }

  private claimNames(path: string): Refusal<ZipRefusalCode> | undefined {
    const earlier = this.paths.claim(path)
    if (earlier === undefined) return undefined
    return refuse(
      'zip_name_collision',
      `${JSON.stringify(path)} and ${JSON.stringify(earlier)} would be the same file on some systems; rename one`,
    )
  }
}
