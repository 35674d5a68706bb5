/*
 * What every farm store must keep of what it lists: the jobs, tasks, frames, events and scenes of a farm, page by page.
 */
import { describe, expect, it } from 'vitest'
import type { Effect } from '../../shared/domain/effect.ts'
import type { FarmStore } from '../../shared/ports/farm-store.ts'
import { auditTaskId } from '../../shared/protocol/ids.ts'
import { LIMITS } from '../../shared/protocol/limits.ts'
import {
  NOW,
  aCommit,
  aFrame,
  aHash,
  aJob,
  aScene,
  aTask,
  finishTaskId,
  renderTaskId,
  storeJob,
} from './farm-store-records.ts'

const R0 = renderTaskId(0)
const R1 = renderTaskId(1)
const ANNOUNCE: Effect = { type: 'announce_work' }

/** All pages of a list, each of at most `limit`. */
async function allPages<T>(
  limit: number,
  read: (query: { cursor?: string; limit: number }) => Promise<{ items: readonly T[]; next: string | null }>,
): Promise<T[]> {
  const all: T[] = []
  for (let cursor: string | null | undefined; ;) {
    const page = await read({ limit, ...(cursor ? { cursor } : {}) })
    expect(page.items.length).toBeLessThanOrEqual(limit)
    all.push(...page.items)
    if (page.next === null) return all
    cursor = page.next
  }
}

/** `open` gives a store that holds an open farm. */
export function listsSuite(name: string, open: () => { store: FarmStore }): void {
  describe(`a farm store (${name})`, () => {
    describe('lists', () => {
      it('give 1,200 tasks in the order of their ids, page by page, without gaps or repeats', async () => {
        const { store } = open()
        const jobId = await storeJob(store, aJob(1), 1_200)
        const others = [finishTaskId(3), auditTaskId(R0, 2), auditTaskId(R0, 10), auditTaskId(finishTaskId(0), 1)]
        await store.commit(jobId, aCommit({ tasks: others.map((id) => ({ id, expected: 0, value: aTask(id) })) }), NOW)
        const ids = (await allPages(500, (query) => store.listTasks(jobId, query))).map(({ id }) => id)
        expect(ids).toEqual([...Array.from({ length: 1_200 }, (_, at) => renderTaskId(at)), ...others].sort())
      })

      it('end with a page that says so, even when it is full', async () => {
        const { store } = open()
        const jobId = await storeJob(store, aJob(1), 4)
        const first = await store.listTasks(jobId, { limit: 2 })
        expect(first.next).not.toBeNull()
        expect((await store.listTasks(jobId, { limit: 2, cursor: first.next ?? '' })).next).toBeNull()
      })

      it('stay right while tasks are added between two pages', async () => {
        const { store } = open()
        const jobId = await storeJob(store, aJob(1), 4)
        const first = await store.listTasks(jobId, { limit: 2 })
        const audit = auditTaskId(R0, 1)
        await store.commit(jobId, aCommit({ tasks: [{ id: audit, expected: 0, value: aTask(audit) }] }), NOW)
        const second = await store.listTasks(jobId, { limit: 2, cursor: first.next ?? '' })
        expect(second.items.map(({ id }) => id)).toEqual([2, 3].map(renderTaskId))
      })

      it('give frames in the order of their numbers, negative ones first', async () => {
        const { store } = open()
        const jobId = await storeJob(store, aJob(1), 0)
        const numbers = [10, -2, 9, 0, -11, 100_000]
        await store.commit(
          jobId,
          aCommit({ frames: numbers.map((id) => ({ id, expected: 0, value: aFrame(id) })) }),
          NOW,
        )
        const listed = (await allPages(2, (query) => store.listFrames(jobId, query))).map(({ number }) => number)
        expect(listed).toEqual([-11, -2, 0, 9, 10, 100_000])
      })

      it('give jobs newest first, of everybody or of one owner', async () => {
        const { store } = open()
        for (let number = 1; number <= 7; number++)
          await storeJob(
            store,
            aJob(number, { owner: number % 2 ? 'ada' : 'bob', createdAt: NOW + Math.floor(number / 3) }),
          )
        const numbers = (jobs: { id: string }[]) => jobs.map(({ id }) => Number(id.slice(4)))
        expect(numbers(await allPages(3, (query) => store.listJobs(query)))).toEqual([7, 6, 5, 4, 3, 2, 1])
        expect(numbers(await allPages(2, (query) => store.listJobs({ ...query, owner: 'bob' })))).toEqual([6, 4, 2])
        expect(await store.listJobs({ owner: 'nobody', limit: 5 })).toEqual({ items: [], next: null })
      })

      it('give events in the order in which they happened, and what came after a place', async () => {
        const { store } = open()
        const jobId = await storeJob(store, aJob(1))
        for (let at = 0; at < 5; at++) {
          const about = at === 2 ? { taskId: R0 } : {}
          const events = [{ at: NOW + at, type: 'lease_expired' as const, message: `event ${at}`, ...about }]
          await store.commit(jobId, aCommit({ events }), NOW)
        }
        const all = await allPages(2, (query) => store.events(jobId, query))
        expect(all.map(({ message }) => message)).toEqual([0, 1, 2, 3, 4].map((at) => `event ${at}`))
        expect(all[2]).toEqual({ seq: all[2]?.seq, at: NOW + 2, type: 'lease_expired', message: 'event 2', taskId: R0 })
        expect(
          (await store.events(jobId, { cursor: all[3]?.seq ?? '', limit: 10 })).items.map(({ message }) => message),
        ).toEqual(['event 4'])
      })

      it('keep about as many events as the limit says, and drop the oldest', async () => {
        const { store } = open()
        const jobId = await storeJob(store, aJob(1))
        const more = LIMITS.eventsPerJobKept + 500
        const events = Array.from({ length: more }, (_, at) => ({ at, type: 'lease_expired' as const, message: 'm' }))
        await store.commit(jobId, aCommit({ events }), NOW)
        const all = await allPages(5_000, (query) => store.events(jobId, query))
        expect(all.length).toBeGreaterThanOrEqual(LIMITS.eventsPerJobKept)
        expect(all.length).toBeLessThan(more)
        expect(all.at(-1)?.at).toBe(more - 1)
      })

      it('refuse a cursor that none of their pages gave', async () => {
        const { store } = open()
        const jobId = await storeJob(store, aJob(1))
        const foreign = { cursor: 'nonsense (', limit: 5 }
        await expect(store.listTasks(jobId, foreign)).rejects.toMatchObject({ code: 'bad_request' })
        await expect(store.listFrames(jobId, foreign)).rejects.toMatchObject({ code: 'bad_request' })
        await expect(store.events(jobId, foreign)).rejects.toMatchObject({ code: 'bad_request' })
        await expect(store.listJobs(foreign)).rejects.toMatchObject({ code: 'bad_request' })
        await expect(store.listScenes(foreign)).rejects.toMatchObject({ code: 'bad_request' })
      })
    })

    describe('open jobs', () => {
      it('are those that are not over', async () => {
        const { store } = open()
        const first = await storeJob(store, aJob(1))
        const second = await storeJob(store, aJob(2, { state: 'active' }))
        expect([...(await store.openJobs())].sort()).toEqual([first, second])
      })

      it('close only when they have ended and nothing of them is outstanding', async () => {
        const { store } = open()
        const jobId = await storeJob(store, aJob(1))
        await store.closeJob(jobId)
        expect(await store.openJobs()).toEqual([jobId])

        const ended = await store.commit(
          jobId,
          aCommit({ job: { id: jobId, expected: 1, value: aJob(1, { state: 'completed' }) }, effects: [ANNOUNCE] }),
          NOW,
        )
        if (!ended.ok) throw new Error(JSON.stringify(ended))
        await store.closeJob(jobId)
        expect(await store.openJobs()).toEqual([jobId])

        await store.acknowledge(jobId, ended.effectIds)
        expect(await store.openJobs()).toEqual([jobId])
        expect(await store.countOpenJobs('ada')).toBe(1)
        await store.closeJob(jobId)
        expect(await store.openJobs()).toEqual([])
        expect(await store.countOpenJobs('ada')).toBe(0)
      })

      it('are counted for their owner until they are closed or erased', async () => {
        const { store } = open()
        const first = await storeJob(store, aJob(1))
        await storeJob(store, aJob(2))
        await storeJob(store, aJob(3, { owner: 'ben' }))
        await storeJob(store, aJob(4, { state: 'completed' }))
        expect(await store.countOpenJobs('ada')).toBe(2)
        await store.eraseJob(first)
        expect(await store.countOpenJobs('ada')).toBe(1)
        expect(await store.countOpenJobs('ben')).toBe(1)
      })

      it('open again when an ended one has an effect, or is to be deleted', async () => {
        const { store } = open()
        const jobId = await storeJob(store, aJob(1, { state: 'completed' }))
        expect(await store.openJobs()).toEqual([])
        await store.commit(
          jobId,
          aCommit({ job: { id: jobId, expected: 1, value: aJob(1, { state: 'deleting' }) } }),
          NOW,
        )
        await store.closeJob(jobId)
        expect(await store.openJobs()).toEqual([jobId])

        const other = await storeJob(store, aJob(2, { state: 'failed' }))
        await store.commit(other, aCommit({ effects: [ANNOUNCE] }), NOW)
        expect([...(await store.openJobs())].sort()).toEqual([jobId, other])
      })
    })

    it('forgets an erased job everywhere, may erase it twice, and takes nothing for it afterwards', async () => {
      const { store } = open()
      const jobId = await storeJob(store, aJob(1), 5)
      const kept = await storeJob(store, aJob(2), 1)
      await store.commit(
        jobId,
        aCommit({
          effects: [ANNOUNCE],
          events: [{ at: NOW, type: 'job_started', message: 'x' }],
          leases: [{ taskId: R0, epoch: 1, expiresAt: NOW }],
          picky: [{ taskId: R1, listed: true }],
        }),
        NOW,
      )
      await store.eraseJob(jobId)
      await store.eraseJob(jobId)
      expect(await store.job(jobId)).toBeNull()
      expect(await store.counters(jobId)).toEqual({})
      expect(await store.expiredLeases(jobId, NOW, 10)).toEqual([])
      expect(await store.pendingEffects(jobId, NOW + 1, 10)).toEqual([])
      expect((await store.events(jobId, { limit: 10 })).items).toEqual([])
      expect((await store.listTasks(jobId, { limit: 10 })).items).toEqual([])
      expect(await store.openJobs()).toEqual([kept])
      expect((await store.listJobs({ limit: 10 })).items.map(({ id }) => id)).toEqual([kept])
      expect((await store.listJobs({ owner: 'ada', limit: 10 })).items.map(({ id }) => id)).toEqual([kept])
      expect(await store.jobsOfScene(aHash(1))).toEqual([kept])
      expect(
        (await store.commit(jobId, aCommit({ events: [{ at: NOW, type: 'job_started', message: 'late' }] }), NOW)).ok,
      ).toBe(false)
    })

    describe('scenes', () => {
      it('are found by their hash, and know the jobs that use them', async () => {
        const { store } = open()
        await store.putScene(aScene(1))
        expect(await store.scene(aHash(1))).toEqual(aScene(1))
        expect(await store.scene(aHash(2))).toBeNull()
        expect(await store.jobsOfScene(aHash(1))).toEqual([])
        const jobId = await storeJob(store, aJob(1))
        expect(await store.jobsOfScene(aHash(1))).toEqual([jobId])
      })

      it('are listed newest first, each once, however often they were uploaded', async () => {
        const { store } = open()
        for (let number = 1; number <= 5; number++) await store.putScene(aScene(number, NOW + number))
        await store.putScene(aScene(2, NOW + 9))
        await store.deleteScene(aHash(4))
        await store.deleteScene(aHash(77))
        const hashes = (await allPages(2, (query) => store.listScenes(query))).map(({ sha256 }) => sha256)
        expect(hashes).toEqual([2, 5, 3, 1].map(aHash))
      })
    })
  })
}
