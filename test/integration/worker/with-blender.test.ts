import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pino from 'pino'
import sharp from 'sharp'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseWorkerConfig } from '../../../blender-worker/config.ts'
import { startWorker, type RunningWorker } from '../../../blender-worker/main.ts'
import { JobId, renderTaskId } from '../../../shared/protocol/ids.ts'
import { Lease, leaseRef } from '../../../shared/protocol/messages.ts'
import { CoordinatorDouble, type MessageOf, type WorkerConnection } from '../../support/coordinator-double.ts'

/** Blender starts in about two seconds; a machine with other work to do may need ten times that. */
const TIMEOUT_MS = 60_000
const WIDTH = 48
const HEIGHT = 32
const BUILD_SCENE = `
import bpy, sys
scene = bpy.context.scene
scene.render.engine = 'CYCLES'
scene.cycles.samples = 4
scene.cycles.use_denoising = False
scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = ${WIDTH}, ${HEIGHT}, 100
scene.use_nodes = True
bpy.ops.wm.save_as_mainfile(filepath=sys.argv[-1])
scene.camera = None
bpy.ops.wm.save_as_mainfile(filepath=sys.argv[-1].replace('scene', 'blind'))
`

let folder: string
let coordinator: CoordinatorDouble
let worker: RunningWorker
let line: WorkerConnection

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tilework-worker-blender-'))
  await promisify(execFile)('blender', [
    '--background',
    '--factory-startup',
    '--python-expr',
    BUILD_SCENE,
    '--',
    join(folder, 'scene.blend'),
  ])
  coordinator = await CoordinatorDouble.start(170_000)
  const config = parseWorkerConfig(
    { url: coordinator.url, token: coordinator.token, dataDir: join(folder, 'data'), devices: 'cpu' },
    {},
  )
  if (!config.ok) throw new Error(config.detail)
  worker = await startWorker(config.value, { log: pino({ level: 'warn' }) })
  line = await coordinator.connection()
}, TIMEOUT_MS)

afterAll(async () => {
  await worker.stop()
  await coordinator.stop()
  await rm(folder, { recursive: true, force: true })
}, TIMEOUT_MS)

async function lease(index: number, work: unknown, blend = 'scene.blend'): Promise<Lease> {
  const scene = { ...coordinator.serve(`/${blend}`, await readFile(join(folder, blend))), kind: 'blend' }
  return Lease.parse({
    type: 'lease',
    jobId: JobId.parse('job_01j9zzzzzzzzzzzzzzzzzzzzzz'),
    taskId: renderTaskId(index),
    epoch: 1,
    leaseSeconds: 60,
    scene,
    work,
    noProgressSeconds: 50,
  })
}

/** Has a lease rendered and all its files sent; gives them by role. */
async function deliver(one: Lease): Promise<{ result: MessageOf<'result'>; files: Record<string, Buffer> }> {
  line.send(one)
  const result = await line.next('result')
  line.send({
    type: 'upload',
    ...leaseRef(one),
    files: result.files.map(({ name }) => ({
      name,
      url: coordinator.uploadUrl(`${one.taskId}-${name}`),
      method: 'PUT',
      headers: {},
    })),
  })
  await line.next('uploaded')
  line.send({ type: 'release', ...leaseRef(one) })
  const sent = result.files.map(
    ({ role, name }) => [role, coordinator.uploads.get(`/up/${one.taskId}-${name}`)?.bytes ?? Buffer.alloc(0)] as const,
  )
  return { result, files: Object.fromEntries(sent) }
}

const pixels = (png: Buffer | undefined) => sharp(png).raw().toBuffer({ resolveWithObject: true })

test(
  'a worker tells what Blender is here, and renders whole frames, tiles and finishes with it',
  { timeout: TIMEOUT_MS },
  async () => {
    const hello = await line.welcome({ heartbeatSeconds: 1 })
    expect(hello.capabilities.blender.version).toMatch(/^\d+\.\d+\.\d+$/)
    expect(hello.capabilities.blender.engines).toContain('CYCLES')
    expect(hello.capabilities.devices.map((device) => device.kind)).toEqual(['CPU'])

    const settings = { format: { file: 'png' } }
    const whole = await deliver(await lease(1, { kind: 'render', frames: [1, 2], settings, display: false }))
    expect(whole.result.files.map((file) => file.name)).toEqual([
      '0001.final.png',
      '0001.raw.exr',
      '0002.final.png',
      '0002.raw.exr',
    ])
    expect(whole.result.peakMemoryBytes).toBeGreaterThan(1024 * 1024)

    const window = { x: 0, y: 0, width: WIDTH, height: HEIGHT }
    const tile = await deliver(await lease(2, { kind: 'render', frames: [2], window, settings, display: false }))
    expect(tile.result.files.map((file) => file.name)).toEqual(['0002.raw.exr'])

    const stitched = coordinator.serve('/stitched.exr', tile.files['raw'] ?? Buffer.alloc(0))
    const finished = await deliver(await lease(3, { kind: 'finish', frame: 2, stitched, settings, display: true }))
    expect(finished.result.files.map((file) => file.name)).toEqual(['0002.final.png', '0002.display.png'])
    const image = await pixels(finished.files['final'])
    expect(image.info).toMatchObject({ width: WIDTH, height: HEIGHT })
    expect(image.data.equals((await pixels(whole.files['final'])).data)).toBe(true)
  },
)

test(
  "a scene without a camera fails as the scene's own fault, and the worker renders on",
  { timeout: TIMEOUT_MS },
  async () => {
    line.send(await lease(4, { kind: 'render', frames: [1], settings: {}, display: false }, 'blind.blend'))
    const { failure } = await line.next('failure')
    expect(failure.code).toBe('no_camera')
    await deliver(await lease(5, { kind: 'render', frames: [1], settings: {}, display: false }))
  },
)

test('a canceled render leaves no Blender behind', { timeout: TIMEOUT_MS }, async () => {
  const heavy = await lease(6, { kind: 'render', frames: [1], settings: { samples: 1_000_000 }, display: false })
  line.send(heavy)
  const progress = await line.next('progress')
  expect(progress.taskId === heavy.taskId || (await line.next('progress'))).toBeTruthy()
  line.send({ type: 'cancel', ...leaseRef(heavy), reason: 'enough' })
  await deliver(await lease(7, { kind: 'render', frames: [1], settings: {}, display: false }))
})
