// Redis is emptied under a running farm of real parts, and rebuilt from the object store.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { samePixels } from '../../shared/adapters/imaging/compare-same-pixels.ts'
import { redisFarmStore } from '../../shared/adapters/redis/farm-store.ts'
import { connectRedis } from '../../shared/adapters/redis/link.ts'
import { epochsBefore } from '../../shared/domain/recovery/rebuild-job.ts'
import type { Recovery } from '../../shared/engine/recovery/recover-farm.ts'
import { JobId } from '../../shared/protocol/ids.ts'
import { Manifest } from '../../shared/protocol/manifest.ts'
import { tilework } from '../support/cli.ts'
import { TestFarm } from '../support/farm.ts'
import { buildTinyScene, renderBare } from '../support/tiny-scene.ts'

const MINUTES = 60_000

describe('a farm whose Redis is emptied in the middle of a job', () => {
  let farm: TestFarm
  let redis: ReturnType<typeof connectRedis>

  beforeAll(async () => {
    farm = await TestFarm.start()
    redis = connectRedis(join(farm.folder, 'farm', 'redis', 'redis.sock'))
    await farm.addWorker('ann')
  }, 2 * MINUTES)

  afterAll(async () => {
    redis?.disconnect()
    await farm?.stop()
  }, MINUTES)

  it(
    'serves no empty farm, and once it is recovered goes on by itself: what was ' +
      'accepted is not rendered again, and the pixels are the same',
    { timeout: 4 * MINUTES },
    async () => {
      const blend = await buildTinyScene(join(farm.folder, 'tiny.blend'))
      const scene = await farm.upload(blend, 'tiny.blend')
      const { id } = await farm.submit({
        scene: scene.sha256,
        frames: '1-10',
        tiles: { columns: 2, rows: 1 },
        auditRate: 0,
        video: 'none',
      })
      // The job is part done, and the journal knows all that was accepted. It is paused, so that no machine is too
      // quick for that.
      const store = redisFarmStore(redis)
      await farm.until(async () => ((await farm.job(id)).counts.render['completed'] ?? 0) >= 4)
      expect((await farm.send('POST', `/v1/jobs/${id}/pause`, {})).status).toBe(200)
      await farm.until(
        async () =>
          ((await farm.job(id)).counts.render['leased'] ?? 0) === 0 &&
          (await store.unjournaled(JobId.parse(id), 1)).length === 0,
      )
      await redis.flushall()

      const lost = await farm.send('GET', `/v1/jobs/${id}`)
      expect(lost.status).toBe(503)
      expect(await lost.json()).toMatchObject({
        code: 'farm_state_lost',
        detail: expect.stringContaining('tilework recover'),
      })
      expect((await farm.send('GET', '/readyz')).status).toBe(503)

      const env = { REDIS_URL: join(farm.folder, 'farm', 'redis', 'redis.sock') }
      const run = await tilework(['recover', '--from', join(farm.folder, 'farm', 'objects'), '--json'], { env })
      expect(run.stderr).toBe('')
      const recovery = JSON.parse(run.stdout) as Recovery
      expect(recovery).toMatchObject({
        term: 2,
        scenes: 1,
        damage: [],
        jobs: [{ jobId: id, state: 'active', filesMissing: 0 }],
      })
      const kept = recovery.jobs[0]?.kept ?? 0
      expect(kept).toBeGreaterThanOrEqual(4)
      // It holds a farm.
      expect((await tilework(['recover', '--from', join(farm.folder, 'farm', 'objects')], { env })).exitCode).toBe(1)

      expect(await farm.job(id)).toMatchObject({ state: 'active', waiting: [expect.stringContaining('paused')] })
      expect((await farm.send('POST', `/v1/jobs/${id}/resume`)).status).toBe(200)
      const ended = await farm.ended(id)
      expect(ended.state).toBe('completed')
      const artifacts = await farm.artifacts(id)
      for (const frame of [1, 10]) {
        const artifact = artifacts.find((each) => each.frame === frame && each.path.startsWith('frames/'))
        expect(
          await samePixels(
            await farm.download(artifact!, `delivered-${frame}.png`),
            await renderBare(blend, farm.folder, frame),
          ),
        ).toEqual({ ok: true, same: true })
      }
      const manifest = Manifest.parse(
        JSON.parse(
          await readFile(
            await farm.download(
              artifacts.find((each) => each.path === 'manifest.json')!,
              'manifest.json',
            ),
            'utf8',
          ),
        ),
      )
      const rendered = manifest.frames
        .flatMap((frame) => frame.tasks)
        .map((task) => task.attempts.filter((attempt) => attempt.outcome === 'rendered'))
      expect(rendered).toHaveLength(30) // two tiles and a finish for each frame
      expect(rendered.every((attempts) => attempts.length === 1)).toBe(true)
      // The inspection is kept as well, and no task of the manifest.
      expect(rendered.flat().filter((attempt) => attempt.epoch <= epochsBefore(2))).toHaveLength(kept - 1)
    },
  )
})
