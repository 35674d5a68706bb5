/*
 * What every farm store must keep of the records of a job, and of what hangs on them, whatever it is made of.
 */
import { describe, expect, it } from 'vitest'
import type { Effect } from '../../shared/domain/effect.ts'
import type { FarmStore } from '../../shared/ports/farm-store.ts'
import { UnstorableRecord } from '../../shared/ports/storable.ts'
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
  renderTaskId,
  storeJob,
} from './farm-store-records.ts'

const R0 = renderTaskId(0)
const R1 = renderTaskId(1)
const ANNOUNCE: Effect = { type: 'announce_work' }

/** `open` gives a store that holds an open farm. */
export function farmStoreSuite(name: string, open: () => { store: FarmStore }): void {
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
            events: [{ at: NOW, type: 'job_started', message: 'x' }],
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
