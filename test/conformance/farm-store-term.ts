/*
 * What every farm store must keep so that a farm can be written down and rebuilt: whether it holds one, and what the
 * journal lacks.
 */
import { describe, expect, it } from 'vitest'
import { FarmStateLost, type FarmStore } from '../../shared/ports/farm-store.ts'
import { LIMITS } from '../../shared/protocol/limits.ts'
import { NOW, aCommit, aFrame, aJob, aJobId, aTask, aWorker, renderTaskId, storeJob } from './farm-store-records.ts'

const R0 = renderTaskId(0)
const R1 = renderTaskId(1)

/** `open` gives a store that holds an open farm; `empty` takes everything from it. */
export function farmTermSuite(
  name: string,
  open: () => { store: FarmStore; empty: () => Promise<void>; advance: (ms: number) => Promise<void> },
): void {
  describe(`a farm store that was emptied (${name})`, () => {
    it('does not say that there is nothing, and takes no commit, until a farm is begun in it', async () => {
      const { store, empty } = open()
      await storeJob(store, aJob(1))
      expect(await store.holdsJobs()).toBe(true)
      await empty()
      expect(await store.farmTerm()).toBeNull()
      expect(await store.holdsJobs()).toBe(false)
      for (const ask of [
        () => store.check(),
        () => store.job(aJobId(1)),
        () => store.openJobs(),
        () => store.listJobs({ limit: 10 }),
        () => store.scene(aJob(1).scene.sha256),
        () => store.listScenes({ limit: 10 }),
        () => store.worker(aWorker('anna').id),
        () => store.token('00'),
        () => store.commit(aJobId(1), aCommit({ counters: { x: 1 } }), NOW),
      ])
        await expect(ask()).rejects.toBeInstanceOf(FarmStateLost)
      expect(await store.changeFarmTerm({ term: 1, open: true }, { term: 9, open: true })).toBe(false)
      expect(await store.changeFarmTerm(null, { term: 2, open: true })).toBe(true)
      expect(await store.farmTerm()).toEqual({ term: 2, open: true })
      expect(await store.job(aJobId(1))).toBeNull()
      expect(await store.openJobs()).toEqual([])
      await store.check()
    })

    it('takes commits of the recovery alone while it is recovered, and no more of them afterwards', async () => {
      const { store, empty } = open()
      await empty()
      await store.changeFarmTerm(null, { term: 2, open: false })
      const job = aJob(1)
      const create = aCommit({ job: { id: job.id, expected: 0, value: job } })
      await expect(store.commit(job.id, create, NOW)).rejects.toBeInstanceOf(FarmStateLost)
      expect((await store.commit(job.id, { ...create, recovered: true }, NOW)).ok).toBe(true)
      await expect(store.openJobs().then(() => store.token('00'))).rejects.toBeInstanceOf(FarmStateLost)
      expect(await store.changeFarmTerm({ term: 2, open: false }, { term: 2, open: true })).toBe(true)
      await expect(store.commit(job.id, aCommit({ counters: { x: 1 }, recovered: true }), NOW)).rejects.toBeInstanceOf(
        FarmStateLost,
      )
      expect((await store.commit(job.id, aCommit({ counters: { x: 1 } }), NOW)).ok).toBe(true)
    })

    it('gives records of a later term versions above all earlier ones', async () => {
      const { store, empty } = open()
      await empty()
      await store.changeFarmTerm(null, { term: 3, open: true })
      const jobId = await storeJob(store, aJob(1))
      const version = (await store.job(jobId))?.version ?? 0
      expect(version).toBe(2_000_000_001)
      expect(
        (
          await store.commit(
            jobId,
            aCommit({ job: { id: jobId, expected: version, value: aJob(1, { state: 'active' }) } }),
            NOW,
          )
        ).ok,
      ).toBe(true)
      expect((await store.job(jobId))?.version).toBe(version + 1)
      expect((await store.tasks(jobId, [R0]))[0]?.version).toBe(version)
    })

    it('puts workers back with their counts and their quarantine, whatever was there', async () => {
      const { store } = open()
      await store.putWorker(aWorker('anna', { tasksCompleted: 1 }))
      const before = aWorker('anna', {
        tasksCompleted: 7,
        tasksFailed: 2,
        tasksRefuted: 1,
        quarantined: true,
        state: 'offline',
      })
      await store.restoreWorker(before)
      expect(await store.worker(before.id)).toEqual(before)
    })
  })

  describe(`what the journal lacks (${name})`, () => {
    it('is told in the order of its first mark, as the records are now, until it is taken back', async () => {
      const { store } = open()
      const jobId = await storeJob(store, aJob(1), 2)
      expect(await store.unjournaled(jobId, 10)).toEqual([])
      const done = aTask(R1, { state: 'completed', epoch: 1 })
      await store.commit(
        jobId,
        aCommit({
          tasks: [{ id: R1, expected: 1, value: done }],
          frames: [{ id: 1, expected: 1, value: aFrame(1, { state: 'delivering' }) }],
          journal: { job: true, tasks: [R1], frames: [1] },
        }),
        NOW,
      )
      await store.commit(
        jobId,
        aCommit({ frames: [{ id: 1, expected: 2, value: aFrame(1, { state: 'delivered' }) }] }),
        NOW,
      )
      const due = await store.unjournaled(jobId, 10)
      expect(due.map(({ what, version, record }) => [what, version, JSON.parse(record ?? '')])).toEqual([
        ['job', 1, aJob(1)],
        ['task', 2, done],
        ['frame', 3, aFrame(1, { state: 'delivered' })],
      ])
      expect((await store.unjournaled(jobId, 2)).map(({ what }) => what)).toEqual(['job', 'task'])
      await store.journaled(jobId, due.slice(0, 2))
      expect((await store.unjournaled(jobId, 10)).map(({ what }) => what)).toEqual(['frame'])
    })

    it('keeps the mark of what was written again after it was read', async () => {
      const { store } = open()
      const jobId = await storeJob(store, aJob(1), 2)
      const write = (expected: number) =>
        store.commit(
          jobId,
          aCommit({
            tasks: [{ id: R0, expected, value: aTask(R0, { epoch: expected }) }],
            journal: { job: false, tasks: [R0], frames: [] },
          }),
          NOW,
        )
      await write(1)
      const due = await store.unjournaled(jobId, 10)
      await write(2)
      await store.journaled(jobId, due)
      expect((await store.unjournaled(jobId, 10)).map(({ version }) => version)).toEqual([3])
    })

    it('keeps a job that has ended open, and is gone with a job that is erased', async () => {
      const { store } = open()
      const jobId = await storeJob(store, aJob(1))
      await store.commit(
        jobId,
        aCommit({
          job: { id: jobId, expected: 1, value: aJob(1, { state: 'canceled' }) },
          journal: { job: true, tasks: [], frames: [] },
        }),
        NOW,
      )
      await store.closeJob(jobId)
      expect(await store.openJobs()).toEqual([jobId])
      await store.journaled(jobId, await store.unjournaled(jobId, 10))
      await store.closeJob(jobId)
      expect(await store.openJobs()).toEqual([])
      await store.eraseJob(jobId)
      expect(await store.unjournaled(jobId, 10)).toEqual([])
    })

    it('is as large as a job may be', async () => {
      const { store } = open()
      const jobId = await storeJob(store, aJob(1))
      await store.commit(
        jobId,
        aCommit({
          frames: [{ id: LIMITS.frameNumberMin, expected: 0, value: aFrame(LIMITS.frameNumberMin) }],
          journal: { job: false, tasks: [], frames: [LIMITS.frameNumberMin] },
        }),
        NOW,
      )
      expect(await store.unjournaled(jobId, 1)).toMatchObject([{ what: 'frame', version: 1 }])
    })
  })

  describe(`turns (${name})`, () => {
    it("are one process's until they run out", async () => {
      const { store, advance } = open()
      expect(await Promise.all([store.takeTurn('a', 30), store.takeTurn('a', 30), store.takeTurn('b', 30)])).toEqual([
        true,
        false,
        true,
      ])
      await advance(40)
      expect(await store.takeTurn('a', 30)).toBe(true)
    })
  })
}
