// `npm run quickstart` as a whole, on the built programs: what it leaves on disk, and that it leaves no process.

import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'

const QUICKSTART = fileURLToPath(new URL('../../../services/cli/bin/quickstart.mjs', import.meta.url))
const MINUTES = 60_000

let folder: string
let said: string
let child: ChildProcess | null

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tilework-quickstart-'))
  said = ''
  child = null
})
afterEach(async () => {
  child?.kill('SIGTERM')
  await vi.waitFor(noneLeft, { timeout: MINUTES, interval: 200 })
  await rm(folder, { recursive: true, force: true })
})

function start(...args: string[]): Promise<number | null> {
  const started = spawn(process.execPath, [QUICKSTART, '--yes', '--data-dir', folder, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  child = started
  for (const stream of [started.stdout, started.stderr]) stream.on('data', (chunk) => (said += String(chunk)))
  return new Promise((done) => started.once('close', done))
}

/** Throws while a process runs that has the folder of this test on its command line. */
async function noneLeft(): Promise<void> {
  const left: string[] = []
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && name !== String(child?.pid))) {
    const words = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    if (words.includes(folder)) left.push(words.replaceAll('\0', ' '))
  }
  expect(left).toEqual([])
}

test(
  'renders, checks and fetches the sample scene, says where it is, and stops what it started',
  async () => {
    expect([await start('--frames', '7'), said]).toEqual([
      0,
      expect.stringContaining('1 frame, the video, previews and the manifest are there and decode'),
    ])
    expect(await readdir(join(folder, 'output'))).toEqual(['frames', 'manifest.json', 'previews', 'video'])
    expect(await readdir(join(folder, 'output', 'frames'))).toEqual(['0007.png'])
    expect(said).toMatch(/documentation {2}http:\/\/127\.0\.0\.1:\d+\/docs/)
    expect(said).toMatch(/render \d+\.\d s, .*s in all/)
    await noneLeft()
  },
  4 * MINUTES,
)

test(
  'leaves no process behind when it is killed',
  async () => {
    const ended = start('--frames', '1-24')
    await vi.waitFor(() => expect(said).toContain('Rendering 24 frames'), { timeout: 2 * MINUTES, interval: 100 })
    child?.kill('SIGKILL')
    await ended
    await vi.waitFor(noneLeft, { timeout: MINUTES, interval: 100 })
  },
  4 * MINUTES,
)

test(
  'stops what it started when the farm refuses the job, and tells why',
  async () => {
    expect([await start('--frames', 'nonsense'), said]).toEqual([1, expect.stringContaining('error: frames_invalid: ')])
    await noneLeft()
  },
  4 * MINUTES,
)
