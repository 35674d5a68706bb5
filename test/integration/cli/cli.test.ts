// The command against the real REST side: what it sends, what it says, how it ends.

import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FarmClient } from '../../../services/cli/api/farm-client.ts'
import { openSceneFile } from '../../../services/cli/api/scene-file.ts'
import { uploadScene } from '../../../services/cli/api/upload.ts'
import { UnfinishedUploads } from '../../../services/cli/api/unfinished-uploads.ts'
import { JobView } from '../../../shared/protocol/job.ts'
import { PlanView } from '../../../shared/protocol/plan.ts'
import { smallBlend } from '../../fixtures/scenes/small-blend.ts'
import { startProxy, tilework } from '../../support/cli.ts'
import type { CommandRun, Proxy } from '../../support/cli.ts'
import { inspectScene, startRestFarm, TOKENS } from '../../support/rest-farm.ts'
import type { RestFarm } from '../../support/rest-farm.ts'

const UNKNOWN_JOB = 'job_01m84kjtdn7rah38frtxad39tj'

let farm: RestFarm
let url: string
let folder: string
let blend: string
let proxy: Proxy | null

beforeEach(async () => {
  farm = await startRestFarm()
  url = await farm.app.listen({ port: 0, host: '127.0.0.1' })
  folder = await mkdtemp(join(tmpdir(), 'tilework-cli-'))
  blend = join(folder, 'sea.blend')
  await writeFile(blend, smallBlend())
  proxy = null
})
afterEach(async () => {
  await proxy?.close()
  await farm.close()
  await rm(folder, { recursive: true })
})

const as = (token: string, ...args: string[]): Promise<CommandRun> =>
  tilework(args, { env: { TILEWORK_URL: url, TILEWORK_TOKEN: token, XDG_STATE_HOME: join(folder, 'state') } })
const ada = (...args: string[]) => as(TOKENS.ada, ...args)

async function submitted(...options: string[]): Promise<JobView> {
  const run = await ada('submit', blend, '--json', ...options)
  expect(run).toMatchObject({ exitCode: 0, stderr: '' })
  return JobView.parse(JSON.parse(run.stdout))
}

describe('planning', () => {
  test('shows what a job would be, and makes none', async () => {
    const run = await ada('plan', blend, '--frames', '1-3', '--tiles', '2x1', '--audit', '0')
    expect(run.exitCode).toBe(0)
    for (const line of [
      /^tasks +6 to render, 3 to finish, about 0 audits$/m,
      /^tiles +160 x 180 at 0,0, rendered as 168 x 180 at 0,0$/m,
      /^exact +yes: /m,
      /^missing +no files$/m,
      /^estimate +none: /m,
    ])
      expect(run.stdout).toMatch(line)
    expect((await ada('jobs')).stdout).toBe('no jobs\n')
  })

  test('answers with one document for machines', async () => {
    const run = await ada('plan', blend, '--json')
    expect(run).toMatchObject({ exitCode: 0, stderr: '' })
    expect(PlanView.parse(JSON.parse(run.stdout)).tasks).toMatchObject({ render: 24, inspect: 1 })
  })

  test('fails where a submission would be refused, and says why', async () => {
    const scene = PlanView.parse(JSON.parse((await ada('plan', blend, '--json')).stdout)).scene.sha256
    await inspectScene(farm.store, scene)
    const record = await farm.store.scene(scene)
    if (record?.inspections === undefined) throw new Error('no inspection')
    await farm.store.putScene({
      ...record,
      inspections: record.inspections.map((each) => ({ ...each, missingFiles: [{ kind: 'font', path: '//a.ttf' }] })),
    })
    const run = await ada('plan', blend)
    expect(run.exitCode).toBe(1)
    expect(run.stdout).toMatch(/^missing +\/\/a\.ttf: Blender does not find this font$/m)
    expect(run.stdout).toMatch(/would be refused: scene_missing_files: /)
    expect((await ada('plan', blend, '--allow-missing')).exitCode).toBe(0)
  })

  test('what is typed wrong costs no upload', async () => {
    const run = await ada('plan', blend, '--tiles', 'two')
    expect(run).toMatchObject({ exitCode: 2, stdout: '' })
    expect((await farm.store.listScenes({ limit: 10 })).items).toEqual([])
  })
})

describe('submitting', () => {
  test('sends the scene, and says nothing on standard output but the id of the job', async () => {
    const run = await ada('submit', blend, '--frames', '3-5')
    expect(run.exitCode).toBe(0)
    expect(run.stdout).toMatch(/^job_\w{26}\n$/)
    expect(run.stderr).toContain('sea.blend: sent ')
    expect(run.stderr).toContain('3 frames (3-5)')
  })

  test('of the same file a second time sends nothing', async () => {
    await submitted()
    const asked: string[] = []
    farm.app.server.on('request', (request) => asked.push(`${request.method}`))
    const run = await ada('submit', blend)
    expect(run.stderr).toContain('already on the farm')
    expect(asked).toEqual(['HEAD', 'POST'])
  })

  test('carries the options into the job', async () => {
    const job = await submitted(
      '--frames',
      '1-4',
      '--tiles',
      '2x3',
      '--samples',
      '16',
      '--resolution',
      '320x180',
      '--format',
      'png',
      '--video',
      'none',
      '--audit',
      '20%',
      '--priority',
      '70',
      '--name',
      'a sea',
      '--tag',
      'night',
      '--tag',
      'studio',
    )
    expect(job).toMatchObject({
      name: 'a sea',
      priority: 70,
      plan: {
        frameCount: 4,
        width: 320,
        height: 180,
        video: 'none',
        auditRate: 0.2,
        tiles: { columns: 2, rows: 3 },
        settings: { samples: 16 },
      },
      requirement: { tags: ['night', 'studio'] },
    })
  })

  test('what the farm refuses is told with its code, and leaves no job', async () => {
    const run = await ada('submit', blend, '--frames', 'nonsense')
    expect(run).toMatchObject({ exitCode: 1, stdout: '' })
    expect(run.stderr).toContain('error: frames_invalid: ')
    expect((await ada('jobs')).stdout).toBe('no jobs\n')
  })

  test('a file that is no scene is refused, and nothing of it stays to be gone on with', async () => {
    await writeFile(blend, 'this is no scene')
    const run = await ada('submit', blend)
    expect(run).toMatchObject({ exitCode: 1, stdout: '' })
    expect(run.stderr).toContain('error: not_a_scene: ')
    expect(await readdir(join(folder, 'state', 'tilework', 'uploads'))).toEqual([])
  })

  test.each([
    ['a file that is not there', ['/nowhere/sea.blend'], 2, 'there is no file'],
    ['no file at all', [], 2, 'missing required argument'],
    ['an option that does not exist', ['sea.blend', '--tile', '2x2'], 2, "unknown option '--tile'"],
    ['a wrong option, before the file is looked at', ['/nowhere/sea.blend', '--tiles', '0x2'], 2, '--tiles: '],
  ])('%s is a usage error', async (_what, args, exitCode, words) => {
    const run = await ada('submit', ...args)
    expect(run).toMatchObject({ exitCode, stdout: '' })
    expect(run.stderr).toContain(words)
  })

  test('an empty file is told apart from scenes', async () => {
    await writeFile(join(folder, 'empty.blend'), '')
    expect((await ada('submit', join(folder, 'empty.blend'))).stderr).toContain('not_a_scene')
  })
})

describe('an upload that is cut', () => {
  const bytes = 600_000
  const partBytes = 64 * 1024

  beforeEach(async () => {
    await writeFile(blend, Buffer.concat([smallBlend(), Buffer.alloc(bytes - smallBlend().length)]))
  })

  test('goes on by itself where the farm stands', async () => {
    proxy = await startProxy(url)
    proxy.cutAfter(200_000, 2)
    const scene = await openSceneFile(blend)
    const cuts: number[] = []
    const client = new FarmClient({ url: proxy.url, token: TOKENS.ada })
    // Parts larger than what goes over the line at once, so that the farm has a piece of the one that was cut.
    const uploaded = await uploadScene(client, scene, {
      unfinished: new UnfinishedUploads(join(folder, 'uploads')),
      partBytes: 4 * partBytes,
      firstPauseMs: 1,
      onCut: (_why, at) => cuts.push(at),
    })
    expect(uploaded).toEqual({ known: false, resumedAt: 0 })
    expect([proxy.cuts, cuts.length]).toEqual([2, 2])
    expect(proxy.bytes).toBeLessThan(2 * bytes)
    expect(await client.hasScene(scene.sha256)).toBe(true)
  })

  test('is gone on with by the next run', async () => {
    proxy = await startProxy(url)
    proxy.cutAfter(300_000, 1_000)
    const scene = await openSceneFile(blend)
    const unfinished = new UnfinishedUploads(join(folder, 'uploads'))
    const client = new FarmClient({ url: proxy.url, token: TOKENS.ada })
    // The line breaks for good: from the first cut on, every byte is one too many.
    const first = uploadScene(client, scene, {
      unfinished,
      partBytes,
      firstPauseMs: 1,
      onCut: () => proxy?.cutAfter(1, 1_000),
    })
    await expect(first).rejects.toMatchObject({ exitCode: 5 })
    proxy.cutAfter(Infinity, 0)
    const second = await uploadScene(client, scene, { unfinished, partBytes, firstPauseMs: 1 })
    expect(second.resumedAt).toBeGreaterThanOrEqual(partBytes)
    expect(await client.hasScene(scene.sha256)).toBe(true)
  })

  test('forgets an unfinished upload that leads nowhere any more', async () => {
    const unfinished = new UnfinishedUploads(join(folder, 'uploads'))
    await unfinished.write({ farm: url, sha256: 'old' }, '/v1/uploads/old')
    for (const name of await readdir(join(folder, 'uploads'))) await utimes(join(folder, 'uploads', name), 0, 0)
    await unfinished.write({ farm: url, sha256: 'new' }, '/v1/uploads/new')
    expect((await readdir(join(folder, 'uploads'))).length).toBe(1)
    expect(await unfinished.read({ farm: url, sha256: 'new' })).toBe('/v1/uploads/new')
  })

  test('begins anew when the farm has dropped it', async () => {
    const scene = await openSceneFile(blend)
    const unfinished = new UnfinishedUploads(join(folder, 'uploads'))
    await unfinished.write({ farm: url, sha256: scene.sha256 }, '/v1/uploads/upl_01m84kjtdn7rah38frtxad39tj')
    const client = new FarmClient({ url, token: TOKENS.ada })
    expect(await uploadScene(client, scene, { unfinished, partBytes })).toEqual({ known: false, resumedAt: 0 })
  })
})

describe('looking at jobs', () => {
  test('lists them, newest first', async () => {
    await submitted('--name', 'first')
    await submitted('--name', 'second')
    const { stdout } = await ada('jobs')
    expect(stdout.split('\n')[0]).toMatch(/^JOB +STATE/)
    expect(stdout.indexOf('second')).toBeLessThan(stdout.indexOf('first'))
    expect((await ada('status')).stdout).toBe(stdout)
  })

  test('lists as many as were asked for, and of the state that was asked for', async () => {
    for (const name of ['one', 'two', 'three']) await submitted('--name', name)
    expect(
      JSON.parse((await ada('jobs', '--limit', '2', '--json')).stdout).items.map((job: JobView) => job.name),
    ).toEqual(['three', 'two'])
    expect((await ada('jobs', '--state', 'failed')).stdout).toBe('no jobs\n')
    expect((await ada('jobs', '--state', 'nonsense')).exitCode).toBe(2)
    expect((await ada('jobs', '--limit', '0')).exitCode).toBe(2)
  })

  test('shows one with a bar for each stage, and as JSON for machines', async () => {
    const { id } = await submitted('--frames', '1-2', '--tiles', '2x2', '--video', 'mp4')
    const { stdout, exitCode } = await ada('status', id)
    expect(exitCode).toBe(0)
    for (const stage of ['render', 'verify', 'finish', 'deliver', 'video'])
      expect(stdout).toMatch(new RegExp(`^  ${stage} +·+ 0/`, 'm'))
    expect(JobView.parse(JSON.parse((await ada('status', id, '--json')).stdout)).id).toBe(id)
  })

  test('one that is canceled is canceled, and stays so when it is canceled again', async () => {
    const { id } = await submitted()
    expect(await ada('cancel', id)).toMatchObject({ exitCode: 0, stdout: `${id} canceled\n` })
    expect(await ada('cancel', id)).toMatchObject({ exitCode: 0, stdout: `${id} canceled\n` })
  })

  test('one that is watched and was canceled ends with 1', async () => {
    const { id } = await submitted()
    await ada('cancel', id)
    expect(await ada('status', id, '--watch')).toMatchObject({ exitCode: 1, stdout: `${id} canceled\n` })
    expect((await ada('status', id)).exitCode).toBe(0)
  })

  test('one that is deleted is gone for the one who looks', async () => {
    const { id } = await submitted()
    expect(await ada('delete', id, '--json')).toMatchObject({
      exitCode: 0,
      stdout: `${JSON.stringify({ deleted: id }, null, 2)}\n`,
    })
    expect(['not_found', 'deleting']).toContain(await stateOf(id))
  })

  test('one that delivered nothing yet has nothing to fetch', async () => {
    const { id } = await submitted()
    expect(await ada('download', id, '--to', join(folder, 'out'))).toMatchObject({
      exitCode: 0,
      stdout: 'there is nothing to download yet\n',
    })
  })

  async function stateOf(id: string): Promise<string> {
    const { stdout } = await ada('status', id, '--json')
    const answer = JSON.parse(stdout)
    return answer.error?.code ?? answer.state
  }
})

describe('changing a job', () => {
  test('pauses it, resumes it, and says which it is', async () => {
    const { id } = await submitted()
    expect(await ada('pause', id)).toMatchObject({ exitCode: 0, stdout: `${id} active, paused\n` })
    const status = (await ada('status', id)).stdout
    expect(status).toContain('active, paused')
    expect(status).toContain('  waiting: the job is paused; resume it to go on')
    expect((await ada('jobs')).stdout).toContain('active, paused')
    expect(await ada('resume', id)).toMatchObject({ exitCode: 0, stdout: `${id} active\n` })
  })

  test('tries it again when it was canceled', async () => {
    const { id } = await submitted()
    await ada('cancel', id)
    expect(await ada('retry', id)).toMatchObject({ exitCode: 0, stdout: `${id} active\n` })
    expect(await ada('retry', id)).toMatchObject({ exitCode: 0, stdout: `${id} active\n` })
  })

  test('gives it another priority, cap and name', async () => {
    const { id } = await submitted('--cap', '9')
    expect(await ada('change', id, '--priority', '7', '--cap', '3')).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(new RegExp(`^${id} active, frames 1-24, name ".*", priority 7, cap 3\\n$`)),
    })
    expect(JSON.parse((await ada('change', id, '--cap', 'none', '--name', 'night', '--json')).stdout)).toMatchObject({
      name: 'night',
      priority: 7,
    })
    for (const args of [[], ['--cap', '0'], ['--cap', 'many'], ['--priority', '101']])
      expect((await ada('change', id, ...args)).exitCode).toBe(2)
  })
})

describe('exit codes', () => {
  test.each(['status', 'cancel', 'delete', 'download', 'pause', 'resume', 'retry'])(
    '%s of an unknown job is 3',
    async (verb) => {
      const run = await ada(verb, UNKNOWN_JOB)
      expect([run.exitCode, run.stdout, run.stderr]).toEqual([3, '', expect.stringContaining('error: not_found: ')])
    },
  )

  test('a name that cannot be a job is no job of the farm', async () => {
    expect((await ada('status', 'nonsense')).exitCode).toBe(3)
  })

  test('a wrong token, a missing one, and one without the right are 4', async () => {
    for (const run of [
      await as('wrong', 'jobs'),
      await tilework(['jobs', '--url', url]),
      await as(TOKENS.worker, 'jobs'),
      await as('wrong', 'submit', blend),
    ]) {
      expect([run.exitCode, run.stdout, run.stderr]).toEqual([
        4,
        '',
        expect.stringMatching(/^error: (unauthorized|forbidden): /),
      ])
    }
  })

  test('a farm that is not there is 5', async () => {
    const gone = await startProxy(url)
    await gone.close()
    const run = await tilework(['jobs', '--url', gone.url])
    expect([run.exitCode, run.stderr]).toEqual([5, expect.stringContaining('nothing is listening there')])
  })

  test('what is wrong on the command line is 2, and help is 0', async () => {
    expect((await tilework([])).exitCode).toBe(2)
    expect((await tilework(['nonsense'])).exitCode).toBe(2)
    expect((await tilework(['status', 'a', 'b'])).exitCode).toBe(2)
    expect((await tilework(['jobs', '--url', 'nonsense'])).exitCode).toBe(2)
    expect(await tilework(['--help'])).toMatchObject({ exitCode: 0, stderr: '' })
    expect(await tilework(['--version'])).toMatchObject({ exitCode: 0, stdout: '0.0.0-test\n' })
  })

  test.each([
    'submit',
    'jobs',
    'status',
    'cancel',
    'delete',
    'download',
    'pause',
    'resume',
    'retry',
    'change',
    'workers',
    'worker',
    'up',
    'coordinator',
    'verifier',
    'assembler',
  ])('%s explains itself', async (verb) => {
    const run = await tilework([verb, '--help'])
    expect([run.exitCode, run.stdout]).toEqual([0, expect.stringContaining(`tilework ${verb}`)])
  })
})

describe('for machines', () => {
  test('a failure is one JSON document, too', async () => {
    for (const [args, code] of [
      [['status', UNKNOWN_JOB], 'not_found'],
      [['status', 'x', 'y'], 'usage'],
      [['submit', '/nowhere'], 'usage'],
    ] as const) {
      const run = await ada(...args, '--json')
      expect(JSON.parse(run.stdout).error.code).toBe(code)
    }
  })

  test('lists are documents with their entries', async () => {
    expect(JSON.parse((await as(TOKENS.root, 'workers', '--json')).stdout)).toEqual({ items: [] })
    expect(JSON.parse((await ada('jobs', '--json')).stdout)).toEqual({ items: [] })
  })

  test('the options for the farm may stand before the command', async () => {
    const run = await tilework(['--url', url, '--token', TOKENS.ada, '--json', 'jobs'])
    expect(JSON.parse(run.stdout)).toEqual({ items: [] })
  })
})
