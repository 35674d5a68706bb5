// What stands for Blender here dies on purpose, at moments at which a real one cannot be told to.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { BlenderProcess } from '../../../../blender-worker/blender/process.ts'
import { BlenderRenderer } from '../../../../blender-worker/rendering/blender-renderer.ts'

const READY = `echo '{"event":"ready"}' >&3`
const OPENS = `read -r line; echo '{"id":1,"ok":true,"loaded":true,"loadSeconds":0,"scene":"Scene"}' >&3`
/** Longer than any test here waits. */
const HANG = 'exec sleep 600'

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tilework-process-'))
})

afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
})

/** The path of a program that does these things in turn instead of Blender's. */
async function program(...does: string[]): Promise<string> {
  const path = join(await mkdtemp(join(folder, 'program-')), 'blender')
  await writeFile(path, ['#!/bin/sh', ...does, ''].join('\n'), { mode: 0o755 })
  return path
}

async function start(executable: string, startTimeoutMs?: number) {
  return await BlenderProcess.start({
    executable,
    driverPath: join(folder, 'main.py'),
    scratchDir: join(folder, 'scratch'),
    sandbox: 'off',
    ...(startTimeoutMs === undefined ? {} : { startTimeoutMs }),
  })
}

function renderer(executable: string): BlenderRenderer {
  return new BlenderRenderer({
    installation: { executable, launch: 'program', version: '4.2.0', buildHash: 'x', folders: [] },
    scratchFolder: join(folder, 'scratch'),
    sceneFolder: folder,
    sandbox: 'off',
  })
}

/** Kills the program that was started last, and waits until its parent has heard of it. */
async function killLast(): Promise<void> {
  const pid = Number((await readFile(join(folder, 'pids'), 'utf8')).trim().split('\n').at(-1))
  process.kill(pid, 'SIGKILL')
  await vi.waitFor(() => expect(() => process.kill(pid, 0)).toThrow('ESRCH'))
  // Its pipes are at their end by then; they are closed within a turn or two of the event loop.
  for (let turn = 0; turn < 3; turn++) await new Promise((next) => setImmediate(next))
}

describe('a Blender that ends before its first word', () => {
  test.each([
    ['killed from outside', ['echo some words', 'kill -KILL $$'], { code: 'out_of_memory', lastWords: 'some words' }],
    [
      'out of memory',
      ["echo 'std::bad_alloc' >&2", 'kill -ABRT $$'],
      { code: 'out_of_memory', lastWords: 'std::bad_alloc' },
    ],
    [
      'crashed',
      ['kill -SEGV $$'],
      {
        code: 'blender_crashed',
        lastWords: '',
        message: expect.stringContaining('before it was ready (signal SIGSEGV)'),
      },
    ],
    [
      'gone by itself',
      ["echo 'no module named numpy'", 'exit 1'],
      { code: 'blender_crashed', lastWords: 'no module named numpy' },
    ],
  ])('is told as %s, with its last words', async (_how, does, failure) => {
    const executable = await program(...does)
    expect(await start(executable)).toMatchObject({ ok: false, blame: 'worker', ...failure })
    await expect(renderer(executable).open('scene.blend', () => undefined)).rejects.toMatchObject({
      name: 'WorkFailure',
      ...failure,
    })
  })

  test('is told as missing when there is none, and as silent when it only hangs', async () => {
    expect(await start(join(folder, 'nowhere'))).toMatchObject({ ok: false, code: 'blender_missing' })
    expect(await start(await program(HANG), 300)).toMatchObject({ ok: false, code: 'blender_silent' })
  })
})

describe('a Blender that is killed', () => {
  test('from outside in the middle of a command ran out of memory; by us it did not', async () => {
    const executable = await program(READY, 'read -r line', HANG)
    for (const [ownKill, code] of [
      [false, 'out_of_memory'],
      [true, 'interrupted'],
    ] as const) {
      const started = await start(executable)
      if (!started.ok) throw new Error(started.message)
      const opening = started.value.run('open', { path: 'scene.blend' })
      if (ownKill) await started.value.kill()
      else process.kill(started.value.pid ?? 0, 'SIGKILL')
      expect(await opening).toMatchObject({ ok: false, code })
      expect(await started.value.run('inspect', {})).toMatchObject({ ok: false, code })
    }
  })

  test('with nothing to do is started again for the next lease, and in the middle of one it is not', async () => {
    const executable = await program(`echo $$ >> ${folder}/pids`, READY, OPENS, HANG)
    const one = renderer(executable)
    await one.open('scene.blend', () => undefined)
    await killLast()
    await one.open('scene.blend', () => undefined)
    await killLast()
    await expect(one.inspect({}, '1-3', () => undefined)).rejects.toMatchObject({ code: 'out_of_memory' })
    await one.close()
    await expect(one.open('scene.blend', () => undefined)).rejects.toMatchObject({ code: 'interrupted' })
  })
})
