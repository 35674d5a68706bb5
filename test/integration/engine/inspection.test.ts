import { describe, expect, test } from 'vitest'
import { forgetScene } from '../../../shared/engine/jobs/scene-intake.ts'
import { submitJob } from '../../../shared/engine/jobs/submit-job.ts'
import { cancelJob, viewJob } from '../../../shared/engine/jobs/job-actions.ts'
import { planRequest } from '../../../shared/engine/jobs/plan-view.ts'
import { takeResult } from '../../../shared/engine/results/hand-in.ts'
import type { JobId } from '../../../shared/protocol/ids.ts'
import type { JobRequest } from '../../../shared/protocol/job.ts'
import { LIMITS } from '../../../shared/protocol/limits.ts'
import { HASH, aScene, anInspection } from '../../unit/domain/records.ts'
import { EngineFarm } from './engine-farm.ts'

/** A farm with a scene that nobody has looked at, and a job of it. */
async function newScene(request: Partial<JobRequest> = {}): Promise<{ farm: EngineFarm; id: JobId }> {
  const farm = new EngineFarm()
  await farm.store.putScene(aScene())
  return { farm, id: await submit(farm, request) }
}

async function submit(farm: EngineFarm, request: Partial<JobRequest> = {}): Promise<JobId> {
  const submitted = await submitJob(farm.engine, 'ada', {
    scene: HASH,
    auditRate: 0,
    video: 'none',
    frames: '1-3',
    ...request,
  })
  if (!submitted.ok) throw new Error(submitted.detail)
  await farm.quiet()
  return submitted.job.id
}

async function finishJob(farm: EngineFarm, id: JobId): Promise<void> {
  for (let turn = 0; turn < 20 && (await farm.job(id)).state !== 'completed'; turn++) {
    await farm.rounds.round()
    await farm.quiet()
    for (const worker of farm.workers.values()) await worker.finishAll()
    await farm.allSteps()
    expect(await farm.faults(id)).toEqual([])
  }
}

const savedBy45 = aScene(
  {},
  { facts: { ...aScene().facts, version: { major: 4, minor: 5, subversion: 1, text: '4.5' } } },
)

describe('a job of a scene that nobody has looked at', () => {
  test('begins with an inspection, is planned with it, and ends as any other', async () => {
    const { farm, id } = await newScene()
    expect((await farm.job(id)).state).toBe('inspecting')
    expect(await farm.faults(id)).toEqual([])
    const ann = await farm.connect('ann')
    expect(ann.next()).toMatchObject({ taskId: 'i0000000', work: { kind: 'inspect', settings: { scene: 'Scene' } } })
    await ann.finish(ann.next())
    expect((await farm.job(id)).state).toBe('planning')
    await finishJob(farm, id)
    expect(await farm.job(id)).toMatchObject({ state: 'completed' })
    expect((await farm.store.counters(id))['inspect.completed']).toBe(1)
  })

  test('waits with the reason while no worker is there', async () => {
    const { farm, id } = await newScene()
    expect(await viewJob(farm.engine, id)).toMatchObject({
      state: 'inspecting',
      waiting: ['waiting: no worker is connected'],
      counts: { inspect: { queued: 1 } },
    })
  })

  test('leaves what was found with the scene, so that the next job needs no inspection', async () => {
    const { farm } = await newScene()
    const ann = await farm.connect('ann')
    await ann.finish(ann.next())
    expect((await farm.store.scene(HASH))?.inspections).toMatchObject([{ scene: 'Scene', inspectedBy: ann.workerId }])
    expect((await farm.job(await submit(farm))).state).toBe('planning')
  })

  test(
    'goes to a Blender that has the denoiser where the scene is ' + 'denoised, and says so while there is none',
    async () => {
      const { farm, id } = await newScene()
      const ann = await farm.connect('ann')
      await ann.inspected(ann.next(), anInspection({ denoiser: 'missing' }))
      await farm.quiet()
      expect(ann.held()).toBe(0)
      expect((await farm.store.scene(HASH))?.inspections).toBeUndefined()
      expect(await viewJob(farm.engine, id)).toMatchObject({
        state: 'inspecting',
        waiting: ['waiting: needs Blender with OpenImageDenoise, connected workers have 3.4.1 without it'],
      })
      const bob = await farm.connect('bob', {
        blender: { ...ann.capabilities.blender, version: '5.0.1', hasDenoiser: true },
      })
      await bob.inspected(bob.next(), anInspection({ denoiser: 'here', blenderVersion: '5.0.1' }))
      await finishJob(farm, id)
      expect(await farm.job(id)).toMatchObject({
        state: 'completed',
        requirement: { denoiser: true, blenderVersionMin: '5.0.1', blenderVersionMax: '5.0.1' },
      })
      expect(ann.held()).toBe(0)
      expect((await farm.store.worker(ann.workerId))?.tasksFailed).toBe(0)
    },
  )

  test('goes to the Blender nearest to the one that saved it, whoever comes first, and says why', async () => {
    const farm = new EngineFarm()
    const offers = (version: string) => ({ blender: { version, buildHash: '', path: '', engines: ['CYCLES'] } })
    const old = await farm.connect('old', offers('3.4.1'))
    const fresh = await farm.connect('fresh', offers('5.3.0'))
    await farm.store.putScene(savedBy45)
    const id = await submit(farm)
    await fresh.inspected(fresh.next(), anInspection({ blenderVersion: '5.3.0' }))
    expect(await farm.job(id)).toMatchObject({
      requirement: { blenderVersionMin: '5.3.0', blenderVersionMax: '5.3.0' },
      plan: { blender: { savedBy: '4.5', version: '5.3.0' } },
    })
    const own = await farm.connect('own', offers('4.5.15'))
    farm.clock.advance(10) // who is connected may be known some milliseconds late
    const again = await submit(farm)
    await own.inspected(own.next(), anInspection({ blenderVersion: '4.5.15' }))
    expect(await farm.job(again)).toMatchObject({
      requirement: { blenderVersionMin: '4.5.15', blenderVersionMax: '4.5.15' },
      plan: { blender: { why: 'Blender 4.5.15: the scene was saved by Blender 4.5' } },
    })
    expect(old.held()).toBe(0)
  })

  test('waits while only older Blenders are here, and names both', async () => {
    const farm = new EngineFarm()
    const old = await farm.connect('old')
    await farm.store.putScene(savedBy45)
    const id = await submit(farm)
    expect(old.held()).toBe(0)
    expect(await viewJob(farm.engine, id)).toMatchObject({
      state: 'inspecting',
      plan: { blender: { why: expect.stringContaining('connected workers have 3.4.1') as string } },
      waiting: ['waiting: needs Blender 4.5 or newer (the scene was saved by it), connected workers have 3.4.1'],
    })
  })

  test('is looked at anew by the Blenders that are here, where only others have looked', async () => {
    const { farm, id } = await newScene()
    const ann = await farm.connect('ann')
    await ann.finish(ann.next())
    await finishJob(farm, id)
    await ann.disconnect()
    const newer = { blender: { ...ann.capabilities.blender, version: '5.0.1' } }
    const bob = await farm.connect('bob', newer)
    farm.clock.advance(10) // who is connected may be known some milliseconds late
    const again = await submit(farm)
    expect((await farm.job(again)).state).toBe('inspecting')
    await bob.inspected(bob.next(), anInspection({ blenderVersion: '5.0.1' }))
    await finishJob(farm, again)
    expect((await farm.store.scene(HASH))?.inspections).toMatchObject([
      { blenderVersion: '3.4.1' },
      { blenderVersion: '5.0.1' },
    ])
    expect(
      await submitJob(farm.engine, 'ada', { scene: HASH, requirement: { blenderVersionMin: '4.0' } }),
    ).toMatchObject({ ok: true, job: { state: 'planning', requirement: { blenderVersionMin: '5.0.1' } } })
  })

  test('takes the worker by its first word: told again, otherwise, it changes nothing', async () => {
    const { farm } = await newScene()
    const ann = await farm.connect('ann')
    const lease = ann.next()
    await ann.inspected(lease)
    const before = await farm.store.scene(HASH)
    expect(await ann.inspected(lease, anInspection({ history: [{ object: 'Flag', kind: 'cloth' }] }))).toEqual({
      ok: true,
    })
    expect(await farm.store.scene(HASH)).toEqual(before)
  })

  test('keeps nothing with an archive that was handed in anew for another .blend of it', async () => {
    const { farm, id } = await newScene()
    const ann = await farm.connect('ann')
    await farm.store.putScene(aScene({}, { mainBlend: 'other.blend' }))
    await ann.finish(ann.next())
    expect((await farm.job(id)).state).toBe('planning')
    expect((await farm.store.scene(HASH))?.inspections).toBeUndefined()
  })

  test('fails early with the reason, and its next submission at once', async () => {
    const { farm, id } = await newScene({ tiles: { columns: 2, rows: 2 } })
    const ann = await farm.connect('ann')
    await ann.inspected(
      ann.next(),
      anInspection({
        tiling: { exact: false, overscanPx: 0, reasons: ['grease pencil is drawn over the whole image'] },
      }),
    )
    expect(await farm.job(id)).toMatchObject({
      state: 'failed',
      failure: { code: 'tiles_not_exact', message: expect.stringMatching(/grease pencil/) },
    })
    expect(await submitJob(farm.engine, 'ada', { scene: HASH, tiles: { columns: 2, rows: 2 } })).toMatchObject({
      ok: false,
      code: 'tiles_not_exact',
    })
    await farm.rounds.round()
    expect(await farm.store.openJobs()).toEqual([])
    expect(await farm.faults(id)).toEqual([])
  })

  test('renders frames that depend on one another as one task', async () => {
    const { farm, id } = await newScene()
    const ann = await farm.connect('ann')
    await ann.inspected(ann.next(), anInspection({ history: [{ object: 'Flag', kind: 'cloth' }] }))
    await farm.rounds.round()
    await farm.quiet()
    expect((await farm.tasks(id)).filter((task) => task.kind === 'render').map((task) => task.frames)).toEqual([
      [1, 2, 3],
    ])
    await finishJob(farm, id)
    expect((await farm.job(id)).state).toBe('completed')
  })
})

describe('an inspection that goes wrong', () => {
  test('goes to another worker when one fails it, and stops the job when the scene is to blame', async () => {
    const { farm, id } = await newScene()
    const ann = await farm.connect('ann')
    const bob = await farm.connect('bob')
    await ann.fail(ann.next(), 'blender_crashed')
    await farm.quiet()
    expect(bob.next().taskId).toBe('i0000000')
    await bob.fail(bob.next(), 'blender_error')
    await farm.quiet()
    await ann.fail(ann.next(), 'blender_error')
    expect(await farm.job(id)).toMatchObject({ state: 'failed', failure: { code: 'poison_scene' } })
    expect(await farm.faults(id)).toEqual([])
  })

  test('goes to another worker when nothing is heard of one', async () => {
    const { farm, id } = await newScene()
    const ann = await farm.connect('ann')
    const lost = ann.next()
    const bob = await farm.connect('bob')
    farm.clock.advance(60_000)
    await farm.rounds.round()
    await farm.quiet()
    expect(bob.next()).toMatchObject({ taskId: 'i0000000', epoch: 2 })
    expect(await ann.inspected(lost)).toMatchObject({ ok: false, code: 'lease_stale' })
    await bob.finish(bob.next())
    expect((await farm.job(id)).state).toBe('planning')
  })

  test('is a failure of the worker that tells of another scene', async () => {
    const { farm, id } = await newScene()
    const ann = await farm.connect('ann')
    expect(await ann.inspected(ann.next(), anInspection({ scene: 'Another' }))).toMatchObject({
      ok: false,
      code: 'result_invalid',
    })
    expect((await farm.tasks(id))[0]?.attempts[0]).toMatchObject({
      outcome: 'failed',
      failure: { code: 'output_invalid' },
    })
    expect((await farm.store.scene(HASH))?.inspections).toBeUndefined()
  })

  test('cannot be answered with files', async () => {
    const { farm } = await newScene()
    const ann = await farm.connect('ann')
    const lease = ann.next()
    expect(
      await takeResult(farm.engine, ann.heldLease(lease), { files: [], renderSeconds: 1, peakMemoryBytes: 1 }),
    ).toMatchObject({ ok: false })
  })

  test('of a job that was canceled is taken back, and tells nothing to the scene', async () => {
    const { farm, id } = await newScene()
    const ann = await farm.connect('ann')
    const lease = ann.next()
    await cancelJob(farm.engine, id, 'enough')
    expect(await ann.inspected(lease)).toMatchObject({ ok: false, code: 'lease_stale' })
    await farm.rounds.round()
    expect((await farm.store.scene(HASH))?.inspections).toBeUndefined()
    expect(await farm.faults(id)).toEqual([])
    expect(await forgetScene(farm, HASH)).toMatchObject({ ok: false, code: 'conflict' })
  })

  test('survives an outage at every call of the farm store', async () => {
    for (let call = 1; call <= 12; call++) {
      const { farm, id } = await newScene()
      const ann = await farm.connect('ann')
      const lease = ann.next()
      let calls = 0
      farm.storeFault = () => (++calls === call ? 'after' : 'none')
      await ann.inspected(lease).catch(() => undefined)
      farm.storeFault = () => 'none'
      // The worker tells it again on its next connection.
      await ann.inspected(lease).catch(() => undefined)
      expect((await farm.job(id)).state, `call ${call}`).toBe('planning')
      expect(await farm.faults(id)).toEqual([])
    }
  })
})

test('inspections kept with a file are bounded, the oldest goes first', async () => {
  const farm = new EngineFarm()
  const names = Array.from({ length: LIMITS.inspectionsPerSceneKept + 2 }, (_, index) => `Scene ${index}`)
  const [settings] = aScene().facts.scenes
  await farm.store.putScene(
    aScene(
      {},
      { facts: { ...aScene().facts, scenes: names.map((name) => ({ ...settings!, name })), activeScene: 'Scene 0' } },
    ),
  )
  const ann = await farm.connect('ann')
  for (const name of names) {
    await submit(farm, { settings: { scene: name } })
    await farm.quiet()
    const lease = [...ann.leases.values()]
      .map((held) => held.lease)
      .find(({ work }) => work.kind === 'inspect' && work.settings.scene === name)
    if (lease === undefined) throw new Error(`no inspection of ${name}`)
    expect(await ann.inspected(lease, anInspection({ scene: name }))).toEqual({ ok: true })
  }
  const kept = (await farm.store.scene(HASH))?.inspections ?? []
  expect(kept.map((inspection) => inspection.scene)).toEqual(names.slice(2))
})

describe('a plan', () => {
  test('is estimated from the pace of own earlier jobs, and writes nothing', async () => {
    const farm = new EngineFarm()
    const id = await farm.submit({ frames: '1-2' })
    await farm.connect('ann')
    await finishJob(farm, id)
    const before = await farm.store.listJobs({ limit: 10 })
    const request: JobRequest = { scene: HASH, frames: '1-10', auditRate: 0, video: 'none' }
    expect(await planRequest(farm.engine, 'ada', request)).toMatchObject({
      ok: true,
      plan: { estimate: { workerSeconds: 10, seconds: 10, fromTasks: 2, fromJobs: 1 } },
    })
    expect(await planRequest(farm.engine, null, request)).toMatchObject({ plan: { estimate: { fromJobs: 1 } } })
    expect(await planRequest(farm.engine, 'ben', request)).toMatchObject({ plan: { estimate: null } })
    expect(await farm.store.listJobs({ limit: 10 })).toEqual(before)
  })

  test('of a scene that was not uploaded is refused', async () => {
    expect(await planRequest(new EngineFarm().engine, 'ada', { scene: HASH })).toMatchObject({
      ok: false,
      code: 'scene_unknown',
    })
  })
})
