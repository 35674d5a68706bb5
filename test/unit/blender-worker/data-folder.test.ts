import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openDataFolder } from '../../../blender-worker/data-folder.ts'

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tilework-data-folder-'))
})

afterEach(() => rm(folder, { recursive: true, force: true }))

async function granted() {
  const opened = await openDataFolder(folder)
  if (!opened.ok) throw new Error(opened.detail)
  return opened.value
}

test('a worker keeps its id from one start to the next', async () => {
  const first = await granted()
  await first.unlock()
  const second = await granted()
  expect(second.workerId).toBe(first.workerId)
  expect(first.workerId).toMatch(/^wrk_[0-9a-z]{26}$/)
})

test('an id file with something else in it is replaced', async () => {
  await writeFile(join(folder, 'worker-id'), 'Not An Id')
  expect((await granted()).workerId).toMatch(/^wrk_/)
})

test('a folder in use is refused with the process that uses it', async () => {
  await granted()
  expect(await openDataFolder(folder)).toMatchObject({
    ok: false,
    code: 'locked',
    detail: expect.stringContaining(`process ${process.pid}`),
  })
})

test.each([
  ['of a process that is gone', JSON.stringify({ pid: 2 ** 30, started: '1' })],
  ['whose process number belongs to a younger process now', JSON.stringify({ pid: process.pid, started: '1' })],
  ['that is half written', '{"pid":'],
])('a lock %s is taken over', async (_whose, content) => {
  await writeFile(join(folder, 'lock'), content)
  await granted()
  expect((await readdir(folder)).filter((name) => name.startsWith('lock'))).toEqual(['lock'])
})

test('what a worker left that was killed while it took the lock is removed', async () => {
  await writeFile(join(folder, `lock.${2 ** 30}.e5a72afb`), '')
  await granted()
  expect((await readdir(folder)).filter((name) => name.startsWith('lock'))).toEqual(['lock'])
})

test('scratch of an earlier run is swept, its scenes and results are not', async () => {
  for (const path of ['scratch/slot-0', 'scenes', 'results']) await mkdir(join(folder, path), { recursive: true })
  await writeFile(join(folder, 'scratch/slot-0/left-over'), 'x')
  await writeFile(join(folder, 'results/kept'), 'x')
  const opened = await granted()
  expect(await readdir(opened.scratchFolder)).toEqual([])
  expect(await readdir(opened.resultsFolder)).toEqual(['kept'])
})
