import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FolderInUse, lockFolder } from '../../../../services/wiring/lock.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lock-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

describe('the lock of a data folder', () => {
  it('is refused while a living process holds it, and says which', async () => {
    await writeFile(join(folder, 'lock'), '1') // the first process of the machine lives as long as it does
    await expect(lockFolder(folder)).rejects.toThrow(FolderInUse)
    await expect(lockFolder(folder)).rejects.toThrow(/process id 1;/)
  })

  it('is taken over from a process that is gone', async () => {
    await writeFile(join(folder, 'lock'), '4194999')
    const unlock = await lockFolder(folder)
    expect(await readFile(join(folder, 'lock'), 'utf8')).toBe(String(process.pid))
    await unlock()
  })

  it('is free again once it was let go', async () => {
    await (
      await lockFolder(folder)
    )()
    await (
      await lockFolder(folder)
    )()
  })
})
