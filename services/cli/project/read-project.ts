import { createHash } from 'node:crypto'
import { Sha256 } from '../../../shared/protocol/ids.ts'
import { chooseMain } from '../../../shared/protocol/project-main.ts'
import { ProjectRequest } from '../../../shared/protocol/project.ts'
import type { ProjectFile } from '../../../shared/protocol/project.ts'
import { CommandFailure, EXIT_CODES, usageFailure } from '../exit-codes.ts'
import { changed } from './folder-source.ts'
import type { ProjectSource, SourceFile } from './source.ts'

/** A project whose files have been read: the list for the farm, and where each content is found here. */
export interface ReadProject {
  readonly request: ProjectRequest
  readonly bySha256: ReadonlyMap<string, SourceFile>
  readonly bytes: number
}

function unreadable(source: ProjectSource, file: SourceFile, error: unknown): unknown {
  if (error instanceof CommandFailure) return error
  const why = error instanceof Error ? error.message : String(error)
  return new CommandFailure(EXIT_CODES.failed, 'project_refused', `${source.name}: ${file.path} cannot be read: ${why}`)
}

/**
 * Reads every file for its hash. Throws a CommandFailure when it is not clear which .blend to render, when a file
 * changes meanwhile, or when the project is larger than a farm takes.
 */
export async function readProject(
  source: ProjectSource,
  main: string | undefined,
  onRead: (bytes: number, of: number) => void = () => {},
): Promise<ReadProject> {
  const chosen = chooseMain(
    source.files.map(({ path }) => path),
    main,
  )
  if (!chosen.ok) throw usageFailure(`${source.name}: ${chosen.detail}${main === undefined ? ' with --main' : ''}`)
  // Blender reads a texture cache only where it has the time of its image; elsewhere times are nobody's business.
  const timed = source.files.some(({ path }) => /\.tx$/i.test(path))
  const bytes = source.files.reduce((sum, file) => sum + file.bytes, 0)
  const bySha256 = new Map<string, SourceFile>()
  const files: ProjectFile[] = []
  let read = 0
  for (const file of source.files) {
    const hash = createHash('sha256')
    let length = 0
    try {
      for await (const chunk of await file.open(0)) {
        hash.update(chunk as Buffer)
        length += (chunk as Buffer).length
        onRead(read + length, bytes)
      }
    } catch (error) {
      throw unreadable(source, file, error)
    }
    if (length !== file.bytes) throw changed(file.path)
    read += length
    const sha256 = Sha256.parse(hash.digest('hex'))
    bySha256.set(sha256, file)
    files.push({ path: file.path, bytes: file.bytes, sha256, ...(timed ? { modified: file.modified } : {}) })
  }
  const request = ProjectRequest.safeParse({ name: source.name, main: chosen.path, files })
  if (request.success) return { request: request.data, bySha256, bytes }
  throw new CommandFailure(
    EXIT_CODES.failed,
    'project_refused',
    request.error.issues
      .slice(0, 10)
      .map(({ message }) => message)
      .join('; '),
  )
}
