import { text } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'
import { epochsBefore } from '../../../shared/domain/recovery/rebuild-job.ts'
import { takeDelivery, takeResult } from '../../../shared/engine/results/hand-in.ts'
import { cancelJob, deleteJob } from '../../../shared/engine/jobs/job-actions.ts'
import { eraseLate, journalScene, journalToken } from '../../../shared/engine/journal/farm-journal.ts'
import { changeJob, retryJob } from '../../../shared/engine/jobs/job-changes.ts'
import { journalJob } from '../../../shared/engine/journal/job-journal.ts'
import { journalFarm, JOURNAL_EVERY_MS } from '../../../shared/engine/loops/journal.ts'
import { planTasks } from '../../../shared/engine/jobs/plan-tasks.ts'
import { recoverFarm, type Recovery } from '../../../shared/engine/recovery/recover-farm.ts'
import { beginFarm } from '../../../shared/engine/recovery/farm-term.ts'
import type { BackgroundStep } from '../../../shared/domain/effect.ts'
import { renderTasksOfFrame } from '../../../shared/domain/splitting/job-tasks.ts'
import { isOver } from '../../../shared/domain/lifecycle/task.ts'
import { FarmStateLost } from '../../../shared/ports/farm-store.ts'
import { auditTaskId, type JobId, renderTaskId, Sha256 } from '../../../shared/protocol/ids.ts'
import {
  attemptKey,
  attemptsPrefix,
  blobKey,
  finalPrefix,
  jobPrefix,
  journalPrefix,
  type ObjectKey,
  type ObjectPrefix,
} from '../../../shared/protocol/object-keys.ts'
import { reportRejected } from '../../../shared/engine/results/step-reports.ts'
import { transact } from '../../../shared/engine/commit/transact.ts'
import { performStep } from '../../simulation/steps.ts'
import { HASH, aScene } from '../../unit/domain/records.ts'
import { EngineFarm } from './engine-farm.ts'
import type { ScriptedWorker } from './scripted-worker.ts'

/** The engine's farm, with an assembler that puts its files where a recovery looks for them. */
class MortalFarm extends EngineFarm {
  override perform(step: BackgroundStep): Promise<void> {
    const readLine = async (key: ObjectKey) =>
      (await this.objects.head(key)) === null ? null : await text(await this.objects.read(key))
    return performStep(this.engine, step, { isLastTry: false, signal: new AbortController().signal }, readLine)
  }

  /** Jobs are listed by the time of their submission. */
  override submit(...asked: Parameters<EngineFarm['submit']>): Promise<JobId> {
    this.clock.advance(1)
    return super.submit(...asked)
  }

  /** Until the journal has everything. */
  async journaled(): Promise<void> {
    this.clock.advance(60_000)
    await journalFarm(this.engine)
  }

  /** Other frames, and every task in line with them. */
  async reframe(id: JobId, frames: string): Promise<void> {
    expect(await changeJob(this.engine, id, { frames }, 'ada')).toMatchObject({ ok: true })
    await planTasks(this.engine, id)
    await this.quiet()
  }

  /** FLUSHALL; the workers are as they were. */
  lose(): void {
    this.store.empty()
    this.queue.empty()
  }

  async recovered(): Promise<Recovery> {
    const recovery = await recoverFarm(this.engine)
    if (!recovery.ok) throw new Error(recovery.detail)
    for (const worker of this.workers.values()) {
      await worker.disconnect()
      await worker.connect()
    }
    // Queues are held against the records in every tenth round.
    for (let round = 0; round < 10; round++) await this.rounds.round()
    await this.quiet()
    return recovery
  }

  keys(prefix: ObjectPrefix): Promise<ObjectKey[]> {
    return this.objects.list(prefix, { limit: 1_000 }).then(({ keys }) => keys.map(({ key }) => key))
  }

  /** Works until every job is over. */
  async finish(id: JobId): Promise<void> {
    for (let turn = 0; turn < 60 && !['completed', 'failed', 'canceled'].includes((await this.job(id)).state); turn++) {
      for (const worker of this.workers.values()) await worker.finishAll()
      await this.allSteps()
      this.clock.advance(1_000)
      await this.rounds.round()
      await this.quiet()
    }
    expect(await this.faults(id)).toEqual([])
  }
}

function rendered(workers: Iterable<ScriptedWorker>): string[] {
  return [...workers].flatMap((worker) => worker.given.map((lease) => lease.taskId))
}

describe('a farm whose state is lost', () => {
  test('renders only what was in flight, and is completed with the same files', async () => {
    const farm = new MortalFarm()
    const anna = await farm.connect('anna')
    const id = await farm.submit({ frames: '1-6' })
    for (let count = 0; count < 3; count++) await handIn(farm, anna)
    await farm.step() // one of the three is delivered, the others wait for it
    await farm.journaled()
    const held = [...anna.leases.values()].map(({ lease }) => lease)
    const before = anna.given.length

    farm.lose()
    const recovery = await farm.recovered()
    expect(recovery).toMatchObject({
      term: 2,
      damage: [],
      jobs: [{ jobId: id, state: 'active', kept: 3, open: 3, filesMissing: 0 }],
    })
    expect((await farm.frames(id)).map((frame) => frame.state)).toEqual([
      'delivered',
      'delivering',
      'delivering',
      'rendering',
      'rendering',
      'rendering',
    ])
    expect(await farm.faults(id)).toEqual([])

    for (const lease of held) expect(await anna.finish(lease)).toMatchObject({ ok: false, code: 'lease_unknown' })
    await farm.finish(id)
    expect((await farm.job(id)).state).toBe('completed')
    expect(
      anna.given
        .slice(before)
        .map(({ taskId }) => taskId)
        .sort(),
    ).toEqual(['r0000003', 'r0000004', 'r0000005'])
    expect(anna.given.slice(before).every(({ epoch }) => epoch > epochsBefore(2))).toBe(true)
    expect(await farm.keys(finalPrefix(id))).toHaveLength(7)
  })

  test.each([{}, { tiles: { columns: 2, rows: 1 } }])(
    'keeps each task with its frame where the frames of a running job were changed (%j)',
    async (cut) => {
      const farm = new MortalFarm()
      const anna = await farm.connect('anna')
      const id = await farm.submit({ frames: '5-8', ...cut })
      while ((await farm.frames(id))[0]?.state !== 'delivered') {
        await handIn(farm, anna)
        await farm.allSteps()
        await farm.quiet()
      }
      await farm.reframe(id, '1-2, 6-9') // the delivered frame 5 leaves, new ones come behind those that there were
      await handIn(farm, anna)
      await farm.allSteps()
      await farm.journaled()
      const framesOf = async () =>
        Object.fromEntries(
          (await farm.tasks(id)).filter(({ kind }) => kind === 'render').map((task) => [task.id, task.frames]),
        )
      const before = await framesOf()

      farm.lose()
      await farm.recovered()
      expect(await framesOf()).toEqual(before)
      expect((await farm.frames(id)).map(({ number, state }) => [number, state === 'canceled'])).toEqual([
        [1, false],
        [2, false],
        [5, true],
        [6, false],
        [7, false],
        [8, false],
        [9, false],
      ])
      expect(await farm.faults(id)).toEqual([])
      const given = anna.given.length
      await farm.reframe(id, '1-2, 5-9') // and what was delivered of it comes back unrendered
      expect((await farm.frames(id)).find(({ number }) => number === 5)?.state).toBe('delivered')
      await farm.finish(id)
      expect((await farm.job(id)).state).toBe('completed')
      const fifth = (await farm.frames(id)).find(({ number }) => number === 5)?.position ?? -1
      expect(anna.given.slice(given).map(({ taskId }) => taskId)).not.toEqual(
        expect.arrayContaining([renderTasksOfFrame((await farm.job(id)).plan, fifth)[0]]),
      )
      expect((await farm.frames(id)).every(({ state }) => state === 'delivered')).toBe(true)
    },
  )

  test('goes on with tiles, stitched frames and finishes where they were', async () => {
    const farm = new MortalFarm()
    await Promise.all([farm.connect('anna'), farm.connect('bert')])
    const id = await farm.submit({ frames: '1-3', tiles: { columns: 2, rows: 1 }, auditRate: 1 })
    for (let turn = 0; turn < 60; turn++) {
      await farm.journaled()
      const copy = await everything(farm, id)
      farm.lose()
      await farm.recovered()
      expect(await farm.faults(id)).toEqual([])
      expect(await everything(farm, id)).toEqual(copy)
      // One thing more happens, and all is lost again.
      const [worker] = [...farm.workers.values()].filter(({ leases }) => leases.size > 0)
      if (worker !== undefined) await worker.finish(worker.next())
      await farm.quiet()
      if (!(await farm.step())) {
        for (let round = 0; round < 10; round++) await farm.rounds.round()
        await farm.quiet()
      }
      if ((await farm.job(id)).state === 'completed') break
    }
    expect((await farm.job(id)).state).toBe('completed')
    const tasks = await farm.tasks(id)
    expect(tasks.filter((task) => task.kind === 'audit').every((audit) => audit.verdict === 'agreed')).toBe(true)
    expect(tasks.filter((task) => task.kind === 'render' && task.state === 'completed')).toHaveLength(6)
  })

  test('asks an audit again of which the answer was lost, and counts no result before', async () => {
    const farm = new MortalFarm()
    const [anna, bert] = [await farm.connect('anna'), await farm.connect('bert')]
    const id = await farm.submit({ frames: '1', auditRate: 1 })
    const [first, other] = anna.leases.size > 0 ? [anna, bert] : [bert, anna]
    await first.finish(first.next())
    await farm.quiet()
    await farm.journaled()
    expect(other.next().taskId).toBe('a0000000x1')
    farm.lose()
    await farm.recovered()
    expect((await farm.tasks(id)).map((task) => [task.id, task.state])).toEqual([
      ['a0000000x1', 'leased'],
      ['r0000000', 'verifying'],
    ])
    expect(other.next().taskId).toBe('a0000000x1')
    expect(first.leases.size).toBe(0)
    await farm.finish(id)
    expect((await farm.job(id)).state).toBe('completed')
    expect(rendered(farm.workers.values()).filter((taskId) => taskId === 'r0000000')).toHaveLength(1)
  })

  test.each(['known', 'lost'])(
    'audits what is rendered anew after a rejected result, the answer to the older audit being %s',
    async (answer) => {
      const farm = new MortalFarm()
      for (const name of ['anna', 'bert', 'cora']) await farm.connect(name)
      const id = await farm.submit({ frames: '1', auditRate: 1 })
      const holder = () => [...farm.workers.values()].find(({ leases }) => leases.size > 0)!
      await handIn(farm, holder())
      await handIn(farm, holder())
      await reportRejected(farm.engine, {
        jobId: id,
        taskId: renderTaskId(0),
        epoch: 1,
        reason: 'cut while it was read',
      })
      const audit = auditTaskId(renderTaskId(0), 1)
      if (answer === 'lost')
        await farm.store.journaled(
          id,
          (await farm.store.unjournaled(id, 100)).filter(({ mark }) => mark === `task ${audit}`),
        )
      await farm.journaled()
      farm.lose()
      await farm.recovered()
      expect((await farm.tasks(id)).map((task) => [task.id, task.state, task.auditRounds])).toEqual([
        [audit, answer === 'known' ? 'completed' : 'canceled', undefined],
        ['r0000000', 'leased', 1],
      ])
      await farm.finish(id)
      expect((await farm.job(id)).state).toBe('completed')
      expect((await farm.tasks(id)).map((task) => [task.id, task.verdict])).toEqual([
        [audit, answer === 'known' ? 'agreed' : 'unverified'],
        ['a0000000x2', 'agreed'],
        ['r0000000', 'agreed'],
      ])
    },
  )

  test('checks what nobody had checked when its frame was taken out, once the frame is asked for again', async () => {
    const farm = new MortalFarm()
    await farm.connect('anna')
    const id = await farm.submit({ frames: '1-2', auditRate: 1 })
    await handIn(farm, farm.workers.values().next().value!)
    await farm.reframe(id, '2')
    await farm.journaled()
    farm.lose()
    await farm.recovered()
    await farm.reframe(id, '1-2')
    expect((await farm.tasks(id)).find((task) => task.id === 'r0000000')).toMatchObject({
      state: 'verifying',
      auditRounds: 2,
      auditsFrom: 1,
    })
    await farm.connect('bert')
    await farm.finish(id)
    expect((await farm.job(id)).state).toBe('completed')
    expect(rendered(farm.workers.values()).filter((taskId) => taskId === 'r0000000')).toHaveLength(1)
  })

  test.each([{}, { tiles: { columns: 2, rows: 1 } }])(
    'goes on after a retry with all that a canceled job had done (%j)',
    async (cut) => {
      const farm = new MortalFarm()
      const anna = await farm.connect('anna')
      const id = await farm.submit({ frames: '1-4', ...cut })
      for (let count = 0; count < 3; count++) await handIn(farm, anna)
      await farm.step() // something of it is stitched, or delivered
      await farm.journaled()
      expect(await cancelJob(farm.engine, id, 'enough')).toMatchObject({ ok: true })
      await farm.rounds.round()
      await farm.journaled()
      const before = await farm.frames(id)
      farm.lose()
      await farm.recovered()
      expect((await farm.job(id)).state).toBe('canceled')
      expect(await farm.frames(id)).toEqual(before)
      expect((await farm.tasks(id)).every(({ state }) => isOver(state))).toBe(true)
      expect(await retryJob(farm.engine, id, 'ada')).toMatchObject({ ok: true })
      const given = anna.given.length
      await planTasks(farm.engine, id)
      await farm.finish(id)
      expect((await farm.job(id)).state).toBe('completed')
      expect(anna.given.slice(given).filter(({ work }) => work.kind === 'render')).toHaveLength(
        (await farm.tasks(id)).filter(({ kind }) => kind === 'render').length - 3,
      )
    },
  )

  test('keeps what was rendered of a frame that had just been taken out', async () => {
    const farm = new MortalFarm()
    const anna = await farm.connect('anna')
    const id = await farm.submit({ frames: '1-2', tiles: { columns: 2, rows: 1 } })
    await handIn(farm, anna)
    await changeJob(farm.engine, id, { frames: '2' }, 'ada')
    await farm.journaled() // with the new frames, before the old one is gone over
    farm.lose()
    await farm.recovered()
    expect((await farm.frames(id)).map(({ number, state, tasksLeft }) => [number, state, tasksLeft])).toEqual([
      [1, 'canceled', 1],
      [2, 'rendering', 2],
    ])
    await changeJob(farm.engine, id, { frames: '1-2' }, 'ada')
    await planTasks(farm.engine, id)
    await farm.finish(id)
    expect((await farm.job(id)).state).toBe('completed')
    expect(rendered([anna]).filter((taskId) => taskId === 'r0000000')).toHaveLength(1)
  })

  test(
    'renders again what was accepted after the last time that ' + 'the journal was written, and counts it once',
    async () => {
      const farm = new MortalFarm()
      const anna = await farm.connect('anna')
      const id = await farm.submit({ frames: '1-3' })
      await farm.journaled()
      await handIn(farm, anna)
      farm.lose()
      expect((await farm.recovered()).jobs).toMatchObject([{ kept: 0, open: 3 }])
      await farm.finish(id)
      expect((await farm.job(id)).state).toBe('completed')
      expect((await farm.store.counters(id))['render.completed']).toBe(3)
    },
  )

  test('renders again what lost its files, and says so', async () => {
    const farm = new MortalFarm()
    const anna = await farm.connect('anna')
    const id = await farm.submit({ frames: '1-4', chunk: 2 })
    await farm.finish(id)
    await farm.journaled()
    const [frame] = (await farm.keys(finalPrefix(id))).filter((key) => key.endsWith('0003.png'))
    await farm.objects.deletePrefix(attemptsPrefix(id))
    await farm.objects.delete(frame!)
    farm.lose()
    // The manifest is made, so the job is over but for this: it stays so, and lists what there is.
    const ended = (await farm.recovered()).jobs
    expect(ended).toMatchObject([{ state: 'completed', open: 0 }])
    expect((await farm.frames(id)).map((each) => each.files?.length)).toEqual([1, 1, 0, 1])

    const second = await farm.submit({ frames: '1-4', chunk: 2 })
    await handIn(farm, anna)
    await farm.journaled()
    await farm.objects.deletePrefix(attemptsPrefix(second))
    farm.lose()
    expect((await farm.recovered()).jobs).toMatchObject([{}, { jobId: second, kept: 0, open: 2, filesMissing: 1 }])
    await farm.finish(second)
    expect((await farm.job(second)).state).toBe('completed')
  })

  test('brings back ended jobs as they ended, and none that was deleted', async () => {
    const farm = new MortalFarm()
    const anna = await farm.connect('anna')
    const [done, canceled, deleted] = [
      await farm.submit({ frames: '1' }),
      await farm.submit({ frames: '1-3' }),
      await farm.submit({ frames: '1' }),
    ]
    while ((await farm.job(done)).state !== 'completed') await farm.finish(done)
    await cancelJob(farm.engine, canceled, 'enough')
    await farm.rounds.round()
    expect(await deleteJob(farm.engine, deleted)).toEqual({ ok: true })
    await farm.journaled()
    const copy = [await everything(farm, done), await everything(farm, canceled)]
    farm.lose()
    const recovery = await farm.recovered()
    expect(recovery.jobs.map(({ jobId, state }) => [jobId, state])).toEqual([
      [done, 'completed'],
      [canceled, 'canceled'],
    ])
    expect(recovery.deleted).toBe(1)
    expect([await everything(farm, done), await everything(farm, canceled)]).toEqual(copy)
    const given = anna.given.length
    for (let round = 0; round < 20; round++) await farm.rounds.round()
    expect(anna.given).toHaveLength(given)
    expect(await farm.store.openJobs()).toEqual([])
  })

  test('removes what an ended job has no use for, if that was not done before', async () => {
    const farm = new MortalFarm()
    const anna = await farm.connect('anna')
    const id = await farm.submit({ frames: '1' })
    await anna.finishAll()
    await farm.allSteps()
    await farm.journaled()
    expect(await farm.keys(attemptsPrefix(id))).not.toEqual([])
    farm.lose()
    expect((await farm.recovered()).jobs).toMatchObject([{ jobId: id, state: 'completed' }])
    for (let round = 0; round < 3; round++) {
      farm.clock.advance(10_000)
      await farm.rounds.round()
    }
    expect(await farm.keys(attemptsPrefix(id))).toEqual([])
    expect(await farm.store.openJobs()).toEqual([])
  })

  test(
    'does not bring back a deleted job of which a segment is ' + 'written late, and takes that away in the end',
    async () => {
      const farm = new MortalFarm()
      await farm.connect('anna')
      const id = await farm.submit({ frames: '1' })
      await farm.journaled()
      const [segment] = (await farm.keys(journalPrefix(id))).filter((key) => key.includes('segment'))
      const late = await text(await farm.objects.read(segment!))
      await deleteJob(farm.engine, id)
      await farm.allSteps()
      expect(await farm.keys(jobPrefix(id))).toEqual([])
      await farm.objects.put(segment!, Buffer.from(late), { contentType: 'application/jsonl' })
      farm.lose()
      expect(await farm.recovered()).toMatchObject({ jobs: [], deleted: 1, damage: [] })
      expect(await farm.store.job(id)).toBeNull()
      expect(await farm.keys(jobPrefix(id))).toEqual([])
      await farm.objects.put(segment!, Buffer.from(late), { contentType: 'application/jsonl' })
      await eraseLate(farm.engine)
      expect(await farm.keys(jobPrefix(id))).toHaveLength(1)
      farm.clock.advance(2 * farm.engine.times.urlTtlMs + 1)
      await eraseLate(farm.engine)
      expect(await farm.keys(jobPrefix(id))).toEqual([])
    },
  )

  test('knows scenes, tokens, workers and their trust again', async () => {
    const farm = new MortalFarm()
    const scene = aScene()
    await farm.objects.put(blobKey(scene.sha256), Buffer.alloc(scene.bytes), { contentType: 'application/x-blender' })
    await journalScene(farm.objects, scene)
    const missing = { ...scene, sha256: Sha256.parse('f'.repeat(64)) }
    await journalScene(farm.objects, missing)
    await journalToken(farm.objects, { sha256: HASH, name: 'ada', scopes: ['user'] })
    const anna = await farm.connect('anna')
    const id = await farm.submit({ frames: '1-2' })
    await handIn(farm, anna)
    await anna.fail(anna.next())
    await farm.store.setQuarantined(anna.workerId, true)
    await farm.journaled()
    farm.lose()
    const recovery = await farm.recovered()
    expect(recovery).toMatchObject({ scenes: 1, tokens: 1, workers: 1 })
    expect(recovery.damage).toEqual([expect.stringContaining(missing.sha256)])
    expect(await farm.store.scene(scene.sha256)).toEqual(scene)
    expect(await farm.store.token(HASH)).toEqual({ name: 'ada', scopes: ['user'] })
    expect(await farm.store.worker(anna.workerId)).toMatchObject({
      tasksCompleted: 1,
      tasksFailed: 1,
      quarantined: true,
      state: 'offline',
    })
    expect((await farm.job(id)).owner).toBe('ada')
  })
})

describe('a journal', () => {
  test('that is damaged is told and skipped, whatever became of it', async () => {
    const farm = new MortalFarm()
    const anna = await farm.connect('anna')
    const id = await farm.submit({ frames: '1-8' })
    for (let count = 0; count < 4; count++) {
      await handIn(farm, anna)
      await farm.journaled()
    }
    const segments = (await farm.keys(journalPrefix(id))).filter((key) => key.includes('segment'))
    const [first, second, third, fourth] = segments.slice(-4)
    const textOf = async (key: ObjectKey | undefined) => text(await farm.objects.read(key!))
    const put = (key: ObjectKey | undefined, body: string | Buffer) =>
      farm.objects.put(key!, Buffer.from(body), { contentType: 'application/jsonl' })
    await put(first, Buffer.from([0, 255, 10, 13, 0]))
    await put(second, (await textOf(second)).slice(0, -40))
    await put(third, (await textOf(third)).replace('"journal":1', '"journal":2'))
    await put(fourth, (await textOf(fourth)).replaceAll(id, id.replace(/.$/, 'z')))
    farm.lose()
    const recovery = await farm.recovered()
    expect(recovery.damage).toHaveLength(4)
    expect(recovery.jobs).toMatchObject([{ jobId: id, state: 'active' }])
    expect(await farm.faults(id)).toEqual([])
    await farm.finish(id)
    expect((await farm.job(id)).state).toBe('completed')
  })

  test('is written by one process at a time, now and then, and costs a quiet farm nothing', async () => {
    const farm = new MortalFarm()
    await farm.connect('anna')
    const id = await farm.submit({ frames: '1' })
    farm.clock.advance(JOURNAL_EVERY_MS)
    await Promise.all([journalFarm(farm.engine), journalFarm(farm.engine)])
    const written = await farm.keys(journalPrefix(id))
    expect(written).toHaveLength(2)
    for (let round = 0; round < 5; round++) {
      farm.clock.advance(JOURNAL_EVERY_MS)
      await journalFarm(farm.engine)
    }
    expect(await farm.keys(journalPrefix(id))).toEqual(written)
    expect(await journalJob(farm.engine, id)).toBe(true)
  })

  test('keeps an ended job open, and its files, until it has heard of the end', async () => {
    const farm = new MortalFarm()
    const anna = await farm.connect('anna')
    const id = await farm.submit({ frames: '1' })
    await anna.finishAll()
    await farm.allSteps()
    expect((await farm.job(id)).state).toBe('completed')
    farm.objectsAway = true
    await farm.rounds.round()
    expect(await farm.store.openJobs()).toEqual([id])
    farm.objectsAway = false
    await farm.rounds.round()
    expect(await farm.store.openJobs()).toEqual([])
    farm.lose()
    expect((await farm.recovered()).jobs).toMatchObject([{ jobId: id, state: 'completed' }])
  })
})

describe('a recovery', () => {
  test('is refused where there is a farm, and where the object store holds none', async () => {
    const farm = new MortalFarm()
    await farm.submit({ frames: '1' })
    expect(await recoverFarm(farm.engine)).toMatchObject({ ok: false, code: 'conflict' })
    const empty = new MortalFarm()
    empty.lose()
    expect(await recoverFarm(empty.engine)).toMatchObject({ ok: false, code: 'not_found' })
    expect(await empty.store.farmTerm()).toBeNull()
  })

  test('that is cut off leaves the farm closed, and goes on where it stopped', async () => {
    const farm = new MortalFarm()
    const ids = [
      await farm.submit({ frames: '1-600' }),
      await farm.submit({ frames: '1-600' }),
      await farm.submit({ frames: '1' }),
    ]
    await farm.journaled()
    farm.lose()
    let commits = 0
    farm.storeFault = (call) => (call === 'commit' && ++commits === 5 ? 'before' : 'none')
    await expect(recoverFarm(farm.engine)).rejects.toThrow('commit was not reached')
    farm.storeFault = () => 'none'
    await expect(farm.store.openJobs().then(() => beginFarm(farm.engine))).rejects.toBeInstanceOf(FarmStateLost)
    const recovery = await farm.recovered()
    expect(recovery).toMatchObject({ term: 2, before: 1, damage: [] })
    expect(recovery.jobs.map(({ jobId }) => jobId)).toEqual(ids.slice(1))
    for (const id of ids) expect(await farm.faults(id)).toEqual([])
    expect(await farm.frames(ids[1]!)).toHaveLength(600)
  })

  test('makes nothing that a coordinator remembers of the lost state pass for the present one', async () => {
    const farm = new MortalFarm()
    const [anna, bert] = [await farm.connect('anna'), await farm.connect('bert')]
    const id = await farm.submit({ frames: '1' })
    await farm.journaled()
    const [holder, other] = anna.leases.size > 0 ? [anna, bert] : [bert, anna]
    const old = holder.next()
    const remembering = { ...farm.engine } // another coordinator, with a memory of its own
    const made = holder.filesOf(old)
    for (const { file, line } of made)
      await farm.objects.put(attemptKey(id, old.taskId, old.epoch, file.name), Buffer.from(line), {
        contentType: 'x/x',
      })
    expect(
      await takeResult(remembering, holder.heldLease(old), {
        files: made.map(({ file }) => file),
        renderSeconds: 1,
        peakMemoryBytes: 1,
      }),
    ).toMatchObject({ ok: true })
    farm.lose()
    await holder.disconnect()
    farm.workers.delete(holder.workerId)
    await farm.recovered()
    // The same number of writes later the records would have the same versions, if versions began anew.
    await other.commit(other.next())
    await transact(farm.engine, id, {}, ({ job }) => ({ ok: true, job: { ...job, name: 'renamed' } }))
    expect(await takeDelivery(remembering, holder.heldLease(old))).toMatchObject({ ok: false, code: 'lease_unknown' })
    const [task] = await farm.tasks(id)
    expect(task?.attempts.map(({ workerId, outcome }) => [workerId, outcome])).toEqual([[other.workerId, 'running']])
  })
})

describe('a service that starts', () => {
  test('begins a farm where there is none at all, and goes on with one from before there were terms', async () => {
    const farm = new MortalFarm()
    farm.lose()
    await beginFarm(farm.engine)
    expect(await farm.store.farmTerm()).toEqual({ term: 1, open: true })
    await beginFarm(farm.engine)
    expect(await farm.store.farmTerm()).toEqual({ term: 1, open: true })
  })

  test('refuses when the object store holds a farm whose state is gone', async () => {
    const farm = new MortalFarm()
    farm.lose()
    await beginFarm(farm.engine)
    farm.lose()
    await expect(beginFarm(farm.engine)).rejects.toThrow('tilework recover')
    expect(await farm.store.farmTerm()).toBeNull()
  })
})

async function handIn(farm: EngineFarm, worker: ScriptedWorker): Promise<void> {
  await worker.finish(worker.next())
  await farm.quiet()
}

/** All that a recovery must give back of a job, without what counts writes or was in flight. */
async function everything(farm: EngineFarm, id: JobId) {
  const { epochsBefore: _, ...job } = await farm.job(id)
  const tasks = (await farm.tasks(id)).map(({ id: taskId, state, canonical, verdict }) => [
    taskId,
    state === 'leased' ? 'queued' : state,
    canonical,
    verdict,
  ])
  const counters = Object.fromEntries(
    Object.entries(await farm.store.counters(id)).filter(
      ([name, value]) => value !== 0 && /^(frames|verdicts)\./.test(name),
    ),
  )
  return JSON.parse(JSON.stringify({ job, tasks, frames: await farm.frames(id), counters }))
}
