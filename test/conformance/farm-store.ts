/*
 * What every farm store must keep, whatever it is made of.
 */
import { describe, expect, it } from 'vitest'
import type { Effect } from '../../shared/domain/effect.ts'
import type { FarmStore } from '../../shared/ports/farm-store.ts'
import { UnstorableRecord } from '../../shared/ports/storable.ts'
import { auditTaskId } from '../../shared/protocol/ids.ts'
import { LIMITS } from '../../shared/protocol/limits.ts'
import {
  NOW,
  aCommit,
  aFrame,
  aHash,
  aJob,
  aJobId,
  aScene,
  aTask,
  aWorker,
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

/** `open` gives a store that holds nothing; sessions and requests end by the clock that `advance` moves on. */
export function farmStoreSuite(
  name: string,
  open: () => { store: FarmStore; advance: (ms: number) => Promise<void> },
): void {
  describe(`a farm store (${name})`, () => {
    it('tells a time in milliseconds since 1970 and can be checked', async () => {
      const { store } = open()
      expect(await store.time()).toBeGreaterThan(Date.UTC(2020))
      expect(await store.time()).toBeLessThan(Date.UTC(2200))
      await store.check()
    })

    it('knows nothing of what was never stored', async () => {
      const { store } = open()
      expect(await store.job(aJobId(1))).toBeNull()
      expect(await store.tasks(aJobId(1), [R0, R1])).toEqual([null, null])
      expect(await store.tasks(aJobId(1), [])).toEqual([])
      expect(await store.frames(aJobId(1), [1])).toEqual([null])
      expect(await store.counters(aJobId(1))).toEqual({})
      expect(await store.openJobs()).toEqual([])
      expect(await store.listTasks(aJobId(1), { limit: 10 })).toEqual({ items: [], next: null })
    })

    describe('a record that could not be read back', () => {
      const tooLong = 'x'.repeat(LIMITS.messageLengthMax + 1)
      it('is refused with the place of the fault, and nothing of its commit is written', async () => {
        const { store } = open()
        const jobId = await storeJob(store, aJob(1))
        const task = { ...aTask(R0), note: tooLong }
        await expect(
          store.commit(jobId, aCommit({ tasks: [{ id: R0, expected: 1, value: task }], counters: { x: 1 } }), NOW),
        ).rejects.toThrow(UnstorableRecord)
        await expect(
          store.commit(jobId, aCommit({ tasks: [{ id: R0, expected: 1, value: task }] }), NOW),
        ).rejects.toThrow(/^task r0000000 cannot be stored: note: /)
        const files = Array.from({ length: LIMITS.filesPerFrameMax + 1 }, (_, at) => ({
          path: `frames/${at}.png`,
          bytes: 1,
          sha256: aHash(1),
          contentType: 'image/png',
        }))
        await expect(
          store.commit(jobId, aCommit({ frames: [{ id: 1, expected: 1, value: { ...aFrame(1), files } }] }), NOW),
        ).rejects.toThrow(/^frame 1 cannot be stored: files: /)
        await expect(
          store.commit(jobId, aCommit({ job: { id: jobId, expected: 1, value: { ...aJob(1), name: '' } } }), NOW),
        ).rejects.toThrow(/^job job_0{25}1 cannot be stored: name: /)
        expect(await store.tasks(jobId, [R0])).toEqual([{ version: 1, value: aTask(R0) }])
        expect(await store.counters(jobId)).not.toHaveProperty('x')
      })

      it('is a lost race where it was decided on a record that has moved on', async () => {
        const { store } = open()
        const jobId = await storeJob(store, aJob(1))
        await store.commit(jobId, aCommit({ tasks: [{ id: R0, expected: 1, value: aTask(R0, { epoch: 1 }) }] }), NOW)
        const stale = aCommit({
          tasks: [{ id: R0, expected: 1, value: aTask(R0) }],
          frames: [{ id: 1, expected: 1, value: { ...aFrame(1), tasksLeft: -1 } }],
          counters: { x: 1 },
        })
        expect(await store.commit(jobId, stale, NOW)).toEqual({ ok: false, why: 'lost_race', record: R0 })
        await expect(store.commit(jobId, { ...stale, tasks: [] }, NOW)).rejects.toThrow(UnstorableRecord)
        expect(await store.frames(jobId, [1])).toEqual([{ version: 1, value: aFrame(1) }])
        expect(await store.counters(jobId)).not.toHaveProperty('x')
      })

      it('is refused of scenes and workers as well', async () => {
        const { store } = open()
        await expect(store.putWorker({ ...aWorker('anna'), name: '' })).rejects.toThrow(
          /^worker wrk_anna cannot be stored: name: /,
        )
        await expect(store.putScene({ ...aScene(1), bytes: -1 })).rejects.toThrow(
          /^scene 0{63}1 cannot be stored: bytes: /,
        )
        expect(await store.listWorkers()).toEqual([])
        expect(await store.scene(aHash(1))).toBeNull()
      })
    })

    describe('commits', () => {
      it('give records back as they were, at version 1, and then one more with each commit', async () => {
        const { store } = open()
        const job = aJob(1)
        const jobId = await storeJob(store, job)
        expect(await store.job(jobId)).toEqual({ version: 1, value: job })
        expect(await store.tasks(jobId, [R1, R0])).toEqual([null, { version: 1, value: aTask(R0) }])

        const leased = aTask(R0, { state: 'leased', epoch: 1 })
        expect((await store.commit(jobId, aCommit({ tasks: [{ id: R0, expected: 1, value: leased }] }), NOW)).ok).toBe(
          true,
        )
        expect(await store.tasks(jobId, [R0])).toEqual([{ version: 2, value: leased }])
      })

      it('keep texts with line breaks and other scripts as they are', async () => {
        const { store } = open()
        const jobId = await storeJob(store, aJob(1, { name: 'Zeile 1\nZeile 2 \u0000 ümläut 猫 😀' }))
        expect((await store.job(jobId))?.value.name).toBe('Zeile 1\nZeile 2 \u0000 ümläut 猫 😀')
      })

      it('let exactly one of many writers of the same version win', async () => {
        const { store } = open()
        const jobId = await storeJob(store, aJob(1))
        const writers = Array.from({ length: 20 }, (_, at) => aTask(R0, { state: 'leased', epoch: at + 1 }))
        const all = await Promise.all(
          writers.map((value) =>
            store.commit(jobId, aCommit({ tasks: [{ id: R0, expected: 1, value }], counters: { leased: 1 } }), NOW),
          ),
        )

        expect(all.filter(({ ok }) => ok)).toHaveLength(1)
        const [stored] = await store.tasks(jobId, [R0])
        expect(stored).toEqual({ version: 2, value: writers[all.findIndex(({ ok }) => ok)] })
        expect(await store.counters(jobId)).toMatchObject({ leased: 1 })
      })

      it('change nothing at all when one record of many is not as expected, and say which', async () => {
        const { store } = open()
        const jobId = await storeJob(store, aJob(1), 2)
        const before = await wholeJob(store, jobId)
        const refused = await store.commit(
          jobId,
          aCommit({
            job: { id: jobId, expected: 1, value: aJob(1, { state: 'active' }) },
            tasks: [
              { id: R0, expected: 1, value: aTask(R0, { state: 'leased' }) },
              { id: R1, expected: 7, value: aTask(R1, { state: 'leased' }) },
            ],
            frames: [{ id: 1, expected: 1, value: null }],
            counters: { 'render.queued': -2 },
            leases: [{ taskId: R0, epoch: 1, expiresAt: NOW }],
            picky: [{ taskId: R0, listed: true }],
            effects: [ANNOUNCE],
            events: [{ at: NOW, type: 'x', message: 'x' }],
          }),
          NOW,
        )
        expect(refused).toEqual({ ok: false, why: 'lost_race', record: R1 })
        expect(await wholeJob(store, jobId)).toEqual(before)
      })

      it('refuse to create what is there, and to change or remove what is not', async () => {
        const { store } = open()
        const jobId = await storeJob(store, aJob(1))
        expect(await store.commit(jobId, aCommit({ job: { id: jobId, expected: 0, value: aJob(1) } }), NOW)).toEqual({
          ok: false,
          why: 'lost_race',
          record: jobId,
        })
        expect(await store.commit(jobId, aCommit({ tasks: [{ id: R1, expected: 1, value: aTask(R1) }] }), NOW)).toEqual(
          { ok: false, why: 'lost_race', record: R1 },
        )
        expect(await store.commit(jobId, aCommit({ frames: [{ id: 99, expected: 2, value: null }] }), NOW)).toEqual({
          ok: false,
          why: 'lost_race',
          record: '99',
        })
      })

      it('are refused for a job that is not there, so that a late one leaves nothing behind', async () => {
        const { store } = open()
        expect(await store.commit(aJobId(1), aCommit({ counters: { x: 1 }, effects: [ANNOUNCE] }), NOW)).toEqual({
          ok: false,
          why: 'lost_race',
          record: aJobId(1),
        })
        expect(await store.counters(aJobId(1))).toEqual({})
        expect(await store.openJobs()).toEqual([])
      })

      it('remove a record whose value is null', async () => {
        const { store } = open()
        const jobId = await storeJob(store, aJob(1), 2)
        const removed = await store.commit(
          jobId,
          aCommit({ tasks: [{ id: R0, expected: 1, value: null }], frames: [{ id: 1, expected: 1, value: null }] }),
          NOW,
        )
        expect(removed.ok).toBe(true)
        expect(await store.tasks(jobId, [R0])).toEqual([null])
        expect((await store.listTasks(jobId, { limit: 10 })).items.map(({ id }) => id)).toEqual([R1])
        expect((await store.listFrames(jobId, { limit: 10 })).items.map(({ number }) => number)).toEqual([2])
      })

      it('add to counters and tell all of them', async () => {
        const { store } = open()
        const jobId = await storeJob(store, aJob(1), 3)
        const committed = await store.commit(
          jobId,
          aCommit({ counters: { 'render.queued': -1, 'render.leased': 1 } }),
          NOW,
        )
        expect(committed).toMatchObject({ ok: true, counters: { 'render.queued': 2, 'render.leased': 1 } })
        expect(await store.counters(jobId)).toEqual({ 'render.queued': 2, 'render.leased': 1 })
      })

      it(
        'write nothing when a counter leaves no room for them, and let ' +
          'exactly as many of many through as there is room for',
        async () => {
          const { store } = open()
          const jobId = await storeJob(store, aJob(1), 9)
          const lease = (at: number) =>
            aCommit({
              tasks: [
                { id: renderTaskId(at), expected: 1, value: aTask(renderTaskId(at), { state: 'leased', epoch: 1 }) },
              ],
              counters: { 'running.all': 1 },
              room: { counter: 'running.all', below: 3 },
            })
          const all = await Promise.all(Array.from({ length: 9 }, (_, at) => store.commit(jobId, lease(at), NOW)))
          expect(all.filter(({ ok }) => ok)).toHaveLength(3)
          expect(all.find(({ ok }) => !ok)).toEqual({ ok: false, why: 'no_room', counter: 'running.all' })
          expect(await store.counters(jobId)).toMatchObject({ 'running.all': 3 })
          expect(
            (await store.listTasks(jobId, { limit: 9 })).items.filter(({ state }) => state === 'leased'),
          ).toHaveLength(3)
          // Whatever room there is, a record that is not as expected is told first.
          expect(
            await store.commit(jobId, { ...lease(0), tasks: [{ id: R0, expected: 7, value: aTask(R0) }] }, NOW),
          ).toEqual({ ok: false, why: 'lost_race', record: R0 })
        },
      )

      it('do not let what they were given change afterwards', async () => {
        const { store } = open()
        const job = aJob(1)
        const jobId = await storeJob(store, job)
        job.name = 'changed outside'
        const read = await store.job(jobId)
        // What a store gives may be frozen, too.
        if (read && !Object.isFrozen(read.value)) read.value.owner = 'changed outside'
        expect((await store.job(jobId))?.value).toMatchObject({ name: 'job 1', owner: 'ada' })
      })

      it('take a thousand tasks at once', async () => {
        const { store } = open()
        const jobId = await storeJob(store, aJob(1), 1_000)
        expect(await store.counters(jobId)).toEqual({ 'render.queued': 1_000 })
        expect((await store.tasks(jobId, [renderTaskId(999)]))[0]?.version).toBe(1)
      })
    })

    describe('leases', () => {
      it('expire in the order of their ends, and no sooner', async () => {
        const { store } = open()
        const jobId = await storeJob(store, aJob(1), 3)
        const leases = [3, 1, 2].map((at) => ({ taskId: renderTaskId(at), epoch: 1, expiresAt: NOW + at }))
        await store.commit(jobId, aCommit({ leases }), NOW)
        expect(await store.expiredLeases(jobId, NOW, 10)).toEqual([])
        expect(await store.expiredLeases(jobId, NOW + 2, 10)).toEqual(
          [1, 2].map((at) => ({ taskId: renderTaskId(at), epoch: 1 })),
        )
        expect(await store.expiredLeases(jobId, NOW + 9, 1)).toEqual([{ taskId: R1, epoch: 1 }])
      })

      it('are renewed where they are held, and those that are not are given back', async () => {
        const { store } = open()
        const jobId = await storeJob(store, aJob(1), 2)
        await store.commit(jobId, aCommit({ leases: [{ taskId: R0, epoch: 2, expiresAt: NOW }] }), NOW)
        const lost = await store.renew(
          jobId,
          [
            { taskId: R0, epoch: 1 },
            { taskId: R0, epoch: 2 },
            { taskId: R1, epoch: 1 },
          ],
          NOW + 50,
        )
        expect(lost).toEqual([
          { taskId: R0, epoch: 1 },
          { taskId: R1, epoch: 1 },
        ])
        expect(await store.expiredLeases(jobId, NOW + 49, 10)).toEqual([])
        expect(await store.expiredLeases(jobId, NOW + 50, 10)).toEqual([{ taskId: R0, epoch: 2 }])
        expect(await store.renew(jobId, [], NOW)).toEqual([])
      })

      it('are over once a commit ends them', async () => {
        const { store } = open()
        const jobId = await storeJob(store, aJob(1))
        await store.commit(jobId, aCommit({ leases: [{ taskId: R0, epoch: 1, expiresAt: NOW }] }), NOW)
        await store.commit(jobId, aCommit({ leases: [{ taskId: R0, epoch: 1, expiresAt: null }] }), NOW)
        expect(await store.expiredLeases(jobId, NOW, 10)).toEqual([])
        expect(await store.renew(jobId, [{ taskId: R0, epoch: 1 }], NOW)).toEqual([{ taskId: R0, epoch: 1 }])
      })
    })

    it('lists picky tasks in the order in which they came, each once', async () => {
      const { store } = open()
      const jobId = await storeJob(store, aJob(1), 3)
      const list = (at: number, listed: boolean) =>
        store.commit(jobId, aCommit({ picky: [{ taskId: renderTaskId(at), listed }] }), NOW)
      await list(2, true)
      await list(0, true)
      await list(1, true)
      await list(2, true)
      expect(await store.picky(jobId, 10)).toEqual([2, 0, 1].map(renderTaskId))
      await list(0, false)
      expect(await store.picky(jobId, 10)).toEqual([2, 1].map(renderTaskId))
      expect(await store.picky(jobId, 1)).toEqual([renderTaskId(2)])
      expect(await store.picky(jobId, 0)).toEqual([])
    })

    describe('effects', () => {
      const every: Effect[] = [
        { type: 'queue_tasks', tasks: [{ taskId: R0, epoch: 0 }] },
        ANNOUNCE,
        { type: 'run_step', step: { step: 'compare', jobId: aJobId(1), taskId: R0, round: 1 } },
        { type: 'run_step', step: { step: 'stitch', jobId: aJobId(1), frame: -3 } },
        { type: 'run_step', step: { step: 'deliver', jobId: aJobId(1), frame: 3 } },
        { type: 'run_step', step: { step: 'encode', jobId: aJobId(1) } },
        { type: 'run_step', step: { step: 'erase', jobId: aJobId(1) } },
        { type: 'cancel_lease', workerId: aWorker('fast').id, taskId: R0, epoch: 1, reason: 'the job was canceled' },
        { type: 'drop_queue' },
      ]

      it('of every kind stay, in order, until they are acknowledged', async () => {
        const { store } = open()
        const jobId = await storeJob(store, aJob(1))
        const committed = await store.commit(jobId, aCommit({ effects: every }), NOW)
        if (!committed.ok) throw new Error(JSON.stringify(committed))
        expect(committed.effectIds).toHaveLength(every.length)
        const pending = await store.pendingEffects(jobId, NOW + 1, 100)
        expect(pending).toEqual(every.map((effect, at) => ({ id: committed.effectIds[at], committedAt: NOW, effect })))

        await store.acknowledge(jobId, committed.effectIds.slice(1))
        await store.acknowledge(jobId, committed.effectIds.slice(1))
        await store.acknowledge(jobId, [])
        expect((await store.pendingEffects(jobId, NOW + 1, 100)).map(({ effect }) => effect)).toEqual(every.slice(0, 1))
      })

      it('are pending only once they are older than asked for, and never more than asked for', async () => {
        const { store } = open()
        const jobId = await storeJob(store, aJob(1))
        for (const at of [2, 1, 3]) await store.commit(jobId, aCommit({ effects: [ANNOUNCE] }), NOW + at)
        const times = async (before: number, limit: number) =>
          (await store.pendingEffects(jobId, before, limit)).map(({ committedAt }) => committedAt - NOW)
        expect(await times(NOW + 1, 10)).toEqual([])
        expect(await times(NOW + 3, 10)).toEqual([1, 2])
        expect(await times(NOW + 9, 2)).toEqual([1, 2])
      })

      it('have ids of their own in every commit', async () => {
        const { store } = open()
        const jobId = await storeJob(store, aJob(1))
        const commits = await Promise.all(
          Array.from({ length: 10 }, () => store.commit(jobId, aCommit({ effects: [ANNOUNCE, ANNOUNCE] }), NOW)),
        )
        expect(new Set(commits.flatMap((committed) => (committed.ok ? committed.effectIds : []))).size).toBe(20)
      })
    })

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
          const event = { at: NOW + at, type: 'task', message: `event ${at}`, ...(at === 2 ? { taskId: R0 } : {}) }
          await store.commit(jobId, aCommit({ events: [event] }), NOW)
        }
        const all = await allPages(2, (query) => store.events(jobId, query))
        expect(all.map(({ message }) => message)).toEqual([0, 1, 2, 3, 4].map((at) => `event ${at}`))
        expect(all[2]).toEqual({ seq: all[2]?.seq, at: NOW + 2, type: 'task', message: 'event 2', taskId: R0 })
        expect(
          (await store.events(jobId, { cursor: all[3]?.seq ?? '', limit: 10 })).items.map(({ message }) => message),
        ).toEqual(['event 4'])
      })

      it('keep about as many events as the limit says, and drop the oldest', async () => {
        const { store } = open()
        const jobId = await storeJob(store, aJob(1))
        const more = LIMITS.eventsPerJobKept + 500
        const events = Array.from({ length: more }, (_, at) => ({ at, type: 'task', message: 'm' }))
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
          events: [{ at: NOW, type: 'x', message: 'x' }],
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
      expect((await store.commit(jobId, aCommit({ events: [{ at: NOW, type: 'x', message: 'late' }] }), NOW)).ok).toBe(
        false,
      )
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

    describe('workers', () => {
      it('are kept as they were told, and listed by id', async () => {
        const { store } = open()
        await store.putWorker(aWorker('slow'))
        await store.putWorker(aWorker('fast', { tasksCompleted: 3 }))
        expect(await store.worker(aWorker('slow').id)).toEqual(aWorker('slow'))
        expect(await store.worker(aWorker('none').id)).toBeNull()
        expect(await store.listWorkers()).toEqual([aWorker('fast', { tasksCompleted: 3 }), aWorker('slow')])
      })

      it('keep their counts when an older record is stored over them', async () => {
        const { store } = open()
        const { id } = aWorker('fast')
        await store.putWorker(aWorker('fast'))
        const jobId = await storeJob(store, aJob(1))
        await Promise.all(
          Array.from({ length: 10 }, () =>
            store.commit(
              jobId,
              aCommit({ credits: [{ type: 'credit_worker', workerId: id, completed: 2, refuted: 1 }] }),
              NOW,
            ),
          ),
        )
        await store.putWorker(aWorker('fast', { state: 'draining' }))
        expect(await store.worker(id)).toEqual(
          aWorker('fast', { state: 'draining', tasksCompleted: 20, tasksRefuted: 10 }),
        )
        expect(await store.listWorkers()).toEqual([await store.worker(id)])
      })

      it('stay in quarantine, and out of it, whatever a record says that was read before', async () => {
        const { store } = open()
        const { id } = aWorker('fast')
        await store.putWorker(aWorker('fast'))
        for (const quarantined of [true, false]) {
          await store.setQuarantined(id, quarantined)
          await store.putWorker(aWorker('fast', { quarantined: !quarantined }))
          expect(await store.worker(id)).toEqual(aWorker('fast', { quarantined }))
          expect(await store.listWorkers()).toEqual([aWorker('fast', { quarantined })])
        }
      })

      it('may be in quarantine before they are known, and come with it in their first record', async () => {
        const { store } = open()
        await store.setQuarantined(aWorker('fast').id, true)
        await store.putWorker(aWorker('fast'))
        await store.putWorker(aWorker('slow', { quarantined: true }))
        expect((await store.listWorkers()).map(({ name, quarantined }) => [name, quarantined])).toEqual([
          ['fast', true],
          ['slow', true],
        ])
      })

      it('are given by their ids, those that are not known left out', async () => {
        const { store } = open()
        await store.putWorker(aWorker('slow', { tasksFailed: 2 }))
        await store.putWorker(aWorker('fast', { tasksCompleted: 3 }))
        const ids = ['fast', 'none', 'slow'].map((name) => aWorker(name).id)
        expect(await store.workers(ids)).toEqual([
          aWorker('fast', { tasksCompleted: 3 }),
          aWorker('slow', { tasksFailed: 2 }),
        ])
        expect(await store.workers([])).toEqual([])
        expect(await store.countWorkers()).toBe(2)
      })

      it('are forgotten with all that hangs on them when nobody saw them for long', async () => {
        const { store } = open()
        const [old, older, fresh] = [
          aWorker('olde', { lastSeenAt: NOW - 10 }),
          aWorker('older', { lastSeenAt: NOW - 20, tasksCompleted: 4 }),
          aWorker('fresh', { lastSeenAt: NOW }),
        ]
        for (const worker of [old, older, fresh]) await store.putWorker(worker)
        expect(await store.workersUnseen(NOW, 9)).toEqual([older.id, old.id])
        expect(await store.workersUnseen(NOW, 1)).toEqual([older.id])
        expect(await store.workersUnseen(NOW, 9, 1)).toEqual([old.id])
        expect(await store.forgetWorker(fresh.id, NOW)).toBe(false)
        expect(await store.forgetWorker(older.id, NOW)).toBe(true)
        expect(await store.forgetWorker(older.id, NOW)).toBe(true)
        expect(await store.listWorkers()).toEqual([fresh, old])
        await store.putWorker(aWorker('older', { lastSeenAt: NOW }))
        expect((await store.worker(older.id))?.tasksCompleted).toBe(0)
        await store.putWorker({ ...old, lastSeenAt: NOW + 1 })
        expect(await store.workersUnseen(NOW, 9)).toEqual([])
      })

      it('are not forgotten while they are connected', async () => {
        const { store, advance } = open()
        const { id } = aWorker('olde')
        await store.putWorker(aWorker('olde', { lastSeenAt: NOW - 10 }))
        await store.holdSession(id, 'a', 60_000)
        expect(await store.forgetWorker(id, NOW)).toBe(false)
        await store.holdSession(id, 'b', 40)
        await advance(60)
        expect(await store.forgetWorker(id, NOW)).toBe(true)
        expect(await store.keepSession(id, 'c', 40)).toBe(true)
      })
    })

    it('credits nobody with a commit that is refused', async () => {
      const { store } = open()
      const { id } = aWorker('fast')
      await store.putWorker(aWorker('fast'))
      const jobId = await storeJob(store, aJob(1))
      const stale = aCommit({
        tasks: [{ id: R0, expected: 7, value: aTask(R0) }],
        credits: [{ type: 'credit_worker', workerId: id, completed: 1 }],
      })
      expect(await store.commit(jobId, stale, NOW)).toEqual({ ok: false, why: 'lost_race', record: R0 })
      expect((await store.worker(id))?.tasksCompleted).toBe(0)
    })

    it('refuses a commit on a job that has changed since, though the job is not written', async () => {
      const { store } = open()
      const jobId = await storeJob(store, aJob(1))
      const grown = aCommit({
        jobVersion: 1,
        tasks: [{ id: renderTaskId(5), expected: 0, value: aTask(renderTaskId(5)) }],
      })
      expect((await store.commit(jobId, grown, NOW)).ok).toBe(true)
      expect((await store.job(jobId))?.version).toBe(1)
      const late = aCommit({
        jobVersion: 2,
        tasks: [{ id: renderTaskId(6), expected: 0, value: aTask(renderTaskId(6)) }],
      })
      expect(await store.commit(jobId, late, NOW)).toEqual({ ok: false, why: 'lost_race', record: jobId })
      expect(await store.tasks(jobId, [renderTaskId(6)])).toEqual([null])
    })

    describe('sessions', () => {
      const { id } = aWorker('fast')

      it('make a worker connected until they are ended', async () => {
        const { store } = open()
        expect(await store.connectedWorkers()).toEqual(new Set())
        await store.holdSession(id, 'a', 60_000)
        await store.holdSession(aWorker('slow').id, 'b', 60_000)
        expect(await store.connectedWorkers()).toEqual(new Set([id, aWorker('slow').id]))
        await store.endSession(id, 'a')
        expect(await store.connectedWorkers()).toEqual(new Set([aWorker('slow').id]))
        expect(await store.keepSession(id, 'a', 60_000)).toBe(false)
      })

      it('give way to a newer one of the same worker, which the older cannot end', async () => {
        const { store } = open()
        await store.holdSession(id, 'old', 60_000)
        await store.holdSession(id, 'new', 60_000)
        expect(await store.keepSession(id, 'old', 60_000)).toBe(false)
        await store.endSession(id, 'old')
        expect(await store.connectedWorkers()).toEqual(new Set([id]))
        expect(await store.keepSession(id, 'new', 60_000)).toBe(true)
      })

      it('run out when they are not kept, and come back when they are', async () => {
        const { store, advance } = open()
        await store.holdSession(id, 'a', 40)
        await advance(60)
        expect(await store.connectedWorkers()).toEqual(new Set())
        expect(await store.keepSession(id, 'a', 60_000)).toBe(true)
        expect(await store.connectedWorkers()).toEqual(new Set([id]))
      })

      it('are kept for a store that lost its memory', async () => {
        const { store } = open()
        expect(await store.keepSession(id, 'a', 60_000)).toBe(true)
        expect(await store.connectedWorkers()).toEqual(new Set([id]))
      })
    })

    describe('requests', () => {
      it('are new once, then known without an answer, then with it', async () => {
        const { store } = open()
        expect(
          await store.rememberRequest('ada key', { fingerprint: 'print 1', makes: 'one', answer: null }, 60_000),
        ).toBeNull()
        expect(
          await store.rememberRequest('ada key', { fingerprint: 'print 2', makes: 'two', answer: null }, 60_000),
        ).toEqual({ fingerprint: 'print 1', makes: 'one', answer: null })
        await store.answerRequest('ada key', { fingerprint: 'print 1', makes: 'one', answer: '{"ok":true}' }, 60_000)
        expect(
          await store.rememberRequest('ada key', { fingerprint: 'print 1', makes: 'three', answer: null }, 60_000),
        ).toEqual({ fingerprint: 'print 1', makes: 'one', answer: '{"ok":true}' })
      })

      it('are taken by exactly one of many that come at once', async () => {
        const { store } = open()
        const all = await Promise.all(
          Array.from({ length: 20 }, () =>
            store.rememberRequest('key', { fingerprint: 'print', makes: 'one', answer: null }, 60_000),
          ),
        )
        expect(all.filter((known) => known === null)).toHaveLength(1)
      })

      it('are forgotten after their time', async () => {
        const { store, advance } = open()
        await store.rememberRequest('key', { fingerprint: 'print', makes: 'one', answer: null }, 40)
        await advance(60)
        expect(
          await store.rememberRequest('key', { fingerprint: 'print', makes: 'one', answer: null }, 60_000),
        ).toBeNull()
      })
    })

    it('knows who a token belongs to', async () => {
      const { store } = open()
      expect(await store.token(aHash(1))).toBeNull()
      await store.putToken(aHash(1), { name: 'ada', scopes: ['jobs'] })
      expect(await store.token(aHash(1))).toEqual({ name: 'ada', scopes: ['jobs'] })
    })
  })
}

/** All that can be read of a job. */
async function wholeJob(store: FarmStore, jobId: ReturnType<typeof aJobId>) {
  return {
    job: await store.job(jobId),
    tasks: await store.tasks(jobId, [R0, R1]),
    frames: await store.frames(jobId, [1, 2]),
    counters: await store.counters(jobId),
    leases: await store.expiredLeases(jobId, Number.MAX_SAFE_INTEGER, 100),
    picky: await store.picky(jobId, 100),
    effects: await store.pendingEffects(jobId, Number.MAX_SAFE_INTEGER, 100),
    events: await store.events(jobId, { limit: 100 }),
    listed: await store.listTasks(jobId, { limit: 100 }),
  }
}
