// What the assembler does with files that came from workers: whole and right they are delivered; anything else goes back to be
// rendered by somebody else, and nothing of it reaches final/.

import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { runAssemblerStep } from '../../services/assembler/run-step.ts'
import { ffmpegEncoder } from '../../shared/adapters/imaging/encode-video.ts'
import { makeExrHeader } from '../../shared/adapters/imaging/exr-build.ts'
import { writeExr } from '../../shared/adapters/imaging/exr-writer.ts'
import { farmImaging } from '../../shared/adapters/imaging/imaging.ts'
import { takeDelivery, takeResult } from '../../shared/engine/hand-in.ts'
import { type JobId, Sha256 } from '../../shared/protocol/ids.ts'
import type { Lease } from '../../shared/protocol/messages.ts'
import { attemptKey, finalPrefix } from '../../shared/protocol/object-keys.ts'
import type { FileRole } from '../../shared/protocol/task.ts'
import { EngineFarm, type ScriptedWorker } from './engine-farm.ts'

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
  return sharp({ create: { width, height, channels: 3, background: '#28c' } }).png().toBuffer()
}

async function exr({ width, height }: { width: number; height: number }, value = 0.5): Promise<Buffer> {
  const header = makeExrHeader({ width, height, channels: ['R', 'G', 'B', 'A'].map((name) => ({ name, type: 'float' as const })), compression: 'zip' })
  const path = join(folder, `made-${width}-${height}-${value}.exr`)
  await writeExr(path, header, (index) => {
    const rows = Math.min(header.rowsPerBlock, height - index * header.rowsPerBlock)
    return Buffer.from(new Float32Array(rows * width * 4).fill(value).buffer)
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
  const files = sent.map(({ role, content }) => ({ name: `${frame}.${role}.${role === 'raw' ? 'exr' : 'png'}`, frame, role, bytes: content.length, sha256: Sha256.parse(createHash('sha256').update(content).digest('hex')) }))
  const taken = await takeResult(farm.engine, worker.heldLease(lease), { files, renderSeconds: 1, peakMemoryBytes: 1 })
  if (!taken.ok) return taken
  for (const { name } of taken.upload) {
    const index = files.findIndex((file) => file.name === name)
    const body = sent[index]?.stored ?? sent[index]?.content ?? Buffer.alloc(0)
    await farm.objects.put(attemptKey(lease.jobId, lease.taskId, lease.epoch, name), body, { contentType: 'application/octet-stream' })
  }
  return takeDelivery(farm.engine, worker.heldLease(lease))
}

async function runSteps(): Promise<void> {
  const context = { engine: farm.engine, imaging: farmImaging, video: ffmpegEncoder(undefined), scratchDir: folder }
  while (await farm.queue.runStep('assemble', (step, attempt) => runAssemblerStep(context, step, attempt))) await farm.quiet()
}

async function finalKeys(jobId: JobId): Promise<string[]> {
  const page = await farm.objects.list(finalPrefix(jobId), { limit: 100 })
  return page.keys.map(({ key }) => key.slice(finalPrefix(jobId).length))
}

describe('a whole frame', () => {
  it('is delivered with a preview and a manifest when its file is what was committed to', async () => {
    const jobId = await farm.submit({ frames: '7' })
    const image = await png()
    await handIn(ann, ann.next(), [{ role: 'final', content: image }, { role: 'raw', content: await exr(SIZE) }])
    await runSteps()
    expect(await finalKeys(jobId)).toEqual(['frames/0007.png', 'manifest.json', 'previews/0007.jpg'])
    expect((await farm.job(jobId)).state).toBe('completed')
  })

  it.each([
    ['has the wrong size', async () => ({ content: await png({ width: 639, height: 360 }) }), /639 ?x ?360/],
    ['is cut off', async () => ({ content: (await png()).subarray(0, 200) }), /cannot be decoded|corrupt|end/i],
    ['is no image at all', async () => ({ content: Buffer.from('<html>not found</html>') }), /./],
    ['is not the one committed to', async () => ({ content: await png(), stored: Buffer.alloc((await png()).length, 1) }), /SHA-256|sha256|hash/i],
  ])('goes to another worker when its file %s, and leaves nothing in final/', async (_how, made, why) => {
    const bob = await farm.connect('bob')
    const jobId = await farm.submit({ frames: '7' })
    const [holder, other] = ann.leases.size > 0 ? [ann, bob] : [bob, ann]
    const lease = holder.next()
    expect(await handIn(holder, lease, [{ role: 'final', ...(await made()) }, { role: 'raw', content: await exr(SIZE) }])).toMatchObject({ ok: true, state: 'completed' })
    await runSteps()
    expect(await finalKeys(jobId)).toEqual([])
    const [task] = await farm.tasks(jobId)
    expect(task?.attempts[0]).toMatchObject({ outcome: 'rejected', verdict: 'refuted' })
    const rejection = (await farm.store.events(jobId, { limit: 50 })).items.find((event) => event.type === 'result_rejected')
    expect(rejection?.message).toMatch(why)

    await farm.dispatcher.refresh(jobId)
    await farm.quiet()
    expect(other.leases.size).toBe(1)
    await handIn(other, other.next(), [{ role: 'final', content: await png() }, { role: 'raw', content: await exr(SIZE) }])
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
    await farm.store.commit(jobId, { job: { id: jobId, expected: job.version, value: stereo }, tasks: [], frames: [], counters: {}, leases: [], picky: [], effects: [], credits: [], events: [] }, farm.clock.now())
    await handIn(ann, ann.next(), [{ role: 'final', content: await png(size) }, { role: 'raw', content: await exr(SIZE) }])
    await runSteps()
    expect((await farm.job(jobId)).state).toBe('completed')
  })

  it('is not accepted when a file in the store has another length than was committed to', async () => {
    await farm.submit({ frames: '7' })
    const image = await png()
    const answer = await handIn(ann, ann.next(), [{ role: 'final', content: image, stored: Buffer.concat([image, Buffer.from('more')]) }, { role: 'raw', content: await exr(SIZE) }])
    expect(answer).toMatchObject({ ok: false, code: 'upload_incomplete' })
  })
})

describe('a frame of tiles', () => {
  const HALF = { width: 320, height: 360 }
  const TILED = { frames: '1', tiles: { columns: 2, rows: 1 } }

  it('is stitched when every tile is what it should be', async () => {
    const jobId = await farm.submit(TILED, { cycles: { useAdaptiveSampling: false } })
    for (const { lease } of [...ann.leases.values()]) await handIn(ann, lease, [{ role: 'raw', content: await exr(HALF) }])
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
    expect(tasks.find((task) => task.id === leases[1]!.taskId)?.attempts[0]).toMatchObject({ outcome: 'rejected', verdict: 'refuted' })
    expect((await farm.frames(jobId))[0]?.state).toBe('rendering')
  })
})
