import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { withScratch } from '../../../../services/coordinator/uploads/scratch.ts'
import { append, WholeCopies } from '../../../../services/coordinator/uploads/whole-copies.ts'
import { sortableId, UploadId } from '../../../../shared/protocol/ids.ts'

const LARGE_BYTES = 64 * 1024 * 1024

let dataDir = ''
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'tilework-copies-'))
})
afterAll(() => rm(dataDir, { recursive: true, force: true }))

test('the copy of a large upload lies beside what else arrives, and takes nothing of that away', async () => {
  const copies = new WholeCopies(dataDir)
  const id = UploadId.parse(`upl_${sortableId(1, new Uint8Array(16))}`)
  await withScratch(dataDir, async (folder) => {
    const copy = await copies.take(id, LARGE_BYTES, 0)
    if (copy === null) throw new Error('no copy was begun')
    await append(copy, Buffer.from('some bytes'))
    copies.giveBack(id, copy)
    expect(await readdir(folder)).toEqual([])
    const filePath = join(folder, 'whole')
    expect(await copies.collect(id, 10, filePath)).toMatch(/^[0-9a-f]{64}$/)
    expect(await readdir(folder)).toEqual(['whole'])
  })
})
