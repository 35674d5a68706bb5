/*
 * What every farm store must keep of those who come to it: workers and their sessions, requests, tokens.
 */
import { describe, expect, it } from 'vitest'
import type { FarmStore } from '../../shared/ports/farm-store.ts'
import { NOW, aCommit, aHash, aJob, aTask, aWorker, renderTaskId, storeJob } from './farm-store-records.ts'

const R0 = renderTaskId(0)

/** `open` gives a store that holds an open farm; sessions and requests end by the clock that `advance` moves on. */
export function workersSuite(
  name: string,
  open: () => { store: FarmStore; advance: (ms: number) => Promise<void> },
): void {
  describe(`a farm store (${name})`, () => {
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
