import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { findBlender, parseVersion } from '../../../../blender-worker/blender/find.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'find-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
})

async function program(name: string, script: string): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, `#!/bin/sh\n${script}\n`)
  await chmod(path, 0o755)
  return path
}

it('reads versions with and without a patch number, and the build hash', () => {
  expect(parseVersion('Blender 3.4.1\n\tbuild date: 2024\n\tbuild hash: 55485cb379f7\n')).toEqual({
    version: '3.4.1',
    buildHash: '55485cb379f7',
  })
  expect(parseVersion('Read prefs\nBlender 5.0 Alpha\n')).toEqual({ version: '5.0.0', buildHash: 'unknown' })
  expect(parseVersion('GNU bash, version 5')).toBeUndefined()
})

it('takes the first program in PATH that is a Blender', async () => {
  await program('blender', 'echo Blender 4.2.3')
  expect(
    await findBlender({ platform: 'linux', environment: { PATH: `/nowhere:${folder}`, HOME: folder } }),
  ).toMatchObject({ ok: true, value: { version: '4.2.3', launch: 'program' } })
})

it('tries nothing else when a configured path is wrong', async () => {
  await program('blender', 'echo Blender 4.2.3')
  const environment = { PATH: folder }
  expect(await findBlender({ configured: join(folder, 'other'), environment })).toMatchObject({
    ok: false,
    code: 'blender_missing',
  })
  expect(await findBlender({ configured: await program('liar', 'echo hello'), environment })).toMatchObject({
    ok: false,
    code: 'blender_unusable',
  })
  expect(await findBlender({ configured: await program('broken', 'exit 3'), environment })).toMatchObject({
    ok: false,
    code: 'blender_unusable',
  })
})

it('starts a configured python as the module, which needs the folders of its environment', async () => {
  const python = await program('python3.11', 'echo Blender 5.0.1; echo folder: /home/ann/bpy; echo folder: /usr')
  expect(await findBlender({ configured: python })).toMatchObject({
    ok: true,
    value: { executable: python, launch: 'module', version: '5.0.1', folders: ['/home/ann/bpy', '/usr'] },
  })
})
