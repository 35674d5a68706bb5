/*
 * The files of a project folder. What cannot be the same file on every worker is refused before anything is sent, with
 * all such names at once: odd names, links that lead out of the folder, links to folders, and what is no file. Empty
 * folders are not sent; a link to a file of the project is sent as that file.
 */
import { createReadStream } from 'node:fs'
import { readdir, realpath, stat } from 'node:fs/promises'
import { basename, join, relative, resolve, sep } from 'node:path'
import { LIMITS } from '../../../shared/protocol/limits.ts'
import { ClaimedPaths, problemWithPath } from '../../../shared/protocol/project-path.ts'
import { CommandFailure, EXIT_CODES } from '../exit-codes.ts'
import { ignoreRulesOf, type IgnoreRules } from './ignore-rules.ts'
import type { ProjectSource, SourceFile } from './source.ts'

/** Files that cannot be sent, named in one complaint. */
const NAMED_MAX = 10

/** Looks through a folder. Throws a CommandFailure that names what in it cannot be sent, and what to do. */
export async function folderSource(path: string): Promise<ProjectSource> {
  const folder = await realpath(path)
  const walk = new Walk(folder, await ignoreRulesOf(folder))
  await walk.into('')
  walk.complain()
  const { files, ignored } = walk
  return { name: basename(resolve(path)).slice(-LIMITS.nameLengthMax), files, ignored, close: async () => undefined }
}

class Walk {
  readonly files: SourceFile[] = []
  readonly ignored = { files: 0, bytes: 0 }
  private readonly folder: string
  private readonly rules: IgnoreRules
  private readonly claimed = new ClaimedPaths()
  private readonly problems: string[] = []

  constructor(folder: string, rules: IgnoreRules) {
    this.folder = folder
    this.rules = rules
  }

  async into(inside: string): Promise<void> {
    const entries = await readdir(join(this.folder, inside), { withFileTypes: true })
    entries.sort((a, b) => (a.name < b.name ? -1 : 1))
    for (const entry of entries) {
      const path = inside === '' ? entry.name : `${inside}/${entry.name}`
      const kind = entry.isDirectory() ? 'folder' : 'file'
      if (this.rules.ignores(path, kind)) await this.leaveOut(path, kind)
      else if (kind === 'folder') await this.into(path)
      else await this.add(path, entry.isSymbolicLink())
    }
  }

  /** Throws with everything that was found wrong. */
  complain(): void {
    const named = this.problems.slice(0, NAMED_MAX)
    const more = this.problems.length - named.length
    if (named.length > 0)
      throw new CommandFailure(
        EXIT_CODES.failed,
        'project_refused',
        `${named.join('; ')}${more > 0 ? `; and ${more} more` : ''}. ` +
          'What the render does not need can be left out: name it in .tileworkignore',
      )
    if (this.files.length > LIMITS.filesPerProjectMax)
      throw new CommandFailure(
        EXIT_CODES.failed,
        'too_large',
        `the project has ${this.files.length} files, at most ${LIMITS.filesPerProjectMax} are taken; ` +
          'name what the render does not need in .tileworkignore',
      )
  }

  private async add(path: string, isLink: boolean): Promise<void> {
    const problem = await this.problemOf(path, isLink)
    if (problem !== undefined) return void this.problems.push(problem)
    const place = join(this.folder, path)
    const before = await stat(place, { bigint: true })
    this.files.push({
      path,
      bytes: Number(before.size),
      modified: Math.max(0, Math.floor(Number(before.mtimeMs) / 1000)),
      open: async (from) => {
        const now = await stat(place, { bigint: true }).catch(() => null)
        if (now === null || now.size !== before.size || now.mtimeNs !== before.mtimeNs || now.ino !== before.ino)
          throw changed(path)
        return createReadStream(place, { start: from, highWaterMark: 1024 * 1024 })
      },
    })
  }

  private async problemOf(path: string, isLink: boolean): Promise<string | undefined> {
    const shown = JSON.stringify(path)
    const odd = problemWithPath(path)
    if (odd !== undefined) return `the name ${shown} ${odd}; rename it`
    if (isLink) {
      const target = await realpath(join(this.folder, path)).catch(() => null)
      if (target === null) return `${shown} is a link to something that is not there; remove it`
      const inside = relative(this.folder, target)
      if (inside === '..' || inside.startsWith(`..${sep}`) || resolve(inside) === inside)
        return `${shown} is a link that leads out of the project folder; put the file itself there`
    }
    const found = await stat(join(this.folder, path))
    if (found.isDirectory()) return `${shown} is a link to a folder; put the folder itself there`
    if (!found.isFile()) return `${shown} is neither a file nor a folder; remove it`
    if (found.size > LIMITS.sceneBytesMax)
      return `${shown} has ${found.size} bytes, a file may have ${LIMITS.sceneBytesMax}`
    const other = this.claimed.claim(path)
    return other === undefined
      ? undefined
      : `${shown} and ${JSON.stringify(other)} would be the same file on some systems; rename one`
  }

  private async leaveOut(path: string, kind: 'file' | 'folder'): Promise<void> {
    const place = join(this.folder, path)
    if (kind === 'folder') {
      for (const entry of await readdir(place, { withFileTypes: true }))
        await this.leaveOut(`${path}/${entry.name}`, entry.isDirectory() ? 'folder' : 'file')
      return
    }
    this.ignored.files += 1
    this.ignored.bytes += (await stat(place).catch(() => undefined))?.size ?? 0
  }
}

export function changed(path: string): CommandFailure {
  return new CommandFailure(
    EXIT_CODES.failed,
    'file_changed',
    `${path} changed while the project was being sent; submit again when nothing is writing to it`,
  )
}
