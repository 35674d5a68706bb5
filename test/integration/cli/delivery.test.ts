// Watching and fetching, against a farm that does on demand what a real one does seldom.

import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { JobView } from '../../../shared/protocol/job.ts'
import type { Artifact } from '../../../shared/protocol/rest.ts'
import { serve, tilework } from '../../support/cli.ts'
import type { CommandOptions, TestServer } from '../../support/cli.ts'
import { jobView } from '../../unit/services/cli/job-views.ts'

const JOB = jobView().id
const FILES: Readonly<Record<string, Buffer>> = {
  'video/sea.mp4': Buffer.alloc(50_000, 'v'),
  'manifest.json': Buffer.from('{}'),
  'frames/0001.png': Buffer.alloc(200_000, '1'),
  'frames/0002.png': Buffer.alloc(100_000, '2'),
}

/** What the double answers; a test changes it. */
interface Double {
  /** Answers to looking at the job, the last one for ever. */
  views: (JobView | number)[]
  artifacts: Artifact[]
  /** Answers requests for files in place of the usual. True: it has. */
  onFile: (path: string, request: IncomingMessage, response: ServerResponse) => boolean
  /** Files that were asked for, with the range. */
  asked: string[]
}

let double: Double
let server: TestServer
let folder: string
let out: string

beforeEach(async () => {
  double = {
    views: [jobView({ state: 'completed' })],
    artifacts: Object.entries(FILES).map(([path, bytes]) => artifact(path, bytes)),
    onFile: () => false,
    asked: [],
  }
  server = await serve(answer)
  folder = await mkdtemp(join(tmpdir(), 'tilework-cli-'))
  out = join(folder, 'out')
})
afterEach(async () => {
  await server.close()
  await rm(folder, { recursive: true })
})

const run = (args: readonly string[], options: CommandOptions = {}) =>
  tilework(args, { ...options, env: { TILEWORK_URL: server.url, TILEWORK_TOKEN: 'a-token' } })

function artifact(path: string, bytes: Buffer): Artifact {
  return {
    path,
    bytes: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    contentType: 'application/octet-stream',
    url: `/files/${path}`,
  }
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://farm')
  const json = (value: unknown) =>
    void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value))
  if (pathname.startsWith('/files/')) return answerFile(pathname.slice('/files/'.length), request, response)
  if (request.headers.authorization !== 'Bearer a-token') return void response.writeHead(401).end()
  if (pathname === '/v1') return json({ name: 'tilework', version: '0', workersConnected: 2, jobsOpen: 1 })
  if (pathname === `/v1/jobs/${JOB}`) {
    const [view] = double.views.length > 1 ? double.views.splice(0, 1) : double.views
    return typeof view === 'number' ? void response.writeHead(view).end('no') : json(view)
  }
  if (pathname === `/v1/jobs/${JOB}/artifacts`) {
    // Two to a page, so that pages are turned.
    const from = Number(searchParams.get('cursor') ?? 0)
    return json({
      items: double.artifacts.slice(from, from + 2),
      next: from + 2 < double.artifacts.length ? String(from + 2) : null,
    })
  }
  if (pathname.startsWith(`/v1/jobs/${JOB}/artifacts/`))
    return void response.writeHead(302, { location: `/files/${pathname.split('/artifacts/')[1]}?fresh` }).end()
  response.writeHead(404).end()
}

function answerFile(path: string, request: IncomingMessage, response: ServerResponse): void {
  double.asked.push(`${path} ${request.headers.range ?? ''}`.trim())
  if (request.headers.authorization !== undefined)
    return void response.writeHead(400).end('a token has no business here')
  if (double.onFile(path, request, response)) return
  const bytes = FILES[path] ?? Buffer.alloc(0)
  const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
  response.writeHead(from > 0 ? 206 : 200).end(bytes.subarray(from))
}

async function filesIn(place: string): Promise<string[]> {
  const entries = await readdir(place, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(place.length + 1))
    .sort()
}

describe('fetching what was delivered', () => {
  test('gives every file whole, without showing the token to the store', async () => {
    const { exitCode, stdout } = await run(['download', JOB, '--to', out])
    expect([exitCode, stdout]).toEqual([0, `4 files, 342 KiB, in ${out}\n`])
    expect(await filesIn(out)).toEqual(['frames/0001.png', 'frames/0002.png', 'manifest.json', 'video/sea.mp4'])
    for (const [path, bytes] of Object.entries(FILES))
      expect((await readFile(join(out, path))).equals(bytes)).toBe(true)
  })

  test('a second time fetches nothing', async () => {
    await run(['download', JOB, '--to', out])
    double.asked = []
    const again = await run(['download', JOB, '--to', out, '--json'])
    expect(double.asked).toEqual([])
    expect(JSON.parse(again.stdout)).toMatchObject({ job: JOB, folder: out, fetched: 0, skipped: 4, bytes: 350_002 })
  })

  test('fetches again what is there but is not what was delivered', async () => {
    await run(['download', JOB, '--to', out])
    await writeFile(join(out, 'frames/0002.png'), Buffer.alloc(100_000, 'x'))
    double.asked = []
    await run(['download', JOB, '--to', out])
    expect(double.asked).toEqual(['frames/0002.png'])
    expect((await readFile(join(out, 'frames/0002.png'))).equals(FILES['frames/0002.png'] ?? Buffer.alloc(0))).toBe(
      true,
    )
  })

  test('takes frames alone, or the video alone', async () => {
    await run(['download', JOB, '--to', out, '--frames-only'])
    expect(await filesIn(out)).toEqual(['frames/0001.png', 'frames/0002.png'])
    const video = join(folder, 'video')
    await run(['download', JOB, '--to', video, '--video-only'])
    expect(await filesIn(video)).toEqual(['video/sea.mp4'])
    expect((await run(['download', JOB, '--frames-only', '--video-only'])).exitCode).toBe(2)
  })

  test('goes on where a cut left it', async () => {
    let cuts = 0
    double.onFile = (path, _request, response) => {
      if (path !== 'frames/0001.png' || cuts++ > 0) return false
      response.writeHead(200, { 'content-length': '200000' })
      response.write(Buffer.alloc(80_000, '1'))
      // Cut once something has reached the disk; what is still on the way may be lost.
      void vi
        .waitFor(async () => expect((await stat(join(out, 'frames/0001.png.part'))).size).toBeGreaterThan(0))
        .then(() => response.destroy())
      return true
    }
    expect((await run(['download', JOB, '--to', out, '--frames-only'])).exitCode).toBe(0)
    const resumed = double.asked.filter((asked) => asked.startsWith('frames/0001.png bytes='))
    expect(resumed).toHaveLength(1)
    expect(Number(/bytes=(\d+)-/.exec(resumed[0] ?? '')?.[1])).toBeGreaterThan(0)
    expect((await readFile(join(out, 'frames/0001.png'))).equals(FILES['frames/0001.png'] ?? Buffer.alloc(0))).toBe(
      true,
    )
  })

  test('asks for a fresh address when the one it has is not taken any more', async () => {
    double.onFile = (_path, request, response) => {
      if (request.url?.endsWith('?fresh') === true) return false
      response.writeHead(403).end()
      return true
    }
    expect((await run(['download', JOB, '--to', out])).exitCode).toBe(0)
    expect(await filesIn(out)).toHaveLength(4)
  })

  test('never keeps under its name what has the wrong hash', async () => {
    double.artifacts = [{ ...artifact('frames/0001.png', Buffer.alloc(200_000, 'x')) }]
    const { exitCode, stderr } = await run(['download', JOB, '--to', out])
    expect([exitCode, stderr]).toEqual([
      1,
      expect.stringContaining('frames/0001.png could not be fetched: the bytes that came do not have the hash'),
    ])
    expect(await filesIn(out)).toEqual([])
  })

  test.each(['../escaped.png', '/etc/escaped.png', 'frames/../../escaped.png', 'frames//a.png', 'frames/a\\b.png', ''])(
    'refuses to write to %o',
    async (path) => {
      double.artifacts = [{ ...artifact('frames/0001.png', FILES['frames/0001.png'] ?? Buffer.alloc(0)), path }]
      await mkdir(out)
      const { exitCode, stderr } = await run(['download', JOB, '--to', out])
      expect([exitCode, stderr]).toEqual([1, expect.stringContaining('bad_answer')])
      expect([await filesIn(folder), double.asked]).toEqual([[], []])
    },
  )
})

describe('watching a job', () => {
  test('shows how it goes, waits for a farm that is away for a moment, and ends with the job', async () => {
    double.views = [jobView(), 502, jobView({ state: 'completed' })]
    const { exitCode, stdout, stderr } = await run(['status', JOB, '--watch'])
    expect([exitCode, stdout]).toEqual([0, `${JOB} completed\n`])
    expect(stderr).toContain('render 40/96')
  })

  test('ends at once when the farm does not let one look any more', async () => {
    double.views = [jobView(), 401]
    expect((await run(['status', JOB, '--watch'])).exitCode).toBe(4)
  })

  test('ends with 1 and the reason when the job fails', async () => {
    double.views = [
      jobView({
        state: 'failed',
        failure: { code: 'poison_scene', message: 'the scene fails by its own fault', lastWords: 'Error: boom' },
      }),
    ]
    const { exitCode, stdout } = await run(['status', JOB, '--watch'])
    expect([exitCode, stdout]).toEqual([
      1,
      `${JOB} failed: poison_scene: the scene fails by its own fault\nLast words of Blender:\n  Error: boom\n`,
    ])
  })

  test('that is interrupted leaves the job alone and tells how to come back', async () => {
    double.views = [jobView()]
    const interrupt = new AbortController()
    const { exitCode, stdout, stderr } = await run(['status', JOB, '--watch'], {
      signal: interrupt.signal,
      onStderr: (text) => text.includes('render 40/96') && interrupt.abort(),
    })
    expect([exitCode, stdout]).toEqual([130, ''])
    expect(stderr).toContain(`The job goes on. Watch it again with: tilework status ${JOB} --watch`)
  })

  test('for a machine says nothing until the end', async () => {
    double.views = [jobView(), jobView({ state: 'completed' })]
    const { stdout, stderr } = await run(['status', JOB, '--watch', '--json'])
    expect([JSON.parse(stdout).state, stderr]).toEqual(['completed', ''])
  })
})

test('an answer of something that is no farm is told as that', async () => {
  double.views = [404]
  const { exitCode, stderr } = await run(['status', JOB])
  expect([exitCode, stderr]).toEqual([
    5,
    expect.stringContaining('what answers there (with 404) is not a Tilework farm'),
  ])
})
