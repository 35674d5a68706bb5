import { describe, expect, test } from 'vitest'
import { forgetScene } from '../../../shared/engine/jobs/scene-intake.ts'
import { cancelJob } from '../../../shared/engine/jobs/job-actions.ts'
import { submitJob } from '../../../shared/engine/jobs/submit-job.ts'
import { StoreUnavailable } from '../../../shared/ports/object-store.ts'
import { JOBS_PREFIX } from '../../../shared/protocol/object-keys.ts'
import { JobRecord } from '../../../shared/protocol/job.ts'
import { LIMITS } from '../../../shared/protocol/limits.ts'
import { HASH, aScene } from '../../unit/domain/records.ts'
import { EngineFarm } from './engine-farm.ts'

async function nothingIsLeft(farm: EngineFarm): Promise<void> {
  expect((await farm.store.listJobs({ limit: 10 })).items).toEqual([])
  expect(await farm.store.openJobs()).toEqual([])
  expect((await farm.objects.list(JOBS_PREFIX, { limit: 10 })).keys).toEqual([])
}

describe('a submission', () => {
  test('writes down a job that can be read again, and its journal', async () => {
    const farm = new EngineFarm()
    const id = await farm.submitUnplanned({ frames: '1-3' })
    expect(JobRecord.safeParse(await farm.job(id)).success).toBe(true)
    expect((await farm.objects.list(JOBS_PREFIX, { limit: 10 })).keys.map(({ key }) => key)).toEqual([
      `jobs/${id}/journal/job.json`,
    ])
  })

  test('that is refused leaves nothing behind', async () => {
    const farm = new EngineFarm()
    expect(await submitJob(farm.engine, 'ada', { scene: HASH })).toMatchObject({ ok: false, code: 'scene_unknown' })
    await farm.store.putScene(aScene({ hasCamera: false }))
    expect(await submitJob(farm.engine, 'ada', { scene: HASH })).toMatchObject({ ok: false, code: 'scene_no_camera' })
    await nothingIsLeft(farm)
  })

  test('during which the object store is away leaves no job', async () => {
    const farm = new EngineFarm()
    await farm.store.putScene(aScene())
    farm.objects.put = () => Promise.reject(new StoreUnavailable('away', { cause: null, retryable: true }))
    await expect(submitJob(farm.engine, 'ada', { scene: HASH })).rejects.toThrow(StoreUnavailable)
    await nothingIsLeft(farm)
  })

  test(
    'is refused when its owner has as many open jobs as one may ' + 'have, and taken again when one has ended',
    async () => {
      const farm = new EngineFarm()
      const first = await farm.submitUnplanned()
      const count = farm.store.countOpenJobs.bind(farm.store)
      farm.store.countOpenJobs = async (owner) => (await count(owner)) + LIMITS.openJobsPerOwnerMax - 1
      const second = await submitJob(farm.engine, 'ada', { scene: HASH })
      expect(second).toMatchObject({
        ok: false,
        code: 'too_many_jobs',
        detail: expect.stringContaining('500 jobs of ada are open'),
      })
      expect((await submitJob(farm.engine, 'ben', { scene: HASH })).ok).toBe(true)
      await cancelJob(farm.engine, first, 'enough')
      await farm.rounds.round()
      expect((await submitJob(farm.engine, 'ada', { scene: HASH })).ok).toBe(true)
    },
  )

  test(
    'of a scene that is forgotten at the same moment is refused, or ' +
      'keeps the scene; never a job without its scene',
    async () => {
      for (let pause = 0; pause < 30; pause++) {
        const farm = new EngineFarm()
        await farm.store.putScene(aScene())
        const forgetting = (async () => {
          for (let turn = 0; turn < pause; turn++) await Promise.resolve()
          return forgetScene(farm, HASH)
        })()
        const submitted = await submitJob(farm.engine, 'ada', { scene: HASH })
        await forgetting
        if (submitted.ok) expect(await farm.store.scene(HASH)).not.toBeNull()
        else await nothingIsLeft(farm)
      }
    },
  )
})
