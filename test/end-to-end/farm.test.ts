// A whole farm of real parts: redis-server, object store, coordinator, verifier, assembler, workers with Blender.

import { execFile } from 'node:child_process'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RunningWorker } from '../../blender-worker/main.ts'
import type { Rendered } from '../../blender-worker/rendering/renderer.ts'
import { FarmClient } from '../../services/cli/api/farm-client.ts'
import { uploadProject } from '../../services/cli/api/project-upload.ts'
import { UnfinishedUploads } from '../../services/cli/api/unfinished-uploads.ts'
import { folderSource } from '../../services/cli/project/folder-source.ts'
import { readProject } from '../../services/cli/project/read-project.ts'
import { samePixels } from '../../shared/adapters/imaging/compare-same-pixels.ts'
import { Manifest } from '../../shared/protocol/manifest.ts'
import { startS3Server, type S3Server } from '../support/s3-server.ts'
import { buildTinyScene, renderBare } from '../support/tiny-scene.ts'
import { TestFarm } from '../support/farm.ts'

const run = promisify(execFile)
const MINUTES = 60_000

async function expectBareFrames(
  farm: TestFarm,
  blend: string,
  jobId: string,
  frames: readonly number[],
): Promise<void> {
  const artifacts = await farm.artifacts(jobId)
  for (const frame of frames) {
    const artifact = artifacts.find((each) => each.frame === frame && each.path.startsWith('frames/'))
    if (artifact === undefined) throw new Error(`frame ${frame} was not delivered`)
    const delivered = await farm.download(artifact, `delivered-${jobId}-${frame}.png`)
    expect(await samePixels(delivered, await renderBare(blend, farm.folder, frame))).toEqual({ ok: true, same: true })
  }
}

/** Names of the files in a folder and below, but for lists. */
async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile() && !entry.name.endsWith('.jsonl')).map((entry) => entry.name)
}

describe.each(['a folder', 'a real S3 server'] as const)('a farm with %s as object store', (kind) => {
  let farm: TestFarm
  let s3: S3Server | undefined
  let blend: string

  beforeAll(async () => {
    s3 = kind === 'a folder' ? undefined : await startS3Server()
    farm = await TestFarm.start(
      s3 === undefined
        ? {}
        : {
            S3_BUCKET: s3.bucket,
            S3_ENDPOINT: s3.endpoint,
            S3_REGION: s3.region,
            S3_ACCESS_KEY_ID: s3.accessKeyId,
            S3_SECRET_ACCESS_KEY: s3.secretAccessKey,
          },
    )
    blend = await buildTinyScene(join(farm.folder, 'tiny.blend'), 'adaptive')
    await Promise.all([farm.addWorker('ann'), farm.addWorker('bob')])
  }, 3 * MINUTES)

  afterAll(async () => {
    await farm?.stop()
    await s3?.stop()
  }, MINUTES)

  it(
    'delivers tiled frames with the pixels of bare Blender, a video, and a manifest that tells who did what',
    { timeout: 4 * MINUTES },
    async () => {
      const scene = await farm.upload(blend, 'tiny.blend')
      const job = await farm.submit({
        scene: scene.sha256,
        frames: '1-3',
        tiles: { columns: 3, rows: 2 },
        video: 'mp4',
      })
      expect(job.plan.tiles).toEqual({ columns: 3, rows: 2, overscanPx: 8 })
      const ended = await farm.ended(job.id)
      expect(ended.failure).toBeUndefined()
      expect(ended.state).toBe('completed')
      await expectBareFrames(farm, blend, job.id, [1, 2, 3])

      const artifacts = await farm.artifacts(job.id)
      const video = artifacts.find((each) => each.path === 'video/tiny.mp4')
      const { stdout } = await run('ffprobe', [
        '-v',
        'error',
        '-count_frames',
        '-select_streams',
        'v',
        '-show_entries',
        'stream=codec_name,width,height,nb_read_frames,r_frame_rate',
        '-of',
        'json',
        await farm.download(video!, 'video.mp4'),
      ])
      expect(JSON.parse(stdout).streams[0]).toEqual({
        codec_name: 'h264',
        width: 98,
        height: 56,
        r_frame_rate: '24/1',
        nb_read_frames: '3',
      })

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
      expect(manifest.frames.map((frame) => frame.number)).toEqual([1, 2, 3])
      expect(manifest.audits.made).toBeGreaterThanOrEqual(4) // one tile at least, and each finish
      expect(manifest.audits.refuted).toBe(0)
      expect(manifest.workers.map((worker) => worker.name).sort()).toEqual(['ann', 'bob'])
      for (const task of manifest.frames.flatMap((frame) => frame.tasks)) {
        if (task.audits === undefined) continue
        const checked = manifest.frames.flatMap((frame) => frame.tasks).find((each) => each.id === task.audits)
        expect(task.attempts.at(-1)?.workerId).not.toBe(checked?.attempts.at(-1)?.workerId)
      }
      // No anchor is connected, so each frame was finished by both, bit for bit the same.
      const finishes = manifest.frames.flatMap((frame) => frame.tasks).filter((task) => task.kind === 'finish')
      expect(finishes.map((task) => task.verdict)).toEqual(['agreed', 'agreed', 'agreed'])
    },
  )

  it(
    'delivers whole frames of a sequence with gaps as float EXR, a WebM, and audits that agree',
    { timeout: 4 * MINUTES },
    async () => {
      const scene = await farm.upload(blend, 'tiny.blend')
      const job = await farm.submit({
        scene: scene.sha256,
        name: 'gaps',
        frames: '-2, 2-3',
        settings: { format: { file: 'exr', colorDepth: '32' }, samples: 4 },
        video: 'webm',
        auditRate: 1,
      })
      const ended = await farm.ended(job.id)
      expect(ended.state).toBe('completed')
      expect(ended.counts.verdicts).toEqual({ agreed: 3 })
      const paths = (await farm.artifacts(job.id)).map((artifact) => artifact.path).sort()
      expect(paths).toEqual([
        'frames/0002.exr',
        'frames/0003.exr',
        'frames/m0002.exr',
        'manifest.json',
        'previews/0002.jpg',
        'previews/0003.jpg',
        'previews/m0002.jpg',
        'video/gaps.webm',
      ])
    },
  )

  it(
    'renders a project folder as the artist does, sends what changed alone, and fetches nothing twice',
    { timeout: 3 * MINUTES },
    async () => {
      const folder = join(farm.folder, 'project')
      await mkdir(join(folder, 'shots'), { recursive: true })
      const main = await buildTinyScene(join(folder, 'shots', 'a.blend'), 'texture')
      const handIn = async () => {
        const project = await readProject(await folderSource(folder), undefined)
        const unfinished = new UnfinishedUploads(join(farm.folder, 'notes'))
        return uploadProject(new FarmClient({ url: farm.url, token: farm.token }), project, { unfinished })
      }
      const render = async (scene: string) => {
        const job = await farm.submit({ scene, frames: '1', auditRate: 1 })
        expect((await farm.ended(job.id)).failure).toBeUndefined()
        await expectBareFrames(farm, main, job.id, [1])
      }
      const first = await handIn()
      expect([first.filesSent, first.scene.missingFiles]).toEqual([2, []])
      await render(first.scene.sha256)
      await writeFile(join(folder, 'note.txt'), 'changed')
      const second = await handIn()
      expect([second.filesSent, second.bytesSent]).toEqual([1, 7])
      await render(second.scene.sha256)
      for (const worker of ['ann', 'bob'])
        expect((await filesIn(join(farm.folder, worker, 'scenes', 'files'))).length).toBe(3)
    },
  )

  it('leaves nothing of a job that is deleted, and keeps the scene', { timeout: 2 * MINUTES }, async () => {
    const scene = await farm.upload(blend, 'tiny.blend')
    const job = await farm.submit({ scene: scene.sha256, frames: '1', auditRate: 0 })
    await farm.ended(job.id)
    expect((await farm.send('DELETE', `/v1/jobs/${job.id}`)).status).toBe(202)
    await farm.until(async () => (await farm.send('GET', `/v1/jobs/${job.id}`)).status === 404)
    expect((await farm.send('GET', `/v1/scenes/${scene.sha256}`)).status).toBe(200)
  })
})

describe('a farm in which one of three workers renders less than it was asked to', () => {
  let farm: TestFarm

  beforeAll(async () => {
    farm = await TestFarm.start()
    await Promise.all([
      farm.addWorker('ann'),
      farm.addWorker('bob'),
      farm.addWorker('liar', {
        lie: { render: (request) => ({ ...request, settings: { ...request.settings, samples: 8 } }) },
      }),
    ])
  }, 2 * MINUTES)

  afterAll(async () => farm?.stop(), MINUTES)

  it(
    'refutes the lie by two against one, never blames the honest, and delivers the true pixels',
    { timeout: 5 * MINUTES },
    async () => {
      const blend = await buildTinyScene(join(farm.folder, 'tiny.blend'))
      const scene = await farm.upload(blend, 'tiny.blend')
      const job = await farm.submit({
        scene: scene.sha256,
        frames: '1-3',
        tiles: { columns: 2, rows: 2 },
        auditRate: 1,
        video: 'none',
      })
      const ended = await farm.ended(job.id)
      expect(ended.state).toBe('completed')
      await expectBareFrames(farm, blend, job.id, [1, 2, 3])
      const workers: { name: string; tasksRefuted: number }[] = (await farm.get('/v1/workers')).items
      expect(workers.find((worker) => worker.name === 'liar')?.tasksRefuted).toBeGreaterThan(0)
      expect(workers.filter((worker) => worker.name !== 'liar').map((worker) => worker.tasksRefuted)).toEqual([0, 0])
    },
  )
})

describe('finishing', () => {
  let farm: TestFarm
  let blend: string
  let ann: RunningWorker
  const tiled = { frames: '1-2', tiles: { columns: 2, rows: 1 }, auditRate: 0.01, video: 'none' }

  beforeAll(async () => {
    farm = await TestFarm.start({ TILEWORK_ANCHOR_TOKENS: 'studio:a-machine-of-our-own' })
    blend = await buildTinyScene(join(farm.folder, 'tiny.blend'))
    ann = await farm.addWorker('ann')
  }, 2 * MINUTES)

  afterAll(async () => farm?.stop(), MINUTES)

  /** The tasks that finished frames, and their audits. */
  async function finishes(jobId: string): Promise<(Manifest['frames'][number]['tasks'][number] & { frame: number })[]> {
    const manifest = (await farm.artifacts(jobId)).find((each) => each.path === 'manifest.json')
    if (manifest === undefined) throw new Error('there is no manifest')
    const { frames } = Manifest.parse(
      JSON.parse(await readFile(await farm.download(manifest, `manifest-${jobId}.json`), 'utf8')),
    )
    const tasks = frames.flatMap((frame) => frame.tasks.map((task) => ({ ...task, frame: frame.number })))
    const own = tasks.filter((task) => task.kind === 'finish').map((task) => task.id)
    return tasks.filter((task) => own.includes(task.audits ?? task.id))
  }

  it(
    'is done twice: what a forger hands in is never delivered, and two against one tell who it was',
    { timeout: 5 * MINUTES },
    async () => {
      const forger = await farm.addWorker('forger', { lie: { finish: forge } })
      const { sha256: scene } = await farm.upload(blend, 'tiny.blend')
      const job = await farm.submit({ scene, ...tiled })
      await farm.jobWhen(job.id, ({ disputes }) => disputes.length > 0)
      const bob = await farm.addWorker('bob')
      expect((await farm.ended(job.id)).state).toBe('completed')
      await expectBareFrames(farm, blend, job.id, [1, 2])
      const workers: { id: string; tasksRefuted: number }[] = (await farm.get('/v1/workers')).items
      const refuted = (id: string): number | undefined => workers.find((worker) => worker.id === id)?.tasksRefuted
      expect([refuted(ann.workerId), refuted(bob.workerId)]).toEqual([0, 0])
      // Of one step in one channel nobody can be blamed: other processors round otherwise. The forged corner of frame 2
      // is no rounding.
      expect(refuted(forger.workerId)).toBeGreaterThan(0)
      const verdicts = (await finishes(job.id)).flatMap((task) =>
        task.attempts
          .filter(({ workerId }) => workerId === forger.workerId)
          .map(({ verdict }) => [task.frame, verdict]),
      )
      expect(new Set(verdicts.map(String))).toEqual(new Set(['1,grey', '2,refuted']))
      await forger.stop()
    },
  )

  it('is done once, by a machine of the operator, while one is connected', { timeout: 3 * MINUTES }, async () => {
    const studio = await farm.addWorker('studio', { token: 'a-machine-of-our-own' })
    const { sha256: scene } = await farm.upload(blend, 'tiny.blend')
    const job = await farm.submit({ scene, ...tiled, frames: '1', name: 'anchored' })
    expect((await farm.ended(job.id)).state).toBe('completed')
    await expectBareFrames(farm, blend, job.id, [1])
    const made = await finishes(job.id)
    expect(made.map((task) => [task.kind, task.attempts.map(({ workerId }) => workerId)])).toEqual([
      ['finish', [studio.workerId]],
    ])
  })
})

/** Of frame 1 the least there is, one step of one channel of one pixel; of frame 2 a corner is painted over. */
async function forge({ files }: Rendered, frame: number): Promise<void> {
  const final = files.find((file) => file.role === 'final')
  if (final === undefined) throw new Error('nothing was finished')
  const { data, info } = await sharp(final.path).raw().toBuffer({ resolveWithObject: true })
  const { width, height, channels } = info
  if (frame === 1) data[0] = (data[0] ?? 0) ^ 1
  else for (let y = 0; y < 16; y++) data.fill(255, y * width * channels, (y * width + 16) * channels)
  await writeFile(final.path, await sharp(data, { raw: { width, height, channels } }).png().toBuffer())
}
