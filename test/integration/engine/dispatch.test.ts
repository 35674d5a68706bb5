import { describe, expect, test } from 'vitest'
import { cancelJob, viewJob } from '../../../shared/engine/jobs/job-actions.ts'
import type { JobId } from '../../../shared/protocol/ids.ts'
import { aScene, aSceneInspection, HASH } from '../../unit/domain/records.ts'
import { Sha256 } from '../../../shared/protocol/ids.ts'
import { EngineFarm } from './engine-farm.ts'

const GIB = 1024 ** 3

function share(farm: EngineFarm, id: JobId): number {
  return [...farm.workers.values()].reduce(
    (sum, worker) => sum + [...worker.leases.values()].filter(({ lease }) => lease.jobId === id).length,
    0,
  )
}

async function crowd(farm: EngineFarm, count: number): Promise<void> {
  for (let number = 0; number < count; number++) await farm.connect(`worker-${number}`)
}

describe('an idle worker', () => {
  test('gets the next task at once when it hands one in, and one in advance while there are plenty', async () => {
    const farm = new EngineFarm()
    const anna = await farm.connect('anna')
    await farm.submit({ frames: '1-5' })
    expect(anna.leases.size).toBe(2)
    await anna.finish(anna.next())
    await farm.quiet()
    expect(anna.leases.size).toBe(2)
  })

  test('near the end of a job is not left without, because another took one in advance', async () => {
    const farm = new EngineFarm()
    const [anna, bert] = [await farm.connect('anna'), await farm.connect('bert')]
    await farm.submit({ frames: '1-2' })
    expect([anna.leases.size, bert.leases.size]).toEqual([1, 1])
  })

  test('that drains or left gets nothing, and what was on its way goes to somebody else', async () => {
    const farm = new EngineFarm()
    const anna = await farm.connect('anna')
    await anna.disconnect()
    const id = await farm.submit({ frames: '1' })
    expect(anna.given).toEqual([])
    const bert = await farm.connect('bert')
    await farm.dispatcher.refresh(id)
    await farm.quiet()
    expect(bert.leases.size).toBe(1)
  })

  test('never gets a task of a job it is not eligible for', async () => {
    const farm = new EngineFarm()
    const [small, large] = [
      await farm.connect('small', { devices: [{ kind: 'CUDA', name: '', memoryBytes: 8 * GIB }] }),
      await farm.connect('large', { devices: [{ kind: 'CUDA', name: '', memoryBytes: 24 * GIB }] }),
    ]
    await farm.submit({ frames: '1-6', requirement: { gpuMemoryBytesMin: 12 * GIB } })
    expect(small.given).toEqual([])
    expect(large.leases.size).toBe(2)
  })
})

describe('a worker that cools down from one scene', () => {
  test('gets tasks of others all the while', async () => {
    const farm = new EngineFarm()
    const other = Sha256.parse('b'.repeat(64))
    await farm.store.putScene(aScene({}, { sha256: other, inspections: [aSceneInspection()] }))
    const anna = await farm.connect('anna')
    anna.coolsDownFrom.add(HASH)
    const crashing = await farm.submit({ frames: '1-5', priority: 90 })
    const sound = await farm.submit({ frames: '1-5', scene: other })
    expect([share(farm, crashing), share(farm, sound)]).toEqual([0, 2])
  })
})

describe('several jobs', () => {
  test('of equal priority share the workers evenly', async () => {
    const farm = new EngineFarm()
    const [one, other] = [await farm.submit({ frames: '1-40' }), await farm.submit({ frames: '1-40' })]
    await crowd(farm, 6)
    expect(Math.abs(share(farm, one) - share(farm, other))).toBeLessThanOrEqual(1)
    expect(share(farm, one) + share(farm, other)).toBe(12)
    for (let turn = 0; turn < 4; turn++) {
      const worker = [...farm.workers.values()].find((each) =>
        [...each.leases.values()].some(({ lease }) => lease.jobId === one),
      )
      const mine = [...(worker?.leases.values() ?? [])].find(({ lease }) => lease.jobId === one)
      if (mine !== undefined) await worker?.finish(mine.lease)
      await farm.rounds.round()
      await farm.quiet()
    }
    expect(Math.abs(share(farm, one) - share(farm, other))).toBeLessThanOrEqual(1)
  })

  test('of higher priority go first, until they have nothing waiting', async () => {
    const farm = new EngineFarm()
    const low = await farm.submit({ frames: '1-20', priority: 10 })
    const high = await farm.submit({ frames: '1-3', priority: 90 })
    await crowd(farm, 4)
    expect(share(farm, high)).toBe(3)
    expect(share(farm, low)).toBeGreaterThan(0)
  })
})

describe('a task that not everybody may have', () => {
  test('goes to another worker than the one that failed it', async () => {
    const farm = new EngineFarm()
    const [anna, bert] = [await farm.connect('anna'), await farm.connect('bert')]
    const id = await farm.submit({ frames: '1' })
    const [first, second] = anna.leases.size > 0 ? [anna, bert] : [bert, anna]
    await first.fail(first.next())
    await farm.quiet()
    expect(first.leases.size).toBe(0)
    expect(second.leases.size).toBe(1)
    expect(await farm.faults(id)).toEqual([])
  })

  test('goes to the one that failed it when there is nobody else', async () => {
    const farm = new EngineFarm()
    const anna = await farm.connect('anna')
    await farm.submit({ frames: '1' })
    await anna.fail(anna.next())
    await farm.quiet()
    expect(anna.leases.size).toBe(1)
  })

  test('ran out of memory, and goes to the machine with more', async () => {
    const farm = new EngineFarm()
    const anna = await farm.connect('anna', { memoryBytes: 16 * GIB })
    await farm.submit({ frames: '1' })
    const [bert, carl] = [
      await farm.connect('bert', { memoryBytes: 16 * GIB }),
      await farm.connect('carl', { memoryBytes: 64 * GIB }),
    ]
    await anna.fail(anna.next(), 'out_of_memory')
    await farm.quiet()
    expect([bert.leases.size, carl.leases.size]).toEqual([0, 1])
  })

  test("failed by the farm's own fault waits, says so, and is found behind many others that wait", async () => {
    const farm = new EngineFarm()
    const anna = await farm.connect('anna')
    const id = await farm.submit({ frames: '1' })
    await anna.fail(anna.next(), 'upload_failed')
    await farm.quiet()
    await anna.fail(anna.next(), 'upload_failed')
    await farm.quiet()
    expect(anna.leases.size).toBe(0)
    expect((await viewJob(farm.engine, id))?.waiting).toEqual([
      expect.stringMatching(/because of the farm, not of a worker or the scene \(upload_failed.* tried again in 1 s/),
    ])
    farm.clock.advance(1_000)
    await farm.rounds.round()
    await farm.quiet()
    expect(anna.leases.size).toBe(1)
  })

  test('is an audit, and goes to another worker at once', async () => {
    const farm = new EngineFarm()
    const [anna, bert] = [await farm.connect('anna'), await farm.connect('bert')]
    const id = await farm.submit({ frames: '1', auditRate: 1 })
    const [first, second] = anna.leases.size > 0 ? [anna, bert] : [bert, anna]
    await first.finish(first.next())
    await farm.quiet()
    expect(second.next().taskId).toBe('a0000000x1')
    expect(Object.keys(second.next().work).sort()).toEqual(Object.keys(first.given[0]?.work ?? {}).sort())
    await second.finish(second.next())
    await farm.allSteps()
    expect((await farm.job(id)).state).toBe('completed')
  })
})

describe('near the end of a job', () => {
  /** Three frames, of which one worker has the last and the other has finished two. */
  async function oneIsSlow() {
    const farm = new EngineFarm()
    const [anna, bert] = [await farm.connect('anna'), await farm.connect('bert')]
    const id = await farm.submit({ frames: '1-3' })
    const slow = anna.next()
    for (let frame = 0; frame < 2; frame++) {
      farm.clock.advance(10_000)
      await bert.finish(bert.next())
      await farm.quiet()
    }
    expect([anna.leases.size, bert.leases.size]).toEqual([1, 0])
    const later = async (ms: number) => {
      farm.clock.advance(ms)
      for (const worker of [anna, bert]) await worker.heartbeat()
      await farm.rounds.round()
      await farm.quiet()
    }
    return { farm, anna, bert, id, slow, later }
  }

  test('an idle worker tries the slow task as well, once it is late, and only one does', async () => {
    const { farm, bert, id, slow, later } = await oneIsSlow()
    const carl = await farm.connect('carl')
    await farm.rounds.round()
    await farm.quiet()
    expect([bert.leases.size, carl.leases.size]).toEqual([1, 0])
    expect(bert.next()).toMatchObject({ taskId: slow.taskId, epoch: 2 })
    await later(10_000)
    expect([bert.leases.size, carl.leases.size]).toEqual([1, 0])
    expect(await farm.faults(id)).toEqual([])
  })

  test('the first of the two to hand in wins, the other is told to stop, and the job is completed once', async () => {
    for (const winner of ['anna', 'bert']) {
      const { farm, anna, bert, id, slow, later } = await oneIsSlow()
      await later(10_000)
      const [first, second] = winner === 'anna' ? [anna, bert] : [bert, anna]
      const beaten = second.next()
      expect((await first.finish(first.next())).ok).toBe(true)
      await farm.quiet()
      expect(second.leases.size).toBe(0)
      expect(await second.finish(beaten)).toMatchObject({ ok: false, code: 'lease_stale' })
      await farm.allSteps()
      const task = (await farm.tasks(id)).find((each) => each.id === slow.taskId)
      expect(task?.attempts.map(({ outcome }) => outcome).sort()).toEqual(['overtaken', 'rendered'])
      expect((await farm.job(id)).state).toBe('completed')
      expect(await farm.faults(id)).toEqual([])
      expect([await farm.store.worker(first.workerId), await farm.store.worker(second.workerId)]).toMatchObject([
        { tasksFailed: 0 },
        { tasksFailed: 0 },
      ])
    }
  })

  test('the second attempt that fails leaves the first at work, and nobody else is asked again at once', async () => {
    const { farm, anna, bert, id, later } = await oneIsSlow()
    await later(10_000)
    await bert.fail(bert.next())
    await farm.quiet()
    await later(10_000)
    expect(bert.leases.size).toBe(0)
    await anna.finish(anna.next())
    await farm.allSteps()
    expect((await farm.job(id)).state).toBe('completed')
    expect(await farm.faults(id)).toEqual([])
  })

  test('a worker that could render another job is not spent on second attempts', async () => {
    const { farm, bert, slow, later } = await oneIsSlow()
    await farm.submit({ frames: '1-9' })
    await later(10_000)
    expect([...bert.leases.values()].map(({ lease }) => lease.jobId)).not.toContain(slow.jobId)
  })
})

describe('with things going wrong', () => {
  test('a lease whose message cannot be built goes back unused, and nobody is blamed', async () => {
    const farm = new EngineFarm()
    const id = await farm.submit({ frames: '1' })
    const signedGet = farm.objects.signedGet.bind(farm.objects)
    let broken = true
    farm.objects.signedGet = async (key, options) => {
      if (broken) throw new Error('no key to sign with')
      return signedGet(key, options)
    }
    const connecting = farm.connect('anna')
    await new Promise((done) => setImmediate(done))
    broken = false
    const anna = await connecting
    await farm.dispatcher.refresh(id)
    await farm.quiet()
    const [task] = await farm.tasks(id)
    expect(task?.avoid).toEqual([])
    expect(task?.attempts.slice(0, -1).every((attempt) => attempt.outcome === 'released')).toBe(true)
    expect(anna.leases.size).toBe(1)
  })

  test('an entry of the queue that is stale is dropped and the next one taken', async () => {
    const farm = new EngineFarm()
    const id = await farm.submit({ frames: '1-3' })
    const [first] = await farm.tasks(id)
    await farm.queue.dropJob(id)
    await farm.queue.addTasks(id, [
      { taskId: first?.id ?? (await farm.tasks(id))[0]!.id, epoch: 7 },
      { taskId: (await farm.tasks(id))[1]!.id, epoch: 0 },
    ])
    const anna = await farm.connect('anna')
    expect(anna.next().taskId).toBe('r0000001')
  })

  test('a job that is canceled gives no more leases', async () => {
    const farm = new EngineFarm()
    const id = await farm.submit({ frames: '1-9' })
    await cancelJob(farm.engine, id, 'enough')
    const anna = await farm.connect('anna')
    await farm.rounds.round()
    await farm.quiet()
    expect(anna.given).toEqual([])
  })

  test('twenty workers that hand in at the same moment leave nothing miscounted', async () => {
    const farm = new EngineFarm()
    const id = await farm.submit({ frames: '1-2', tiles: { columns: 5, rows: 2 } })
    await crowd(farm, 20)
    await Promise.all(
      [...farm.workers.values()].flatMap((worker) =>
        [...worker.leases.values()].map(({ lease }) => worker.finish(lease)),
      ),
    )
    await farm.quiet()
    expect(await farm.faults(id)).toEqual([])
    expect((await farm.frames(id)).map((frame) => [frame.state, frame.tasksLeft])).toEqual([
      ['stitching', 0],
      ['stitching', 0],
    ])
    expect(farm.logged).toEqual([])
  })

  test('a hundred and fifty workers that deliver tiles of one frame at the same moment all get through', async () => {
    const farm = new EngineFarm()
    const id = await farm.submit({ frames: '1', tiles: { columns: 15, rows: 10 } })
    await crowd(farm, 150)
    const answers = await Promise.all(
      [...farm.workers.values()].flatMap((worker) =>
        [...worker.leases.values()].map(({ lease }) => worker.finish(lease)),
      ),
    )
    expect(answers.filter((answer) => !answer.ok)).toEqual([])
    expect((await farm.frames(id))[0]).toMatchObject({ state: 'stitching', tasksLeft: 0 })
    expect(await farm.faults(id)).toEqual([])
  })
})
