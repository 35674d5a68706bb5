import { beforeEach, describe, expect, test } from 'vitest'
import { cancelJob, deleteJob } from '../../../../shared/engine/jobs/job-actions.ts'
import { eraseLate } from '../../../../shared/engine/journal/farm-journal.ts'
import {
  eraseLateAttempts,
  eraseLostSubmissions,
  forgetWorkers,
  SWEEP_EVERY_MS,
  sweepFarm,
} from '../../../../shared/engine/loops/sweep.ts'
import { StoreUnavailable } from '../../../../shared/ports/object-store.ts'
import type { JobId } from '../../../../shared/protocol/ids.ts'
import { renderTaskId } from '../../../../shared/protocol/ids.ts'
import {
  attemptKey,
  attemptsPrefix,
  farmPrefix,
  finalKey,
  journalKey,
  jobPrefix,
  type ObjectKey,
} from '../../../../shared/protocol/object-keys.ts'
import { EngineFarm } from '../../../integration/engine/engine-farm.ts'
import { aWorker } from '../../domain/records.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

let farm: EngineFarm
beforeEach(() => {
  farm = new EngineFarm()
})

const put = (key: ObjectKey) => farm.objects.put(key, Buffer.from('x'), { contentType: 'text/plain' })
const keysOf = async (prefix: Parameters<typeof farm.objects.list>[0]) =>
  (await farm.objects.list(prefix, { limit: 100 })).keys.map(({ key }) => key)
const lateFile = (jobId: JobId) => attemptKey(jobId, renderTaskId(0), 1, '1.raw')

/** A job that is completed and settled. */
async function ended(): Promise<JobId> {
  const anna = await farm.connect('anna')
  const jobId = await farm.submit({ frames: '1-3' })
  for (const _frame of [1, 2, 3]) await anna.finishAll()
  await farm.allSteps()
  expect((await farm.job(jobId)).state).toBe('completed')
  await farm.rounds.round()
  expect(await farm.store.openJobs()).toEqual([])
  return jobId
}

describe('an upload that comes when its job is over', () => {
  test('stays while others may still come, then goes, and the note of it', async () => {
    const jobId = await ended()
    await put(lateFile(jobId))
    await put(finalKey(jobId, 'frames', '0001.png'))
    farm.clock.advance(3 * HOUR)
    await eraseLateAttempts(farm.engine)
    expect(await keysOf(attemptsPrefix(jobId))).toEqual([lateFile(jobId)])
    farm.clock.advance(2 * HOUR)
    await eraseLateAttempts(farm.engine)
    expect(await keysOf(attemptsPrefix(jobId))).toEqual([])
    expect(await keysOf(farmPrefix('ended'))).toEqual([])
    expect(await keysOf(jobPrefix(jobId))).toContain(finalKey(jobId, 'frames', '0001.png'))
  })

  test('stays with a job that was canceled, which may be tried again', async () => {
    const jobId = await farm.submit({ frames: '1' })
    await cancelJob(farm.engine, jobId, 'enough')
    await farm.rounds.round()
    await put(lateFile(jobId))
    farm.clock.advance(9 * HOUR)
    await eraseLateAttempts(farm.engine)
    expect([await keysOf(attemptsPrefix(jobId)), await keysOf(farmPrefix('ended'))]).toEqual([[lateFile(jobId)], []])
  })

  test('is left alone when the job runs again by then', async () => {
    const jobId = await ended()
    await put(lateFile(jobId))
    farm.clock.advance(5 * HOUR)
    const job = farm.store.job.bind(farm.store)
    farm.store.job = async (id) => {
      const known = await job(id)
      return known === null ? null : { ...known, value: { ...known.value, state: 'active' } }
    }
    await eraseLateAttempts(farm.engine)
    expect(await keysOf(attemptsPrefix(jobId))).toEqual([lateFile(jobId)])
  })

  test('goes with the last trace of a job that was deleted', async () => {
    const jobId = await ended()
    await deleteJob(farm.engine, jobId)
    await farm.allSteps()
    await put(lateFile(jobId))
    expect(await keysOf(farmPrefix('ended'))).toEqual([])
    farm.clock.advance(5 * HOUR)
    await eraseLate(farm.engine)
    expect(await keysOf(jobPrefix(jobId))).toEqual([])
    expect(await keysOf(farmPrefix('deleted'))).toEqual([])
  })
})

describe('what lies in the store and is no job', () => {
  const LOST = 'job_01j9zzzzzzzzzzzzzzzzzzzzzz' as JobId

  test('goes when it is a submission that nobody finished for a day', async () => {
    const known = await farm.submit({ frames: '1' })
    await put(journalKey(LOST, 'job.json'))
    farm.clock.advance(DAY - HOUR)
    await eraseLostSubmissions(farm.engine)
    expect(await keysOf(jobPrefix(LOST))).toHaveLength(1)
    farm.clock.advance(2 * HOUR)
    await eraseLostSubmissions(farm.engine)
    expect(await keysOf(jobPrefix(LOST))).toEqual([])
    expect(await keysOf(jobPrefix(known))).toContain(journalKey(known, 'job.json'))
  })

  test('stays when there is more of it, since a farm may be recovered from it', async () => {
    await put(journalKey(LOST, 'job.json'))
    await put(journalKey(LOST, 'segment-01j9zzzzzzzzzzzzzzzzzzzzzz.jsonl'))
    const other = 'job_01j9zzzzzzzzzzzzzzzzzzzzzy' as JobId
    await put(finalKey(other, 'frames', '0001.png'))
    farm.clock.advance(400 * DAY)
    await eraseLostSubmissions(farm.engine)
    expect([...(await keysOf(jobPrefix(LOST))), ...(await keysOf(jobPrefix(other)))]).toHaveLength(3)
  })

  test('stays while the farm state is lost', async () => {
    const known = await farm.submit({ frames: '1' })
    const before = await keysOf(jobPrefix(known))
    farm.store.empty()
    farm.clock.advance(400 * DAY)
    await expect(eraseLostSubmissions(farm.engine)).rejects.toThrow()
    expect(await keysOf(jobPrefix(known))).toEqual(before)
  })
})

describe('workers', () => {
  test('are forgotten after a month unseen, convicted ones and those in quarantine after a year', async () => {
    const seen = { lastSeenAt: farm.clock.now() }
    for (const worker of [
      aWorker('plain', seen),
      aWorker('liar', { ...seen, tasksRefuted: 1 }),
      aWorker('barred', { ...seen, quarantined: true }),
    ])
      await farm.store.putWorker(worker)
    const names = async () => (await farm.store.listWorkers()).map(({ name }) => name).sort()
    farm.clock.advance(29 * DAY)
    await forgetWorkers(farm.engine)
    expect(await names()).toEqual(['barred', 'liar', 'plain'])
    farm.clock.advance(2 * DAY)
    await forgetWorkers(farm.engine)
    expect(await names()).toEqual(['barred', 'liar'])
    farm.clock.advance(335 * DAY)
    await forgetWorkers(farm.engine)
    expect(await names()).toEqual([])
  })

  test("that are kept are in nobody's way, however many they are", async () => {
    const seenAt = farm.clock.now()
    for (let at = 0; at < 1_200; at++)
      await farm.store.putWorker(aWorker(`liar${at}`, { lastSeenAt: seenAt, tasksRefuted: 1 }))
    await farm.store.putWorker(aWorker('plain', { lastSeenAt: seenAt + 1 }))
    farm.clock.advance(31 * DAY)
    await forgetWorkers(farm.engine)
    expect(await farm.store.countWorkers()).toBe(1_200)
  })
})

describe('a sweep', () => {
  test('is made by one process at a time, rarely, and goes on behind an outage', async () => {
    await farm.store.putWorker(aWorker('plain', { lastSeenAt: farm.clock.now() - 31 * DAY }))
    let tidied = 0
    farm.objects.tidy = async () => void (tidied += 1)
    farm.objects.list = () => Promise.reject(new StoreUnavailable('away', { cause: null, retryable: true }))
    await sweepFarm(farm.engine)
    await sweepFarm(farm.engine)
    expect([tidied, await farm.store.countWorkers()]).toEqual([1, 0])
    farm.clock.advance(SWEEP_EVERY_MS)
    await sweepFarm(farm.engine)
    expect(tidied).toBe(2)
  })

  test('is a part of the rounds', async () => {
    let tidied = 0
    farm.objects.tidy = async () => void (tidied += 1)
    for (let round = 0; round < 60; round++) await farm.rounds.round()
    await farm.rounds.stop()
    expect(tidied).toBe(1)
  })
})
