import { EventEmitter } from 'node:events'
import { access, chmod, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import pino from 'pino'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { parseWorkerConfig } from '../../../blender-worker/config.ts'
import { WorkFailure } from '../../../blender-worker/failure.ts'
import { startWorker, type RunningWorker } from '../../../blender-worker/main.ts'
import { leaveOnSignals } from '../../../blender-worker/signals.ts'
import { JobId, renderTaskId } from '../../../shared/protocol/ids.ts'
import { CLOSE_CODES, Lease, type LeaseRef, leaseRef, PROTOCOL_VERSION } from '../../../shared/protocol/messages.ts'
import { CoordinatorDouble, sha256Of, type WorkerConnection } from '../../support/coordinator-double.ts'
import { RendererDouble } from '../../support/renderer-double.ts'

const JOB = JobId.parse('job_01j9zzzzzzzzzzzzzzzzzzzzzz')
const SCENE = Buffer.from('BLENDER-v402 a scene for tests')
/**
 * No Blender runs here: what has not come by then never comes. Each single wait ends before and says what was missing.
 */
vi.setConfig({ testTimeout: 20_000 })

let folder: string
let coordinator: CoordinatorDouble
let blender: RendererDouble
const workers: RunningWorker[] = []
const logged: string[] = []

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tilework-worker-'))
  coordinator = await CoordinatorDouble.start()
  blender = new RendererDouble()
  logged.length = 0
})

afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.stop()))
  await coordinator.stop()
  await rm(folder, { recursive: true, force: true })
})

async function start(settings: Record<string, unknown> = {}): Promise<RunningWorker> {
  const config = parseWorkerConfig(
    {
      url: coordinator.url,
      token: coordinator.token,
      dataDir: join(folder, 'data'),
      name: 'box',
      sandbox: 'off',
      ...settings,
    },
    {},
  )
  if (!config.ok) throw new Error(config.detail)
  const worker = await startWorker(config.value, {
    log: pino({ level: 'debug' }, { write: (line: string) => void logged.push(line) }),
    newRenderer: blender.newRenderer,
    reconnectBackoff: { baseMs: 1, capMs: 5 },
    patience: { backoff: { baseMs: 1, capMs: 2 }, fruitlessTriesMax: 4, stallMs: 5_000, random: () => 0.5 },
  })
  workers.push(worker)
  return worker
}

/** A worker that is connected and welcomed. */
async function connected(
  settings: Record<string, unknown> = {},
): Promise<{ worker: RunningWorker; line: WorkerConnection }> {
  const worker = await start(settings)
  const line = await coordinator.connection()
  await line.welcome()
  return { worker, line }
}

function lease(
  index: number,
  over: {
    frames?: number[]
    scene?: Partial<Lease['scene']>
    work?: unknown
    noProgressSeconds?: number
    epoch?: number
  } = {},
): Lease {
  const served = coordinator.serve('/scene.blend', SCENE)
  return Lease.parse({
    type: 'lease',
    jobId: JOB,
    taskId: renderTaskId(index),
    epoch: over.epoch ?? 1,
    leaseSeconds: 60,
    scene: { ...served, kind: 'blend', ...over.scene },
    work: over.work ?? { kind: 'render', frames: over.frames ?? [1], settings: {}, display: false },
    noProgressSeconds: over.noProgressSeconds ?? 60,
  })
}

function asksFor(one: Lease, names: string[]) {
  return {
    type: 'upload' as const,
    ...leaseRef(one),
    files: names.map((name) => ({
      name,
      url: coordinator.uploadUrl(name),
      method: 'PUT' as const,
      headers: { 'x-amz-meta-a': 'b' },
    })),
  }
}

const resultsOnDisk = () => readdir(join(folder, 'data', 'results'))

describe('an inspection', () => {
  const inspection = () => lease(0, { work: { kind: 'inspect', settings: { scene: 'Scene' } } })

  test('is told with what Blender said of the scene, and forgotten on release', async () => {
    const { line } = await connected()
    const one = inspection()
    line.send(one)
    const told = await line.next('inspected')
    expect(told).toMatchObject({ ...leaseRef(one), inspection: { scene: 'Scene', tiling: { exact: true } } })
    expect(blender.log).toEqual(['close', 'open scene.blend', 'inspect']) // the probe closes its own Blender
    line.send({ type: 'release', ...leaseRef(one) })
    await beatWithout(line, one)
    expect(await resultsOnDisk()).toEqual([])
  })

  test('is told again on the next connection until the farm has answered', async () => {
    const { line } = await connected()
    const one = inspection()
    line.send(one)
    await line.next('inspected')
    line.drop()
    const again = await coordinator.connection()
    expect((await again.welcome()).leases).toEqual([leaseRef(one)])
    expect(await again.next('inspected')).toMatchObject(leaseRef(one))
  })

  test('that Blender cannot make is a failure of its lease', async () => {
    blender.inspection = undefined
    const { line } = await connected()
    line.send(inspection())
    expect((await line.next('failure')).failure).toMatchObject({ code: 'blender_error' })
  })
})

describe('the way of a lease', () => {
  test('a chunk of frames is rendered, told, uploaded as asked, and forgotten on release', async () => {
    const { line } = await connected()
    const one = lease(1, { frames: [7, -12] })
    line.send(one)
    const result = await line.next('result')
    expect(result.files.map((file) => file.name)).toEqual([
      '0007.final.png',
      '0007.raw.exr',
      'm0012.final.png',
      'm0012.raw.exr',
    ])
    expect(result).toMatchObject({ ...leaseRef(one), renderSeconds: 1, peakMemoryBytes: 1_000 })
    expect((await line.next('progress')).frame).toBe(7)

    line.send(asksFor(one, ['0007.final.png']))
    await line.next('uploaded')
    const sent = coordinator.uploads.get('/up/0007.final.png')
    expect(sent?.headers).toMatchObject({ 'x-amz-meta-a': 'b', 'content-length': String(result.files[0]?.bytes) })
    expect(sha256Of(sent?.bytes ?? Buffer.alloc(0))).toBe(result.files[0]?.sha256)
    expect(coordinator.uploads.size).toBe(1)

    // The raw files may be asked for later, as an audit does.
    line.send(asksFor(one, ['0007.raw.exr']))
    await line.next('uploaded')
    expect(coordinator.uploads.has('/up/0007.raw.exr')).toBe(true)
    line.send({ type: 'release', ...leaseRef(one) })
    await beatWithout(line, one)
    await expect.poll(resultsOnDisk, { interval: 5 }).toEqual([])
  })

  test('a tile gives the raw file alone, and a finish works on the stitched image', async () => {
    const { line } = await connected()
    const tile = lease(1, {
      work: { kind: 'render', frames: [3], window: { x: 0, y: 0, width: 8, height: 8 }, settings: {}, display: false },
    })
    line.send(tile)
    expect((await line.next('result')).files.map((file) => file.name)).toEqual(['0003.raw.exr'])

    const stitched = coordinator.serve('/stitched.exr', Buffer.from('762f3101aa', 'hex'))
    line.send(lease(2, { work: { kind: 'finish', frame: 3, stitched, settings: {}, display: true } }))
    expect((await line.next('result')).files.map((file) => file.name)).toEqual(['0003.final.png', '0003.display.png'])
  })

  test('Blender stays open for the next lease of the same scene and is closed for another scene', async () => {
    const { line } = await connected()
    for (const index of [1, 2]) line.send(lease(index))
    await line.next('result')
    await line.next('result')
    const other = coordinator.serve('/other.blend', Buffer.from('BLENDER-v402 another'))
    line.send(lease(3, { scene: other }))
    await line.next('result')
    // The probe closes its own Blender first.
    expect(blender.log).toEqual([
      'close',
      'open scene.blend',
      'frame 1',
      'open scene.blend',
      'frame 1',
      'close',
      'open scene.blend',
      'frame 1',
    ])
    expect(coordinator.requests.filter((request) => request.path === '/scene.blend')).toHaveLength(1)
  })

  test('what a task leaves beside the scene is gone for the next one, with the Blender that left it', async () => {
    const seen: string[][] = []
    blender.onOpen = async (blendPath) => {
      seen.push(await readdir(dirname(blendPath)))
      if (seen.length === 2) await writeFile(join(dirname(blendPath), 'checker.tx'), 'smaller')
    }
    const { line } = await connected()
    for (const index of [1, 2, 3]) {
      line.send(lease(index))
      await line.next('result')
    }
    expect(seen).toEqual([['scene.blend'], ['scene.blend'], ['scene.blend']])
    expect(blender.log).toEqual([
      'close',
      'open scene.blend',
      'frame 1',
      'open scene.blend',
      'frame 1',
      'close',
      'open scene.blend',
      'frame 1',
    ])
    expect(coordinator.requests.filter((request) => request.path === '/scene.blend')).toHaveLength(1)
  })

  test('a scene that a task wrote over is fetched anew for the next one', async () => {
    const seen: string[] = []
    blender.onOpen = async (blendPath) => {
      seen.push(await readFile(blendPath, 'utf8'))
      if (seen.length > 1) return
      // Only root can do it by the file's own name; others would have to change the file's mode before.
      await chmod(blendPath, 0o644)
      await writeFile(blendPath, 'x'.repeat(SCENE.length))
    }
    const { line } = await connected()
    for (const index of [1, 2]) {
      line.send(lease(index))
      await line.next('result')
    }
    expect(seen).toEqual([SCENE.toString(), SCENE.toString()])
    expect(blender.log).toEqual(['close', 'open scene.blend', 'frame 1', 'close', 'open scene.blend', 'frame 1'])
    expect(logged.join('')).toContain('something has written into the files of a cached scene')
  })

  test('the next scene is fetched while the current lease renders', async () => {
    blender.rendersAtOnce = false
    const { line } = await connected()
    line.send(lease(1))
    const first = await blender.begun()
    const other = coordinator.serve('/other.blend', Buffer.from('BLENDER-v402 another'))
    line.send(lease(2, { scene: other }))
    await logLine('scene is in the cache', other.sha256)
    first.finish()
    await line.next('result')
    ;(await blender.begun()).finish()
    await line.next('result')
  })

  test('in a cache with room for one scene, the next one is fetched as soon as the slot is free', async () => {
    blender.rendersAtOnce = false
    const { line } = await connected({ cacheBytesMax: SCENE.length + 5 })
    line.send(lease(1))
    const first = await blender.begun()
    const other = coordinator.serve('/other.blend', Buffer.from('BLENDER-v402 another'))
    line.send(lease(2, { scene: other }))
    await heldIs(line, 2)
    first.finish()
    await line.next('result')
    ;(await blender.begun()).finish()
    expect(await line.next('result')).toMatchObject(leaseRef(lease(2)))
    expect(coordinator.requests.map((request) => request.path)).toEqual(['/scene.blend', '/other.blend'])
  })

  test('a lease sent twice is rendered once', async () => {
    const { line } = await connected()
    line.send(lease(1))
    line.send(lease(1))
    await line.next('result')
    line.send(lease(2))
    await line.next('result')
    expect(blender.log.filter((entry) => entry.startsWith('frame'))).toHaveLength(2)
    expect(line.came('result')).toEqual([])
  })
})

describe('a lost connection', () => {
  test('rendering goes on, the lease is presented again, and the result is told on the new connection', async () => {
    blender.rendersAtOnce = false
    const { line } = await connected()
    const one = lease(1)
    line.send(one)
    const render = await blender.begun()
    line.drop()
    const second = await coordinator.connection()
    const hello = await second.welcome()
    expect(hello.leases).toEqual([leaseRef(one)])
    render.finish()
    expect(await second.next('result')).toMatchObject(leaseRef(one))

    second.drop()
    const third = await coordinator.connection()
    await third.welcome()
    expect(await third.next('result')).toMatchObject(leaseRef(one))
    third.send(asksFor(one, ['0001.final.png']))
    await third.next('uploaded')
    third.drop()
    const fourth = await coordinator.connection()
    await fourth.welcome()
    expect(await fourth.next('uploaded')).toMatchObject(leaseRef(one))
    expect(fourth.came('result')).toEqual([])
  })

  test('what the welcome calls lost is stopped and its files are deleted', async () => {
    const { line } = await connected()
    const done = lease(1)
    line.send(done)
    await line.next('result')
    blender.rendersAtOnce = false
    const running = lease(2)
    line.send(running)
    await blender.begun()
    line.drop()
    const second = await coordinator.connection()
    await second.welcome({ lost: [leaseRef(done), leaseRef(running)] })
    expect((await second.next('heartbeat')).leases).toEqual([])
    await expect.poll(resultsOnDisk, { interval: 5 }).toEqual([])
    expect(blender.log.at(-1)).toBe('close')
  })

  test('a failure that found no connection is told after the reconnection', async () => {
    blender.rendersAtOnce = false
    const { line } = await connected()
    line.send(lease(1))
    const render = await blender.begun()
    line.drop()
    const second = await coordinator.connection()
    const hello = await second.next('hello')
    render.fail(new WorkFailure('gpu_error', 'the card fell off', { lastWords: 'CUDA error' }))
    await logLine('lease failed')
    expect(hello.leases).toHaveLength(1)
    second.send({ type: 'welcome', protocolVersion: PROTOCOL_VERSION, heartbeatSeconds: 0.1, lost: [] })
    expect((await second.next('failure')).failure).toEqual({
      code: 'gpu_error',
      message: 'the card fell off',
      lastWords: 'CUDA error',
    })
  })

  test('a coordinator that falls silent is left for a new connection', async () => {
    const { line } = await connected()
    line.freeze()
    const second = await coordinator.connection()
    await second.welcome()
  })

  test('a restarted worker is the same worker and delivers what it had rendered', async () => {
    const { worker, line } = await connected()
    const one = lease(1)
    line.send(one)
    const before = await line.next('result')
    // It loses its line for good, then dies.
    line.close(CLOSE_CODES.replaced, 'another one')
    expect(await worker.stopped).toMatchObject({ why: 'replaced' })

    await start()
    const second = await coordinator.connection()
    const hello = await second.welcome()
    expect(hello.workerId).toBe(worker.workerId)
    expect(hello.leases).toEqual([leaseRef(one)])
    expect((await second.next('result')).files).toEqual(before.files)
    second.send(asksFor(one, ['0001.final.png']))
    await second.next('uploaded')
  })

  test('a worker that dies while it sends more than was asked for at first tells the result again', async () => {
    const { worker, line } = await connected()
    const one = lease(1)
    line.send(one)
    await line.next('result')
    line.send(asksFor(one, ['0001.final.png']))
    await line.next('uploaded')
    coordinator.uploadsMayEnd = new Promise(() => undefined)
    line.send(asksFor(one, ['0001.raw.exr']))
    await expect.poll(() => coordinator.requests.at(-1)?.path, { interval: 5 }).toBe('/up/0001.raw.exr')
    line.close(CLOSE_CODES.replaced, 'another one')
    await worker.stopped

    await start()
    const second = await coordinator.connection()
    await second.welcome()
    expect(await second.next('result')).toMatchObject(leaseRef(one))
    expect(second.came('uploaded')).toEqual([])
  })

  test('an upload that fails because the network is away is asked for anew, not failed', async () => {
    const { line } = await connected()
    const one = lease(1)
    line.send(one)
    await line.next('result')
    coordinator.refuseUploads.push(503, 503, 503, 503)
    let letEnd = (): void => undefined
    coordinator.uploadsMayEnd = new Promise((resolve) => (letEnd = resolve))
    line.send(asksFor(one, ['0001.final.png']))
    await expect.poll(() => coordinator.requests.at(-1)?.path, { interval: 5 }).toBe('/up/0001.final.png')
    line.drop()
    const second = await coordinator.connection()
    await second.welcome()
    letEnd()
    expect(await second.next('result')).toMatchObject(leaseRef(one))
    second.send(asksFor(one, ['0001.final.png']))
    await second.next('uploaded')
    expect(second.came('failure')).toEqual([])
  })

  test('a message that is none is dropped and the connection kept', async () => {
    const { line } = await connected()
    line.sendText('not JSON')
    line.sendText('{"type":"lease","jobId":"nonsense"}')
    line.send(lease(1))
    await line.next('result')
  })
})

describe('an end before the result', () => {
  test('a canceled lease kills Blender, frees its files and says nothing', async () => {
    blender.rendersAtOnce = false
    const { line } = await connected()
    const one = lease(1)
    line.send(one)
    await blender.begun()
    line.send({ type: 'cancel', ...leaseRef(one), reason: 'the job was canceled' })
    await beatWithout(line, one)
    blender.rendersAtOnce = true
    line.send(lease(2))
    await line.next('result')
    expect(line.came('failure')).toEqual([])
    expect(blender.log).toContain('close')
    await expect(access(join(folder, 'data', 'scratch', 'slot-0', `${JOB}.${one.taskId}.1`))).rejects.toThrow('ENOENT')
  })

  test('an output that is no image is a typed failure', async () => {
    blender.output = Buffer.from('all that is left of a full disk')
    const { line } = await connected()
    line.send(lease(1))
    expect((await line.next('failure')).failure).toMatchObject({
      code: 'output_invalid',
      message: expect.stringContaining('final file of frame 1'),
    })
    blender.output = Buffer.alloc(0)
    line.send(lease(2))
    expect((await line.next('failure')).failure).toMatchObject({
      code: 'output_invalid',
      message: expect.stringContaining('empty'),
    })
  })

  test('a Blender that shows no progress is killed and reported', async () => {
    blender.rendersAtOnce = false
    const { line } = await connected()
    line.send(lease(1, { noProgressSeconds: 1 }))
    expect((await line.next('failure')).failure).toMatchObject({ code: 'no_progress' })
    expect(blender.log.at(-1)).toBe('close')
  })

  test('a device that this worker does not offer is refused at once', async () => {
    const { line } = await connected()
    line.send(lease(1, { work: { kind: 'render', frames: [1], settings: {}, display: false, device: 'OPTIX' } }))
    expect((await line.next('failure')).failure).toEqual({
      code: 'device_missing',
      message: 'the lease asks for OPTIX; this worker offers CPU',
    })
  })
})

describe('transfers', () => {
  test('a scene download that is cut goes on where it stopped', async () => {
    const { line } = await connected()
    const bytes = Buffer.alloc(300_000, 'scene')
    const part = join(folder, 'data', 'scenes', sha256Of(bytes), 'download.part')
    const isWritten = (sentBytes: number) =>
      expect.poll(async () => (await stat(part)).size, { interval: 5 }).toBe(sentBytes)
    const scene = coordinator.serve('/big.blend', bytes, [100_000, 50_000], isWritten)
    line.send(lease(1, { scene }))
    await line.next('result')
    expect(
      coordinator.requests.filter((request) => request.path === '/big.blend').map((request) => request.range),
    ).toEqual([undefined, 'bytes=100000-', 'bytes=150000-'])
  })

  test('a scene with another content than promised is a typed failure, and is not kept', async () => {
    const { line } = await connected()
    const scene = coordinator.serve('/wrong.blend', SCENE)
    line.send(lease(1, { scene: { ...scene, sha256: sha256Of(Buffer.from('something else')) } }))
    expect((await line.next('failure')).failure).toMatchObject({
      code: 'scene_download_failed',
      message: expect.stringContaining('SHA-256'),
    })
    expect(blender.log).not.toContain('open scene.blend')
  })

  test('a scene larger than the cache is a typed failure that names both sizes', async () => {
    const { line } = await connected({ cacheBytesMax: 10 })
    line.send(lease(1))
    expect((await line.next('failure')).failure).toMatchObject({
      code: 'disk_full',
      message: expect.stringMatching(/30 bytes.*limited to 10 bytes/),
    })
  })

  test('an upload that meets an error of the store is sent again', async () => {
    const { line } = await connected()
    const one = lease(1)
    line.send(one)
    await line.next('result')
    coordinator.refuseUploads.push(500, 503)
    line.send(asksFor(one, ['0001.final.png']))
    await line.next('uploaded')
    expect(coordinator.requests.filter((request) => request.method === 'PUT')).toHaveLength(3)
  })

  test('an upload that is refused is a typed failure without another try', async () => {
    const { line } = await connected()
    const one = lease(1)
    line.send(one)
    await line.next('result')
    coordinator.refuseUploads.push(403)
    line.send(asksFor(one, ['0001.final.png']))
    const { failure } = await line.next('failure')
    expect(failure).toMatchObject({ code: 'upload_failed', message: expect.stringContaining('HTTP 403') })
    expect(failure.message).not.toContain('signature')
    expect(coordinator.requests.filter((request) => request.method === 'PUT')).toHaveLength(1)
    await beatWithout(line, one)
    await expect.poll(resultsOnDisk, { interval: 5 }).toEqual([])
  })

  test('no secret reaches the log', async () => {
    const { line } = await connected()
    const bytes = Buffer.alloc(300_000, 'scene')
    const one = lease(1, { scene: coordinator.serve('/big.blend', bytes, [100_000]) })
    line.send(one)
    await line.next('result')
    coordinator.refuseUploads.push(500, 404)
    line.send(asksFor(one, ['0001.final.png']))
    await line.next('failure')
    expect(logged.join('')).toContain('/up/0001.final.png')
    expect(logged.join('')).not.toMatch(/signature|a-token-for-tests/)
  })
})

describe('leaving', () => {
  test('the first signal finishes and delivers what renders, gives back what waits, and leaves', async () => {
    blender.rendersAtOnce = false
    const { worker, line } = await connected()
    const signals = new EventEmitter()
    leaveOnSignals(worker, signals)
    const running = lease(1)
    const waiting = lease(2)
    line.send(running)
    const render = await blender.begun()
    line.send(waiting)
    await heldIs(line, 2)
    signals.emit('SIGTERM')
    await line.next('draining')
    expect(await line.next('released')).toMatchObject(leaseRef(waiting))
    const late = lease(3)
    line.send(late)
    expect(await line.next('released')).toMatchObject(leaseRef(late))
    render.finish()
    await line.next('result')
    line.send(asksFor(running, ['0001.final.png']))
    await line.next('uploaded')
    line.send({ type: 'release', ...leaseRef(running) })
    expect(await worker.stopped).toEqual({ why: 'drained' })
    expect(await line.closed).toBe(1000)
  })

  test('the second signal leaves at once and gives the task back', async () => {
    blender.rendersAtOnce = false
    const { worker, line } = await connected()
    const signals = new EventEmitter()
    leaveOnSignals(worker, signals)
    const running = lease(1)
    line.send(running)
    await blender.begun()
    signals.emit('SIGTERM')
    await line.next('draining')
    signals.emit('SIGTERM')
    expect(await line.next('released')).toMatchObject(leaseRef(running))
    expect(await worker.stopped).toEqual({ why: 'stopped' })
    expect(blender.log.at(-1)).toBe('close')
  })

  test('an idle worker that is told to drain leaves', async () => {
    const { worker, line } = await connected()
    line.send({ type: 'drain', reason: 'maintenance' })
    expect(await worker.stopped).toEqual({ why: 'drained' })
  })

  test('a wrong token ends the worker with a clear message', async () => {
    const worker = await start({ token: 'not-the-token' })
    expect(await worker.stopped).toMatchObject({
      why: 'unauthorized',
      message: expect.stringContaining('refused the token'),
    })
  })

  test.each([
    ['unauthorized', CLOSE_CODES.unauthorized],
    ['replaced', CLOSE_CODES.replaced],
    ['version', CLOSE_CODES.version],
  ])('close code "%s" ends the worker', async (why, code) => {
    const { worker, line } = await connected()
    line.close(code, 'because')
    expect(await worker.stopped).toMatchObject({ why, message: expect.stringContaining('because') })
  })

  test('a coordinator of another protocol version ends the worker', async () => {
    const worker = await start()
    await (await coordinator.connection()).welcome({ protocolVersion: PROTOCOL_VERSION + 1 })
    expect(await worker.stopped).toMatchObject({ why: 'version' })
  })

  test('a second agent on the same data folder is told who is in the way', async () => {
    await connected()
    await expect(start()).rejects.toThrow(`another worker (process ${process.pid}) uses the data folder`)
  })
})

/** Waits for a heartbeat that does not name the lease any more. */
async function beatWithout(line: WorkerConnection, one: LeaseRef): Promise<void> {
  for (;;) {
    const { leases } = await line.next('heartbeat')
    if (!leases.some((held) => held.taskId === one.taskId)) return
  }
}

async function heldIs(line: WorkerConnection, count: number): Promise<void> {
  while ((await line.next('heartbeat')).leases.length !== count);
}

/** Waits for a line in the log. */
async function logLine(message: string, also = ''): Promise<void> {
  await expect
    .poll(() => logged.some((line) => line.includes(message) && line.includes(also)), { interval: 5 })
    .toBe(true)
}
