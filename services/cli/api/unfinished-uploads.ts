/*
 * Where an unfinished upload stands on the farm, remembered on this machine, so that the same file handed in again goes
 * on where it stopped. One that is lost or broken costs a new upload, nothing else.
 */
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'

/** A farm keeps an unfinished upload for a day; what is older leads nowhere. */
const KEPT_MS = 7 * 24 * 3600 * 1000

const UnfinishedUpload = z.strictObject({
  farm: z.string(),
  sha256: z.string(),
  main: z.string().optional(),
  as: z.literal('file').optional(),
  path: z.string().startsWith('/'),
})

export interface UploadKey {
  readonly farm: string
  readonly sha256: string
  readonly main?: string | undefined
  /** As what the bytes are sent: a file of a project, or else a scene. */
  readonly as?: 'file' | undefined
}

export class UnfinishedUploads {
  private readonly folder: string

  constructor(folder: string) {
    this.folder = folder
  }

  /** The path of the upload on the farm, or null. */
  async read(key: UploadKey): Promise<string | null> {
    try {
      return UnfinishedUpload.parse(JSON.parse(await readFile(this.pathOf(key), 'utf8'))).path
    } catch {
      return null
    }
  }

  async write(key: UploadKey, path: string): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 })
    await this.forgetOld()
    const file = this.pathOf(key)
    await writeFile(`${file}.${process.pid}`, JSON.stringify({ ...key, path }), { mode: 0o600 })
    await rename(`${file}.${process.pid}`, file)
  }

  async forget(key: UploadKey): Promise<void> {
    await rm(this.pathOf(key), { force: true })
  }

  private async forgetOld(): Promise<void> {
    for (const name of await readdir(this.folder)) {
      const path = join(this.folder, name)
      // Another command may remove it at the same time.
      const touchedMs = await stat(path).then(
        ({ mtimeMs }) => mtimeMs,
        () => Infinity,
      )
      if (Date.now() - touchedMs > KEPT_MS) await rm(path, { force: true })
    }
  }

  private pathOf({ farm, sha256, main, as }: UploadKey): string {
    const name = createHash('sha256')
      .update(JSON.stringify([farm, sha256, main ?? null, as ?? null]))
      .digest('hex')
      .slice(0, 32)
    return join(this.folder, `${name}.json`)
  }
}

/** The folder they are remembered in: `$XDG_STATE_HOME/tilework/uploads`, or below `~/.local/state`. */
export function unfinishedUploadsFolder(environment: NodeJS.ProcessEnv): string {
  const state = environment['XDG_STATE_HOME']
  return join(state === undefined || state === '' ? join(homedir(), '.local', 'state') : state, 'tilework', 'uploads')
}
