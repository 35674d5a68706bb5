// What fails, and what happens then, on a farm of real processes: each row of the failure table (README.md in
// services/coordinator).

import { createHash, randomBytes } from 'node:crypto'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { samePixels } from '../../shared/adapters/imaging/compare-same-pixels.ts'
import type { JobView } from '../../shared/protocol/job.ts'
import { PlanView } from '../../shared/protocol/plan.ts'
import type { TaskRecord } from '../../shared/protocol/task.ts'
import { smallBlend } from '../fixtures/scenes/small-blend.ts'
import { startProxy, tilework } from '../support/cli.ts'
import { ProcessFarm } from '../support/process-farm.ts'
import { SmallDisk } from '../support/small-disk.ts'
import { TcpLine } from '../support/tcp-line.ts'
import { buildTinyScene, renderBareAnimation } from '../support/tiny-scene.ts'

const MINUTES = 60_000
/** Samples that take a thread some seconds, so that there is a middle in which to fail. */
const LONG = { samples: 400 }
const DISK_MEBIBYTES = 48

let farm: ProcessFarm
let scene: string
let bare: Map<number, string>
const disks: SmallDisk[] = []
const lines: TcpLine[] = []

beforeAll(async () => {
  farm = await ProcessFarm.start({ store: 's3' })
  const blend = await buildTinyScene(join(farm.folder, 'tiny.blend'))
  bare = await renderBareAnimation(blend, farm.folder)
  await Promise.all([
    farm.add('coordinator', 'north'),
    farm.add('coordinator', 'south'),
    farm.add('verifier', 'verifier'),
    farm.add('assembler', 'assembler'),
  ])
  await Promise.all(['ann', 'bob', 'cid'].map((name) => farm.addWorker(name)))
  scene = (await farm.upload(blend)).sha256
  // Somebody looks at the scene, and every Blender is warm.
  await farm.ended((await farm.submit({ scene, video: 'none', auditRate: 0 })).id)
}, 5 * MINUTES)

afterAll(async () => {
  for (const disk of disks) await disk.unmount()
  await Promise.all(lines.map((line) => line.remove()))
  await farm?.stop()
}, MINUTES)

const sha256Of = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

async function submit(request: object = {}): Promise<string> {
  return (await farm.submit({ scene, frames: '1', video: 'none', auditRate: 0, ...request })).id
}

/** The first task of a job once somebody renders it, and who. */
async function rendering(id: string): Promise<{ task: TaskRecord; worker: string }> {
  let found: { task: TaskRecord; worker: string } | undefined
  await farm.until(async () => {
    const task = (await farm.tasks(id)).find(({ kind, state }) => kind === 'render' && state === 'leased')
    const worker = (await farm.workers()).find((each) => each.id === task?.attempts.at(-1)?.workerId)
    if (task !== undefined && worker !== undefined) found = { task, worker: worker.name }
    return found !== undefined
  })
  if (found === undefined) throw new Error('nobody renders')
  return found
}

/**
 * What became of the tries at each render task of a job that is completed; second tries that a slow machine brings are
 * left out.
 */
async function outcomes(id: string): Promise<string[][]> {
  const ended = await farm.ended(id)
  expect([ended.state, ended.failure]).toEqual(['completed', undefined])
  return (await farm.tasks(id))
    .filter(({ kind }) => kind === 'render')
    .map((task) =>
      task.attempts
        .filter(({ outcome }) => outcome !== 'overtaken')
        .map(({ outcome, failure }) => failure?.code ?? outcome),
    )
}

async function startAgain(coordinator: string): Promise<void> {
  const { lives } = farm.part(coordinator).start()
  await farm.part(coordinator).said('coordinator listens', lives)
}

/**
 * How many results of each render task count, once the job is completed. On a machine that is busy a lease may run out
 * besides.
 */
async function resultsThatCount(id: string): Promise<number[]> {
  return (await outcomes(id)).map((tries) => tries.filter((outcome) => outcome === 'rendered').length)
}

async function expectBareFrames(job: JobView): Promise<void> {
  const frames = (await farm.artifacts(job.id)).filter((each) => each.path.startsWith('frames/'))
  expect(frames).toHaveLength(job.plan.frameCount)
  for (const artifact of frames)
    expect(
      await samePixels(
        await farm.download(artifact, `${job.id}-${artifact.frame}.png`),
        bare.get(artifact.frame ?? 0) ?? '',
      ),
    ).toEqual({ ok: true, same: true })
}

describe('a worker', () => {
  it(
    'that is killed takes no Blender along into nowhere, and its task goes to another',
    { timeout: 2 * MINUTES },
    async () => {
      const id = await submit({ settings: LONG })
      const { worker } = await rendering(id)
      const blenders = await farm.blendersOf(worker)
      await farm.part(worker).kill()
      expect(await outcomes(id)).toEqual([['expired', 'rendered']])
      await farm.until(async () =>
        (await Promise.all(blenders.map((pid) => readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ' Z ')))).every(
          (stat) => stat.includes(' Z '),
        ),
      )
      farm.part(worker).start()
      await farm.connected(worker)
    },
  )

  it('that stands still loses its task; what it hands in late changes nothing', { timeout: 2 * MINUTES }, async () => {
    const id = await submit({ settings: LONG })
    const { worker } = await rendering(id)
    farm.part(worker).freeze()
    expect(await outcomes(id)).toEqual([['expired', 'rendered']])
    const before = await farm.tasks(id)
    farm.part(worker).thaw()
    await farm.connected(worker)
    expect(await farm.tasks(id)).toEqual(before)
  })

  it(
    'that loses the network goes on rendering, comes back, and delivers under the same lease',
    { timeout: 2 * MINUTES },
    async () => {
      const line = await TcpLine.open({ port: farm.front.port })
      lines.push(line)
      const dot = await farm.addWorker('dot', { url: `http://127.0.0.1:${line.port}`, args: ['--tags', 'alone'] })
      const id = await submit({ settings: LONG, requirement: { tags: ['alone'] } })
      await rendering(id)
      line.close()
      await farm.until(async () => (await farm.workers()).find(({ name }) => name === 'dot')?.state === 'offline')
      line.mend()
      expect(await outcomes(id)).toEqual([['rendered']])
      await dot.stop()
    },
  )

  it(
    'whose Blender crashes, or is killed as the system does when memory runs out, says which, and another renders',
    { timeout: 2 * MINUTES },
    async () => {
      const id = await submit({ settings: LONG })
      for (const [failures, signal] of (['SIGSEGV', 'SIGKILL'] as const).entries()) {
        const { worker } = await rendering(id)
        const killed = new Set<number>()
        // One that dies before its worker has begun is started again, and dies again: whatever it is at, starting or
        // rendering.
        await farm.until(async () => {
          for (const blender of (await farm.blendersOf(worker)).filter((pid) => !killed.has(pid))) {
            process.kill(blender, signal)
            killed.add(blender)
          }
          return (await farm.tasks(id)).some(
            (task) => task.attempts.filter(({ outcome }) => outcome === 'failed').length > failures,
          )
        })
      }
      expect(await outcomes(id)).toEqual([['blender_crashed', 'out_of_memory', 'rendered']])
    },
  )

  it('whose disk is full says so, and another renders', { timeout: 2 * MINUTES }, async () => {
    const disk = await SmallDisk.mount(farm.dataFolder('eve'), DISK_MEBIBYTES)
    if (disk !== null) disks.push(disk)
    // Where mounting is not permitted its files may not grow instead.
    const eve = await farm.addWorker('eve', {
      args: ['--tags', 'narrow'],
      ...(disk === null ? { under: ['prlimit', '--fsize=60000', '--'] } : {}),
    })
    await disk?.fill()
    const id = await submit({ requirement: { tags: ['narrow'] }, settings: { resolution: { percentage: 400 } } })
    await farm.until(async () =>
      (await farm.tasks(id)).some((task) => task.attempts.some(({ failure }) => failure?.code === 'disk_full')),
    )
    await disk?.free()
    const ivy = await farm.addWorker('ivy', { args: ['--tags', 'narrow'] })
    expect((await outcomes(id)).map((each) => [each[0], each.at(-1)])).toEqual([['disk_full', 'rendered']])
    await Promise.all([eve.stop(), ivy.stop()])
  })
})

describe('a farm', () => {
  it(
    'whose coordinators are killed goes on with one that is started again, and so does every lease',
    { timeout: 2 * MINUTES },
    async () => {
      // Their leases outlast the start of a coordinator on any machine, so that none of them has a reason to run out.
      // The cap keeps second attempts away, which would hide one that was lost.
      await Promise.all(['north', 'south'].map((name) => farm.part(name).stop()))
      await Promise.all(
        ['east', 'west'].map((name) => farm.add('coordinator', name, { env: { TILEWORK_LEASE_SECONDS: '60' } })),
      )
      const id = await submit({ frames: '1-3', settings: LONG, cap: 3 })
      await rendering(id)
      await Promise.all(['east', 'west'].map((name) => farm.part(name).kill()))
      await startAgain('west')
      expect(await outcomes(id)).toEqual([['rendered'], ['rendered'], ['rendered']])
      await farm.part('west').stop()
      await Promise.all(['north', 'south'].map(startAgain))
    },
  )

  it('whose Redis is killed waits for it, and goes on where it was', { timeout: 2 * MINUTES }, async () => {
    const id = await submit({ frames: '1-3', tiles: { columns: 2, rows: 1 } })
    await rendering(id)
    await farm.redis.kill()
    expect((await farm.send('GET', `/v1/jobs/${id}`)).status).toBe(503)
    await farm.redis.start()
    expect(await resultsThatCount(id)).toEqual([1, 1, 1, 1, 1, 1])
    await expectBareFrames(await farm.job(id))
  })

  it(
    'whose object store is away, and whose transfers are cut, tries again and accepts nothing that is not whole',
    { timeout: 2 * MINUTES },
    async () => {
      const id = await submit({ frames: '1-3', tiles: { columns: 2, rows: 1 } })
      await rendering(id)
      farm.storeLine?.close()
      // A worker has something to hand in meanwhile, and cannot.
      await farm.until(async () => (await farm.tasks(id)).some(({ state }) => state === 'delivering'))
      expect((await farm.send('GET', '/readyz')).status).toBe(503)
      farm.storeLine?.mend()
      await farm.jobWhen(id, (job) => (job.counts.frames['delivered'] ?? 0) > 0)
      farm.storeLine?.cut()
      expect(await resultsThatCount(id)).toEqual([1, 1, 1, 1, 1, 1])
      await expectBareFrames(await farm.job(id))
    },
  )

  it(
    'whose assembler dies in the middle, and finds its disk full, delivers ' +
      'whole files only, and leaves nothing of the dead',
    { timeout: 3 * MINUTES },
    async () => {
      const id = await submit({ frames: '1-3', video: 'mp4' })
      await farm.jobWhen(id, (job) => (job.counts.frames['delivered'] ?? 0) > 0 || job.state === 'encoding')
      const scratch = join(farm.dataFolder('assembler'), 'assembler')
      await farm.part('assembler').kill()
      const [dead = ''] = await readdir(scratch)
      await writeFile(join(scratch, dead, 'half-a-frame'), '')
      // No file may grow, as on a full disk; then there is room again.
      const full = await farm.add('assembler', 'assembler-2', {
        env: { TILEWORK_DATA_DIR: farm.dataFolder('assembler') },
        under: ['prlimit', '--fsize=3000', '--'],
      })
      expect(await readdir(scratch)).not.toContain(dead)
      await full.said('step failed')
      expect((await farm.artifacts(id)).map(({ path }) => path)).not.toContain('manifest.json')
      await full.kill()
      farm.part('assembler').start()
      expect(await resultsThatCount(id)).toEqual([1, 1, 1])
      const artifacts = await farm.artifacts(id)
      for (const artifact of artifacts) {
        const bytes = await readFile(await farm.download(artifact, 'delivered'))
        expect([artifact.path, bytes.length, sha256Of(bytes)]).toEqual([artifact.path, artifact.bytes, artifact.sha256])
      }
      expect(artifacts.map(({ path }) => path)).toContain('manifest.json')
      await expectBareFrames(await farm.job(id))
    },
  )

  it(
    'to which an upload is cut off takes the rest of it, and refuses one with another hash than was declared',
    { timeout: MINUTES },
    async () => {
      const path = join(farm.folder, 'large.blend')
      const bytes = Buffer.concat([smallBlend(), randomBytes(12_000_000)])
      await writeFile(path, bytes)
      const line = await startProxy(farm.url)
      line.cutAfter(5_000_000, 2)
      const run = await tilework(['plan', path, '--json'], {
        env: { TILEWORK_URL: line.url, TILEWORK_TOKEN: farm.token, XDG_STATE_HOME: join(farm.folder, 'state') },
      })
      await line.close()
      expect([run.exitCode, line.cuts, PlanView.parse(JSON.parse(run.stdout)).scene]).toMatchObject([
        0,
        2,
        { sha256: sha256Of(bytes) },
      ])
      expect(line.bytes).toBeLessThan(1.5 * bytes.length)

      const other = Buffer.concat([bytes, Buffer.from('and more')])
      const tus = { 'tus-resumable': '1.0.0', authorization: `Bearer ${farm.token}` }
      const declared = 'b'.repeat(64)
      const begun = await fetch(`${farm.url}/v1/uploads`, {
        method: 'POST',
        headers: {
          ...tus,
          'upload-length': String(other.length),
          'upload-metadata': `sha256 ${Buffer.from(declared).toString('base64')}`,
        },
      })
      const sent = await fetch(farm.url + begun.headers.get('location'), {
        method: 'PATCH',
        headers: { ...tus, 'upload-offset': '0', 'content-type': 'application/offset+octet-stream' },
        body: other,
      })
      expect([sent.status, await sent.json()]).toMatchObject([422, { code: 'upload_hash_mismatch' }])
      for (const sha256 of [declared, sha256Of(other)])
        expect((await farm.send('GET', `/v1/scenes/${sha256}`)).status).toBe(404)
    },
  )

  it(
    'stops a scene that breaks Blender after few tries, alone, with what Blender says of it',
    { timeout: 2 * MINUTES },
    async () => {
      const poison = join(farm.folder, 'poison.blend')
      await writeFile(poison, smallBlend({ version: 304 }))
      const good = await submit({ frames: '1-3' })
      const { id } = await farm.submit({ scene: (await farm.upload(poison)).sha256, video: 'none' })
      const ended = await farm.ended(id)
      expect([ended.state, ended.failure?.code]).toEqual(['failed', 'poison_scene'])
      expect(ended.failure?.message).toContain('not a blend file')
      expect(ended.failure?.lastWords).toContain('not a blend file')
      expect((await farm.tasks(id)).flatMap((task) => task.attempts).length).toBeLessThanOrEqual(8)
      expect(await resultsThatCount(good)).toEqual([1, 1, 1])
    },
  )
})
