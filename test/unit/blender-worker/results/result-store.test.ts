import { mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ResultStore } from '../../../../blender-worker/results/result-store.ts'
import { JobId, renderTaskId } from '../../../../shared/protocol/ids.ts'
import { sha256Of } from '../../../support/coordinator-double.ts'

const LEASE = { jobId: JobId.parse('job_01j9zzzzzzzzzzzzzzzzzzzzzz'), taskId: renderTaskId(1), epoch: 2 }
const KEY = `${LEASE.jobId}.${LEASE.taskId}.2`
const BYTES = Buffer.from('an image')
const log = pino({ level: 'silent' })

let folder: string
let results: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tilework-results-'))
  results = join(folder, 'results')
})

afterEach(() => rm(folder, { recursive: true, force: true }))

async function addOne() {
  const { store } = await ResultStore.open(results, log)
  const path = join(folder, 'rendered')
  await writeFile(path, BYTES)
  const file = { name: '0001.raw.exr', frame: 1, role: 'raw' as const, bytes: BYTES.length, sha256: sha256Of(BYTES) }
  const result = await store.add(LEASE, { files: [{ path, file }], renderSeconds: 1.5, peakMemoryBytes: 7 })
  return { store, result }
}

test('a result and how far it got survive a restart', async () => {
  const { store, result } = await addOne()
  expect((await ResultStore.open(results, log)).results).toEqual([
    { lease: LEASE, stage: 'committed', files: result.files, renderSeconds: 1.5, peakMemoryBytes: 7 },
  ])
  await store.update({ ...result, stage: 'uploaded' })
  const again = await ResultStore.open(results, log)
  expect(again.results.map((one) => one.stage)).toEqual(['uploaded'])
  expect(await readFile(again.store.pathOf(LEASE, '0001.raw.exr'))).toEqual(BYTES)
})

test('a removed result leaves nothing', async () => {
  const { store } = await addOne()
  await store.remove(LEASE)
  expect(await readdir(results)).toEqual([])
})

test.each([
  ['without a record', () => rm(join(results, KEY, 'record.json'))],
  ['with half a record', () => truncate(join(results, KEY, 'record.json'), 20)],
  ['with a shortened file', () => truncate(join(results, KEY, '0001.raw.exr'), 3)],
  ['without its file', () => rm(join(results, KEY, '0001.raw.exr'))],
])('what is left %s by a dying agent is swept', async (_what, spoil) => {
  await addOne()
  await spoil()
  expect((await ResultStore.open(results, log)).results).toEqual([])
  expect(await readdir(results)).toEqual([])
})

test('a folder that is no result is swept', async () => {
  await mkdir(join(results, 'lost+found'), { recursive: true })
  await ResultStore.open(results, log)
  expect(await readdir(results)).toEqual([])
})

test('an attempt whose files cannot be moved leaves no half result', async () => {
  const { store } = await ResultStore.open(results, log)
  const file = { name: '0001.raw.exr', frame: 1, role: 'raw' as const, bytes: 1, sha256: sha256Of(BYTES) }
  await expect(
    store.add(LEASE, { files: [{ path: join(folder, 'not-there'), file }], renderSeconds: 0, peakMemoryBytes: 0 }),
  ).rejects.toThrow('ENOENT')
  expect(await readdir(results)).toEqual([])
})
