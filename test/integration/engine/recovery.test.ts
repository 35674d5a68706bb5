import { describe, expect, test } from 'vitest'
import { eraseJob, settleEndedJob } from '../../../shared/engine/jobs/ended-jobs.ts'
import { ENGINE_TIMES } from '../../../shared/engine/context.ts'
import { cancelJob, deleteJob, viewJob } from '../../../shared/engine/jobs/job-actions.ts'
import { eraseLate } from '../../../shared/engine/journal/farm-journal.ts'
import { reapLeases } from '../../../shared/engine/loops/lease-reaper.ts'
import { reconcileJob, sweepOutbox } from '../../../shared/engine/loops/reconcile.ts'
import {
  reportDelivered,
  reportEncoded,
  reportRejected,
  reportStitched,
} from '../../../shared/engine/results/step-reports.ts'
import { planTasks } from '../../../shared/engine/jobs/plan-tasks.ts'
import { finishTaskId, type JobId, renderTaskId } from '../../../shared/protocol/ids.ts'
import { jobPrefix } from '../../../shared/protocol/object-keys.ts'
import { HASH } from '../../unit/domain/records.ts'
import { EngineFarm } from './engine-farm.ts'

async function everything(farm: EngineFarm, id: JobId): Promise<string> {
  return JSON.stringify([
    await farm.store.job(id),
    await farm.tasks(id),
    await farm.frames(id),
    await farm.store.counters(id),
  ])
}

/** Works until the job is over; everybody is honest. */
async function finish(farm: EngineFarm, id: JobId): Promise<void> {
  for (let turn = 0; turn < 60 && !['completed', 'failed', 'canceled'].includes((await farm.job(id)).state); turn++) {
    for (const worker of farm.workers.values()) await worker.finishAll()
    await farm.allSteps()
    farm.clock.advance(1_000)
    await farm.rounds.round()
    await farm.quiet()
  }
  expect(await farm.faults(id)).toEqual([])
}

describe('a lease', () => {
  test(
    'that is not renewed in time goes to another worker; the ' + 'late result is refused and changes nothing',
    async () => {
      const farm = new EngineFarm()
      const anna = await farm.connect('anna')
      const id = await farm.submit({ frames: '1' })
      const lease = anna.next()
      farm.clock.advance(ENGINE_TIMES.leaseMs - 1)
      expect(await reapLeases(farm.engine, id)).toBe(0)
      const bert = await farm.connect('bert')
      farm.clock.advance(1)
      expect(await reapLeases(farm.engine, id)).toBe(1)
      await farm.quiet()
      expect(anna.canceledLeases).toEqual(['r0000000@1'])
      expect(bert.next()).toMatchObject({ taskId: 'r0000000', epoch: 2 })

      const before = await everything(farm, id)
      expect(await anna.finish(lease)).toMatchObject({ ok: false, code: 'lease_stale' })
      expect(await anna.deliver(lease)).toMatchObject({ ok: false, code: 'lease_stale' })
      expect(await anna.fail(lease)).toMatchObject({ ok: false, code: 'lease_stale' })
      expect(await anna.release(lease)).toMatchObject({ ok: false, code: 'lease_stale' })
      expect(await everything(farm, id)).toBe(before)
    },
  )

  test('that is renewed lives on', async () => {
    const farm = new EngineFarm()
    const anna = await farm.connect('anna')
    const id = await farm.submit({ frames: '1' })
    for (let beat = 0; beat < 10; beat++) {
      farm.clock.advance(ENGINE_TIMES.heartbeatMs)
      await anna.heartbeat()
      expect(await reapLeases(farm.engine, id)).toBe(0)
    }
    expect(await anna.finish(anna.next())).toMatchObject({ ok: true })
  })

  test('also runs out while its result is on the way, and the one that follows starts afresh', async () => {
    const farm = new EngineFarm()
    const anna = await farm.connect('anna')
    const id = await farm.submit({ frames: '1' })
    const lease = anna.next()
    await anna.commit(lease)
    farm.clock.advance(ENGINE_TIMES.leaseMs)
    await reapLeases(farm.engine, id)
    await farm.quiet()
    expect(await anna.deliver(lease)).toMatchObject({ ok: false, code: 'lease_stale' })
    await finish(farm, id)
    expect((await farm.job(id)).state).toBe('completed')
  })

  test('that was never given is refused, and so is an unknown task or job', async () => {
    const farm = new EngineFarm()
    const [anna, bert] = [await farm.connect('anna'), await farm.connect('bert')]
    const id = await farm.submit({ frames: '1' })
    const [holder, other] = anna.leases.size > 0 ? [anna, bert] : [bert, anna]
    const before = await everything(farm, id)
    expect(await other.finish(holder.next())).toMatchObject({ ok: false, code: 'lease_unknown' })
    expect(await holder.finish({ ...holder.next(), taskId: renderTaskId(99) })).toMatchObject({
      ok: false,
      code: 'lease_unknown',
    })
    expect(await everything(farm, id)).toBe(before)
  })
})

describe('a message said twice', () => {
  test('is harmless, each of them, at any later moment', async () => {
    const farm = new EngineFarm()
    const [anna, bert] = [await farm.connect('anna'), await farm.connect('bert')]
    const id = await farm.submit({ frames: '1-2', auditRate: 1 })
    const said: (() => Promise<unknown>)[] = []
    for (let turn = 0; turn < 6; turn++) {
      for (const worker of [anna, bert]) {
        for (const { lease } of [...worker.leases.values()]) {
          await worker.commit(lease)
          await worker.commit(lease)
          await worker.deliver(lease)
          said.push(
            () => worker.commit(lease),
            () => worker.deliver(lease),
            () => worker.fail(lease),
            () => worker.release(lease),
          )
        }
      }
      const before = await everything(farm, id)
      for (const again of said) await again()
      expect(await everything(farm, id)).toBe(before)
      await farm.allSteps()
    }
    expect((await farm.job(id)).state).toBe('completed')
    expect(await farm.faults(id)).toEqual([])
  })

  test('by assembler or verifier is harmless, also about a frame that is elsewhere by now', async () => {
    const farm = new EngineFarm()
    await farm.connect('anna')
    const id = await farm.submit({ frames: '1', tiles: { columns: 2, rows: 1 } })
    const reports = [
      () => reportStitched(farm.engine, id, 1, { bytes: 2, sha256: HASH }),
      async () =>
        reportDelivered(
          farm.engine,
          id,
          1,
          [],
          (await farm.tasks(id)).find((task) => task.kind === 'finish') ?? { id: finishTaskId(0) },
        ),
      () => reportEncoded(farm.engine, id, []),
      () => reportStitched(farm.engine, id, 77, { bytes: 2, sha256: HASH }),
    ]
    const stages: Record<string, number> = { rendering: -1, stitching: 0, finishing: -1, delivering: 1 }
    for (let turn = 0; turn < 8; turn++) {
      const [frame] = await farm.frames(id)
      const before = await everything(farm, id)
      for (const [index, report] of reports.entries())
        if (index !== stages[frame?.state ?? ''] && (await farm.job(id)).state === 'active') await report()
      if ((await farm.job(id)).state === 'active') expect(await everything(farm, id)).toBe(before)
      for (const worker of farm.workers.values()) await worker.finishAll()
      await farm.step()
    }
    await finish(farm, id)
    expect((await farm.job(id)).state).toBe('completed')
  })

  test('that rejects a result after its frame went on changes nothing', async () => {
    const farm = new EngineFarm()
    const anna = await farm.connect('anna')
    const id = await farm.submit({ frames: '1', tiles: { columns: 2, rows: 1 } })
    await anna.finishAll()
    await anna.finishAll()
    await farm.step()
    expect((await farm.frames(id))[0]?.state).toBe('finishing')
    const before = await everything(farm, id)
    await reportRejected(farm.engine, { jobId: id, taskId: renderTaskId(0), epoch: 1, reason: 'cut while it was read' })
    expect(await everything(farm, id)).toBe(before)
    await finish(farm, id)
    expect((await farm.job(id)).state).toBe('completed')
    const completed = await everything(farm, id)
    await reportRejected(farm.engine, { jobId: id, taskId: renderTaskId(0), epoch: 1, reason: 'cut while it was read' })
    expect(await everything(farm, id)).toBe(completed)
  })
})

describe('what was committed but not done', () => {
  test('is done by the sweeper: queued tasks and steps of a process that died', async () => {
    const farm = new EngineFarm()
    const id = await farm.submitUnplanned({ frames: '1-3' })
    farm.queueFault = () => 'before'
    await planTasks(farm.engine, id)
    expect(await farm.queue.waitingTasks(id)).toBe(0)
    farm.queueFault = () => 'none'
    expect(await sweepOutbox(farm.engine, id)).toBe(0) // too early: its process may be at it
    farm.clock.advance(6_000)
    expect(await sweepOutbox(farm.engine, id)).toBeGreaterThan(0)
    expect(await farm.queue.waitingTasks(id)).toBe(3)
    expect(await farm.store.pendingEffects(id, Number.MAX_SAFE_INTEGER, 10)).toEqual([])
    await farm.connect('anna')
    await farm.dispatcher.refresh(id)
    await finish(farm, id)
    expect((await farm.job(id)).state).toBe('completed')
  })

  test('is done twice without harm when only the acknowledgement was lost', async () => {
    const farm = new EngineFarm()
    await farm.connect('anna')
    farm.storeFault = (call) => (call === 'acknowledge' ? 'before' : 'none')
    const id = await farm.submit({ frames: '1-2', tiles: { columns: 2, rows: 1 } })
    await finish(farm, id)
    farm.storeFault = () => 'none'
    farm.clock.advance(60_000)
    await sweepOutbox(farm.engine, id)
    await farm.allSteps()
    expect(await farm.faults(id)).toEqual([])
    expect((await farm.job(id)).state).toBe('completed')
    expect((await farm.store.listWorkers())[0]?.tasksCompleted).toBe(6)
  })

  test('is found again from the records after the queue lost everything, at every stage', async () => {
    const farm = new EngineFarm()
    const [anna, bert] = [await farm.connect('anna'), await farm.connect('bert')]
    const id = await farm.submit({ frames: '1-2', tiles: { columns: 2, rows: 1 }, auditRate: 1 })
    for (let turn = 0; turn < 80 && (await farm.job(id)).state !== 'completed'; turn++) {
      await farm.queue.dropJob(id)
      // every step that waits is lost
      while (
        (await farm.queue.runStep('assemble', async () => undefined)) ||
        (await farm.queue.runStep('verify', async () => undefined))
      );
      await reconcileJob(farm.engine, await farm.job(id))
      await farm.dispatcher.refresh(id)
      await farm.quiet()
      const worker = turn % 2 === 0 ? anna : bert
      for (const { lease } of [...worker.leases.values()].slice(0, 1)) await worker.finish(lease)
      await farm.step()
      await farm.quiet()
    }
    expect((await farm.job(id)).state).toBe('completed')
    expect(await farm.faults(id)).toEqual([])
  })
})

describe('planning', () => {
  test('goes on where the process that planned died, whether or not its last commit was heard of', async () => {
    for (const fault of ['before', 'after'] as const) {
      const farm = new EngineFarm()
      const id = await farm.submitUnplanned({ frames: '1-1200' })
      let commits = 0
      farm.storeFault = (call) => (call === 'commit' && ++commits === 2 ? fault : 'none')
      await expect(planTasks(farm.engine, id)).rejects.toThrow(/commit/)
      farm.storeFault = () => 'none'
      expect(await farm.job(id)).toMatchObject({ state: 'planning', tasksPlanned: fault === 'before' ? 500 : 1000 })
      expect(await farm.faults(id)).toEqual([])
      await planTasks(farm.engine, id)
      farm.clock.advance(6_000)
      await sweepOutbox(farm.engine, id)
      expect(await farm.job(id)).toMatchObject({ state: 'active', tasksPlanned: 1200 })
      expect(await farm.tasks(id)).toHaveLength(1200)
      expect(await farm.queue.waitingTasks(id)).toBe(1200)
      expect(await farm.faults(id)).toEqual([])
    }
  })

  test('by two coordinators at once writes every task once', async () => {
    const farm = new EngineFarm()
    const id = await farm.submitUnplanned({ frames: '1-700', tiles: { columns: 2, rows: 1 } })
    await Promise.all([planTasks(farm.engine, id), planTasks(farm.engine, id), planTasks(farm.engine, id)])
    expect(await farm.tasks(id)).toHaveLength(1400)
    expect(await farm.frames(id)).toHaveLength(700)
    expect(await farm.faults(id)).toEqual([])
  })

  test('of a job that was canceled meanwhile stops', async () => {
    const farm = new EngineFarm()
    const id = await farm.submitUnplanned({ frames: '1-10' })
    await cancelJob(farm.engine, id, 'changed my mind')
    await planTasks(farm.engine, id)
    expect(await farm.tasks(id)).toEqual([])
    expect(await settleEndedJob(farm.engine, id)).toBe(true)
    expect(await farm.store.openJobs()).toEqual([])
  })
})

describe('a job that is ended by hand', () => {
  test('takes its leases back, refuses what comes late, and leaves the open jobs', async () => {
    const farm = new EngineFarm()
    const anna = await farm.connect('anna')
    const id = await farm.submit({ frames: '1-4', auditRate: 1 })
    const lease = anna.next()
    await anna.commit(lease)
    expect(await cancelJob(farm.engine, id, 'enough')).toMatchObject({ ok: true, job: { state: 'canceled' } })
    expect(await cancelJob(farm.engine, id, 'enough')).toMatchObject({ ok: true })
    expect(await anna.deliver(lease)).toMatchObject({ ok: false, code: 'lease_stale' })
    expect(await settleEndedJob(farm.engine, id)).toBe(true)
    expect(anna.canceledLeases.length).toBeGreaterThan(0)
    expect(anna.leases.size).toBe(0)
    expect(await farm.faults(id)).toEqual([])
    expect(await farm.store.openJobs()).toEqual([])
    // For a retry; they go with the job.
    expect(
      (await farm.objects.list(jobPrefix(id), { limit: 100 })).keys
        .map(({ key }) => key)
        .filter((key) => key.includes('/attempts/')).length,
    ).toBeGreaterThan(0)
  })

  test('and deleted leaves no key and no object, with workers still at it', async () => {
    const farm = new EngineFarm()
    const anna = await farm.connect('anna')
    const id = await farm.submit({ frames: '1-4' })
    await anna.finish(anna.next())
    const lease = anna.next()
    await anna.commit(lease)
    expect(await deleteJob(farm.engine, id)).toEqual({ ok: true })
    expect(await deleteJob(farm.engine, id)).toEqual({ ok: true })
    await farm.allSteps()
    expect(await farm.store.job(id)).toBeNull()
    expect(await farm.tasks(id)).toEqual([])
    expect((await farm.objects.list(jobPrefix(id), { limit: 100 })).keys).toEqual([])
    expect(await anna.deliver(lease)).toMatchObject({ ok: false })
    expect(await viewJob(farm.engine, id)).toBeNull()
    expect(await deleteJob(farm.engine, id)).toMatchObject({ ok: false, code: 'not_found' })
    await farm.rounds.round()
    expect(await farm.store.openJobs()).toEqual([])
  })

  test('is erased in the end, though its step was given up while the object store was away', async () => {
    const farm = new EngineFarm()
    const id = await farm.submit({ frames: '1' })
    await deleteJob(farm.engine, id)
    while (farm.queue.waitingSteps('assemble').length > 0)
      await farm.queue.runStep('assemble', () => Promise.reject(new Error('the store is away')))
    expect(await farm.job(id)).toMatchObject({ state: 'deleting' })
    farm.clock.advance(10_000)
    await farm.rounds.round()
    await farm.allSteps()
    expect(await farm.store.job(id)).toBeNull()
  })

  test.each(['is cut off', 'dies'])('leaves no queue, though whoever fills it meanwhile %s', async (fate) => {
    const farm = new EngineFarm()
    const id = await farm.submit({ frames: '1' })
    await deleteJob(farm.engine, id)
    const fill = () => void farm.queue.addTasks(id, [{ taskId: renderTaskId(0), epoch: 0 }])
    farm.storeFault = (call) => {
      if (call === 'eraseJob' && fate === 'is cut off') fill()
      return 'none'
    }
    await eraseJob(farm.engine, id)
    if (fate === 'dies') fill()
    farm.clock.advance(3 * ENGINE_TIMES.urlTtlMs)
    if (fate === 'dies') await eraseLate(farm.engine)
    expect(await farm.queue.waitingTasks(id)).toBe(0)
  })

  test('is not erased unless it is to be deleted', async () => {
    const farm = new EngineFarm()
    const id = await farm.submit({ frames: '1' })
    await eraseJob(farm.engine, id)
    expect(await farm.job(id)).toMatchObject({ state: 'active' })
  })
})

describe('a dispute', () => {
  test('between the only two workers is rendered again by both, told, and settled when a third comes', async () => {
    const farm = new EngineFarm()
    const [anna, bert] = [await farm.connect('anna'), await farm.connect('bert')]
    const id = await farm.submit({ frames: '1', auditRate: 1 })
    const renderNext = async () => {
      for (let turn = 0; turn < 6; turn++) {
        await anna.finishAll('lie')
        await bert.finishAll()
        await farm.allSteps()
        await farm.rounds.round()
        await farm.quiet()
      }
    }
    await renderNext()
    const view = await viewJob(farm.engine, id)
    expect(view?.disputes).toEqual([
      expect.stringMatching(
        /^r0000000: wrk_\S+ and wrk_\S+ disagree about frame 1, each twice; waiting for a worker other than these/,
      ),
    ])
    expect(view?.waiting).toEqual([expect.stringMatching(/^waiting: an audit needs a worker other than/)])
    expect((await farm.tasks(id)).filter((task) => task.kind === 'audit' && task.state === 'completed')).toHaveLength(3)
    expect((await farm.store.listWorkers()).map((worker) => worker.tasksRefuted)).toEqual([0, 0])

    const carl = await farm.connect('carl')
    await farm.dispatcher.refresh(id)
    await farm.quiet()
    await carl.finishAll()
    await farm.allSteps()
    expect((await farm.job(id)).state).toBe('completed')
    expect((await farm.frames(id))[0]?.files?.[0]?.path).not.toContain('lie')
    expect(
      Object.fromEntries((await farm.store.listWorkers()).map((worker) => [worker.name, worker.tasksRefuted > 0])),
    ).toEqual({ anna: true, bert: false, carl: false })
    expect(await farm.faults(id)).toEqual([])
  })

  test('whose one side left for good is settled by somebody new', async () => {
    const farm = new EngineFarm()
    const [anna, bert] = [await farm.connect('anna'), await farm.connect('bert')]
    const id = await farm.submit({ frames: '1', auditRate: 1 })
    const [first, second] = anna.leases.size > 0 ? [anna, bert] : [bert, anna]
    await first.finishAll('lie')
    await second.finishAll()
    await first.disconnect()
    await farm.allSteps()
    await second.finishAll()
    await farm.connect('carl')
    await farm.dispatcher.refresh(id)
    await farm.quiet()
    await finish(farm, id)
    expect((await farm.job(id)).state).toBe('completed')
  })
})
