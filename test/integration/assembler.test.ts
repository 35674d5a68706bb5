// What the assembler does with files that came from workers: whole and right they are delivered; anything else goes
// back to be rendered by somebody else, and nothing of it reaches final/.

import { createHash } from 'node:crypto'
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { runAssemblerStep } from '../../services/assembler/run-step.ts'
import { ffmpegEncoder } from '../../shared/adapters/imaging/encode-video.ts'
import { makeExrHeader } from '../../shared/adapters/imaging/exr-build.ts'
import { writeExr } from '../../shared/adapters/imaging/exr-writer.ts'
import { farmImaging } from '../../shared/adapters/imaging/imaging.ts'
import { stitchedPath } from '../../shared/domain/file-names.ts'
import { takeDelivery, takeResult } from '../../shared/engine/results/hand-in.ts'
import { type JobId, Sha256 } from '../../shared/protocol/ids.ts'
import type { Lease } from '../../shared/protocol/messages.ts'
import { attemptKey, finalPrefix, workKey } from '../../shared/protocol/object-keys.ts'
import type { FileRole } from '../../shared/protocol/task.ts'
import { readImage } from '../unit/adapters/imaging/images.ts'
import { EngineFarm } from './engine/engine-farm.ts'
import type { ScriptedWorker } from './engine/scripted-worker.ts'

/** Of the scene that the farm's scenes have: 640 x 360. */
const SIZE = { width: 640, height: 360 }
let farm: EngineFarm
let ann: ScriptedWorker
let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'assembler-'))
  farm = new EngineFarm()
  ann = await farm.connect('ann', { slots: 2 })
})

afterEach(() => rm(folder, { recursive: true, force: true }))

async function png({ width, height } = SIZE): Promise<Buffer> {
  return sharp({ create: { width, height, channels: 3, background: '#28c' } })
    .png()
    .toBuffer()
}

async function exr(
  { width, height }: { width: number; height: number },
  value = 0.5,
  channels = ['R', 'G', 'B', 'A'],
): Promise<Buffer> {
  const header = makeExrHeader({
    width,
    height,
    channels: channels.map((name) => ({ name, type: 'float' as const })),
    compression: 'zip',
  })
  const path = join(folder, `made-${width}-${height}-${value}-${channels.length}.exr`)
  await writeExr(path, header, (index) => {
    const rows = Math.min(header.rowsPerBlock, height - index * header.rowsPerBlock)
    return Buffer.from(new Float32Array(rows * width * channels.length).fill(value).buffer)
  })
  return readFile(path)
}

interface Sent {
  readonly role: FileRole
  readonly content: Buffer
  /** What is really put into the store, if not the content committed to. */
  readonly stored?: Buffer
}

/** Hands in files for a lease as a worker would: commitment, upload, delivery. */
async function handIn(worker: ScriptedWorker, lease: Lease, sent: readonly Sent[]) {
  if (lease.work.kind === 'inspect') throw new Error('an inspection hands in no files')
  const frame = lease.work.kind === 'finish' ? lease.work.frame : (lease.work.frames[0] ?? 0)
  const files = sent.map(({ role, content }) => ({
    name: `${frame}.${role}.${role === 'raw' ? 'exr' : 'png'}`,
    frame,
    role,
    bytes: content.length,
    sha256: Sha256.parse(createHash('sha256').update(content).digest('hex')),
  }))
  const taken = await takeResult(farm.engine, worker.heldLease(lease), { files, renderSeconds: 1, peakMemoryBytes: 1 })
  if (!taken.ok) return taken
  for (const { name } of taken.upload) {
    const index = files.findIndex((file) => file.name === name)
    const body = sent[index]?.stored ?? sent[index]?.content ?? Buffer.alloc(0)
    await farm.objects.put(attemptKey(lease.jobId, lease.taskId, lease.epoch, name), body, {
      contentType: 'application/octet-stream',
    })
  }
  return takeDelivery(farm.engine, worker.heldLease(lease))
}

async function runSteps(): Promise<void> {
  const context = { engine: farm.engine, imaging: farmImaging, video: ffmpegEncoder(undefined), scratchDir: folder }
  while (await farm.queue.runStep('assemble', (step, turn) => runAssemblerStep(context, step, turn))) await farm.quiet()
}

async function finalKeys(jobId: JobId): Promise<string[]> {
  const page = await farm.objects.list(finalPrefix(jobId), { limit: 100 })
  return page.keys.map(({ key }) => key.slice(finalPrefix(jobId).length))
}

describe('a whole frame', () => {
  it('is delivered with a preview and a manifest when its file is what was committed to', async () => {
    const jobId = await farm.submit({ frames: '7' })
    const image = await png()
    await handIn(ann, ann.next(), [
      { role: 'final', content: image },
      { role: 'raw', content: await exr(SIZE) },
    ])
    await runSteps()
    expect(await finalKeys(jobId)).toEqual(['frames/0007.png', 'manifest.json', 'previews/0007.jpg'])
    expect((await farm.job(jobId)).state).toBe('completed')
  })

  it.each([
    ['has the wrong size', async () => ({ content: await png({ width: 639, height: 360 }) }), /639 ?x ?360/],
    ['is cut off', async () => ({ content: (await png()).subarray(0, 200) }), /cannot be decoded|corrupt|end/i],
    ['is no image at all', async () => ({ content: Buffer.from('<html>not found</html>') }), /./],
    [
      'is not the one committed to',
      async () => ({ content: await png(), stored: Buffer.alloc((await png()).length, 1) }),
      /SHA-256|sha256|hash/i,
    ],
  ])('goes to another worker when its file %s, and leaves nothing in final/', async (_how, made, why) => {
    const bob = await farm.connect('bob')
    const jobId = await farm.submit({ frames: '7' })
    const [holder, other] = ann.leases.size > 0 ? [ann, bob] : [bob, ann]
    const lease = holder.next()
    expect(
      await handIn(holder, lease, [
        { role: 'final', ...(await made()) },
        { role: 'raw', content: await exr(SIZE) },
      ]),
    ).toMatchObject({ ok: true, state: 'completed' })
    await runSteps()
    expect(await finalKeys(jobId)).toEqual([])
    const [task] = await farm.tasks(jobId)
    expect(task?.attempts[0]).toMatchObject({ outcome: 'rejected', verdict: 'refuted' })
    const rejection = (await farm.store.events(jobId, { limit: 50 })).items.find(
      (event) => event.type === 'result_rejected',
    )
    expect(rejection?.message).toMatch(why)

    await farm.dispatcher.refresh(jobId)
    await farm.quiet()
    expect(other.leases.size).toBe(1)
    await handIn(other, other.next(), [
      { role: 'final', content: await png() },
      { role: 'raw', content: await exr(SIZE) },
    ])
    await runSteps()
    expect(await finalKeys(jobId)).toEqual(['frames/0007.png', 'manifest.json', 'previews/0007.jpg'])
  })

  it.each([
    ['twice as wide', { width: 1280, height: 360 }],
    ['twice as high', { width: 640, height: 720 }],
  ])('of a stereo scene may be %s', async (_how, size) => {
    const jobId = await farm.submit({ frames: '7' })
    const job = await farm.store.job(jobId)
    if (job === null) throw new Error('no job')
    const stereo = { ...job.value, plan: { ...job.value.plan, stereo: true } }
    await farm.store.commit(
      jobId,
      {
        job: { id: jobId, expected: job.version, value: stereo },
        tasks: [],
        frames: [],
        counters: {},
        leases: [],
        picky: [],
        effects: [],
        credits: [],
        events: [],
      },
      farm.clock.now(),
    )
    await handIn(ann, ann.next(), [
      { role: 'final', content: await png(size) },
      { role: 'raw', content: await exr(SIZE) },
    ])
    await runSteps()
    expect((await farm.job(jobId)).state).toBe('completed')
  })

  it('is not accepted when a file in the store has another length than was committed to', async () => {
    await farm.submit({ frames: '7' })
    const image = await png()
    const answer = await handIn(ann, ann.next(), [
      { role: 'final', content: image, stored: Buffer.concat([image, Buffer.from('more')]) },
      { role: 'raw', content: await exr(SIZE) },
    ])
    expect(answer).toMatchObject({ ok: false, code: 'upload_incomplete' })
  })
})

describe('a frame of tiles', () => {
  const HALF = { width: 320, height: 360 }
  const TILED = { frames: '1', tiles: { columns: 2, rows: 1 } }

  it('is stitched when every tile is what it should be', async () => {
    const jobId = await farm.submit(TILED, { cycles: { useAdaptiveSampling: false } })
    for (const { lease } of [...ann.leases.values()])
      await handIn(ann, lease, [{ role: 'raw', content: await exr(HALF) }])
    await runSteps()
    expect((await farm.frames(jobId))[0]).toMatchObject({ state: 'finishing', stitched: { bytes: expect.any(Number) } })
  })

  it.each([
    ['a tile of the wrong size', async () => exr({ width: 319, height: 360 })],
    ['a tile of NaN', async () => exr(HALF, Number.NaN)],
    ['a tile that is cut off', async () => (await exr(HALF)).subarray(0, 2_000)],
  ])('sends %s back to be rendered, and only that', async (_what, bad) => {
    const jobId = await farm.submit(TILED, { cycles: { useAdaptiveSampling: false } })
    const leases = [...ann.leases.values()].map(({ lease }) => lease)
    expect(leases).toHaveLength(2)
    await handIn(ann, leases[0]!, [{ role: 'raw', content: await exr(HALF) }])
    await handIn(ann, leases[1]!, [{ role: 'raw', content: await bad() }])
    await runSteps()
    const tasks = await farm.tasks(jobId)
    expect(tasks.find((task) => task.id === leases[0]!.taskId)?.state).toBe('completed')
    expect(tasks.find((task) => task.id === leases[1]!.taskId)?.attempts[0]).toMatchObject({
      outcome: 'rejected',
      verdict: 'refuted',
    })
    expect((await farm.frames(jobId))[0]?.state).toBe('rendering')
  })
})

describe('a tile of a kind that the farm does not read', () => {
  const HALF = { width: 320, height: 360 }
  const TILED = { frames: '1', tiles: { columns: 2, rows: 1 } }

  /** A sound file but for its compression, which is told to be PIZ. */
  async function packedOtherwise(): Promise<Buffer> {
    const content = await exr(HALF)
    content.writeUInt8(4, content.indexOf('compression\0compression\0') + 28)
    return content
  }

  it('blames nobody, and ends the job with the reason once another worker sent the same', async () => {
    const bob = await farm.connect('bob', { slots: 2 })
    const jobId = await farm.submit(TILED, { cycles: { useAdaptiveSampling: false } })
    for (let turn = 0; turn < 3 && (await farm.job(jobId)).state === 'active'; turn++) {
      for (const held of [ann, bob])
        for (const { lease } of [...held.leases.values()])
          await handIn(held, lease, [{ role: 'raw', content: await packedOtherwise() }])
      await runSteps()
      await farm.quiet()
    }
    const rejected = (await farm.tasks(jobId))
      .flatMap((task) => task.attempts)
      .filter((attempt) => attempt.outcome === 'rejected')
    expect(rejected.length).toBeGreaterThanOrEqual(2)
    for (const attempt of rejected)
      expect(attempt).toMatchObject({ verdict: 'unverified', failure: { code: 'result_unread' } })
    expect((await farm.store.listWorkers()).map((each) => each.tasksFailed)).toEqual([0, 0])
    expect(await farm.job(jobId)).toMatchObject({
      state: 'failed',
      failure: {
        code: 'assembly_failed',
        message: expect.stringMatching(/rendered 2 times, and the farm does not read.*1\.raw\.exr: compression PIZ/),
      },
    })
  })
})

describe('a frame whose samples were split', () => {
  const FULL = SIZE
  const SPLITTABLE = { cycles: { useAdaptiveSampling: false, samples: 10 } }

  async function handInRanges(
    files: readonly Buffer[],
    request: object = { sampleRanges: files.length },
  ): Promise<{ jobId: JobId; leases: Lease[] }> {
    await farm.connect('bob', { slots: 8 })
    const jobId = await farm.submit({ frames: '1', ...request }, SPLITTABLE)
    const held = [...farm.workers.values()]
      .flatMap((worker) =>
        [...worker.leases.values()].flatMap(({ lease }) => (lease.jobId === jobId ? [{ worker, lease }] : [])),
      )
      .sort((a, b) => (a.lease.taskId < b.lease.taskId ? -1 : 1))
    expect(held).toHaveLength(files.length)
    for (const [index, { worker, lease }] of held.entries())
      await handIn(worker, lease, [{ role: 'raw', content: files[index] ?? Buffer.alloc(0) }])
    await runSteps()
    return { jobId, leases: held.map(({ lease }) => lease) }
  }

  async function stitchedPixels(jobId: JobId): Promise<Float32Array> {
    const path = join(folder, 'read-back.exr')
    await farm.objects.download(workKey(jobId, stitchedPath(1)), path, { bytesMax: 1e9 })
    const { pixels } = await readImage(path)
    return new Float32Array(pixels.buffer, pixels.byteOffset, pixels.length / 4)
  }

  it('has leases that name the samples of each, and is merged by their numbers', async () => {
    const { jobId, leases } = await handInRanges([await exr(FULL, 1), await exr(FULL, 2), await exr(FULL, 4)])
    expect(leases.map(({ work }) => work)).toMatchObject([
      { window: { x: 0, y: 0, ...FULL }, sampleRange: { offset: 0, count: 3 }, settings: { samples: 10 } },
      { sampleRange: { offset: 3, count: 3 } },
      { sampleRange: { offset: 6, count: 4 } },
    ])
    expect((await farm.frames(jobId))[0]?.state).toBe('finishing')
    expect(new Set(await stitchedPixels(jobId))).toEqual(new Set([Math.fround((3 * 1 + 3 * 2 + 4 * 4) / 10)]))
  })

  it('is merged tile by tile and then stitched, where tiles were asked for as well', async () => {
    const half = { width: 320, height: 360 }
    const { jobId } = await handInRanges(
      [await exr(half, 1), await exr(half, 3), await exr(half, 5), await exr(half, 9)],
      { tiles: { columns: 2, rows: 1 }, sampleRanges: 2 },
    )
    const row = (await stitchedPixels(jobId)).subarray(0, 640)
    expect([...new Set(row.subarray(0, 320))]).toEqual([2])
    expect([...new Set(row.subarray(320))]).toEqual([7])
  })

  it.each<[string, () => Promise<Buffer>, RegExp]>([
    ['has the wrong size', async () => exr({ width: 639, height: 360 }), /639 x 360/],
    ['holds no number', async () => exr(FULL, Number.NaN), /no finite sample/],
    ['is cut off', async () => (await exr(FULL)).subarray(0, 3_000), /./],
    ['lacks a channel', async () => exr(FULL, 0.5, ['R', 'G', 'B']), /channels.*other files/],
  ])('sends the range back whose file %s, wherever it is, and only that', async (_how, made, why) => {
    const bad = await made()
    for (const at of [0, 1]) {
      const files = [await exr(FULL, 1), await exr(FULL, 2), await exr(FULL, 4)]
      files[at] = bad
      const { jobId, leases } = await handInRanges(files)
      const tasks = await farm.tasks(jobId)
      const rejected = tasks.filter((task) => task.attempts[0]?.outcome === 'rejected')
      expect(rejected.map((task) => task.id)).toEqual([leases[at]!.taskId])
      expect(rejected[0]?.attempts[0]?.verdict).toBe('refuted')
      expect(
        (await farm.store.events(jobId, { limit: 50 })).items.find((event) => event.type === 'result_rejected')
          ?.message,
      ).toMatch(why)
      expect((await farm.frames(jobId))[0]).toMatchObject({ state: 'rendering', tasksLeft: 1 })
    }
  })

  it('is rendered again and blames nobody, where one of two files lacks a channel of the other', async () => {
    const { jobId } = await handInRanges([await exr(FULL, 1, ['R', 'G', 'B']), await exr(FULL, 2)])
    const tasks = await farm.tasks(jobId)
    expect(tasks.map((task) => task.attempts[0])).toMatchObject([
      { outcome: 'rejected', verdict: 'unverified' },
      { outcome: 'rejected', verdict: 'unverified' },
    ])
    expect((await farm.store.listWorkers()).map((worker) => worker.tasksFailed)).toEqual([0, 0])
    expect((await farm.frames(jobId))[0]).toMatchObject({ state: 'rendering', tasksLeft: 2 })
  })

  it('gives the same bytes each time, and leaves nothing behind', async () => {
    const files = [await exr(FULL, 0.1), await exr(FULL, 0.7), await exr(FULL, 0.3)]
    const [one, other] = [await handInRanges(files), await handInRanges(files)]
    const stitched = (await farm.frames(one.jobId))[0]?.stitched
    expect(stitched).toBeDefined()
    expect((await farm.frames(other.jobId))[0]?.stitched).toEqual(stitched)
    expect(await readdir(folder)).not.toContainEqual(expect.stringMatching(/^stitch-/))
  })
})
