import { execFile } from 'node:child_process'
import { mkdir, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const FILL_CHUNK = Buffer.alloc(256 * 1024)

/** A file system in memory that can be filled to the last byte. */
export class SmallDisk {
  readonly folder: string
  #mounted = true

  private constructor(folder: string) {
    this.folder = folder
  }

  /** Null where mounting is not permitted. */
  static async mount(folder: string, mebibytes: number): Promise<SmallDisk | null> {
    await mkdir(folder, { recursive: true })
    try {
      await run('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tilework-test', folder])
    } catch {
      return null // not permitted here, which whoever asked tells
    }
    return new SmallDisk(folder)
  }

  async fill(): Promise<void> {
    const file = await open(join(this.folder, 'filler'), 'a')
    try {
      for (;;) await file.write(FILL_CHUNK)
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error
    } finally {
      await file.close()
    }
  }

  async free(): Promise<void> {
    await rm(join(this.folder, 'filler'), { force: true })
  }

  /** Legal twice. */
  async unmount(): Promise<void> {
    if (!this.#mounted) return
    this.#mounted = false
    await run('umount', ['-l', this.folder])
  }
}
