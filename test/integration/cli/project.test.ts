// A project folder, handed in by the command to the real REST side.

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { FarmClient } from '../../../services/cli/api/farm-client.ts'
import { uploadProject } from '../../../services/cli/api/project-upload.ts'
import { UnfinishedUploads } from '../../../services/cli/api/unfinished-uploads.ts'
import { folderSource } from '../../../services/cli/project/folder-source.ts'
import { readProject } from '../../../services/cli/project/read-project.ts'
import { blobKey } from '../../../shared/protocol/object-keys.ts'
import { smallBlend } from '../../fixtures/scenes/small-blend.ts'
import { startProxy, tilework } from '../../support/cli.ts'
import type { Proxy } from '../../support/cli.ts'
import { sha256Of, startRestFarm, TOKENS } from '../../support/rest-farm.ts'
import type { RestFarm } from '../../support/rest-farm.ts'

let farm: RestFarm
let url: string
let folder: string
let proxy: Proxy | null

beforeEach(async () => {
  farm = await startRestFarm()
  url = await farm.app.listen({ port: 0, host: '127.0.0.1' })
  folder = await mkdtemp(join(tmpdir(), 'tilework-cli-'))
  proxy = null
  await put('sea/shots/010.blend', smallBlend())
  await put('sea/textures/wood.png', 'wood')
  await put('sea/shots/010.blend1', 'older')
})
afterEach(async () => {
  await proxy?.close()
  await farm.close()
  await rm(folder, { recursive: true })
})

async function put(path: string, content: string | Buffer): Promise<void> {
  await mkdir(join(folder, dirname(path)), { recursive: true })
  await writeFile(join(folder, path), content)
}

const ada = (...args: string[]) =>
  tilework(args, { env: { TILEWORK_URL: url, TILEWORK_TOKEN: TOKENS.ada, XDG_STATE_HOME: join(folder, 'state') } })
const sea = () => join(folder, 'sea')

test('a folder is handed in as a project, and a second time only what changed is sent', async () => {
  const first = await ada('submit', sea())
  expect(first.stderr).toContain('sea: sent 2 of 2 files')
  expect(first.stderr).toContain('1 left out by ignore rules (5 B)')
  expect(first.exitCode).toBe(0)
  expect((await ada('submit', sea())).stderr).toContain('sea: all 2 files are on the farm already')
  await put('sea/textures/wood.png', 'oak')
  expect((await ada('submit', sea())).stderr).toMatch(/sea: sent 1 of 2 files, 3 B of /)
  expect((await ada('jobs', '--json')).stdout).toContain('"kind": "project"')
})

test('--dry-run lists what would be sent, and sends nothing', async () => {
  const run = await ada('submit', sea(), '--dry-run')
  expect(run.exitCode).toBe(0)
  expect(run.stdout).toMatch(/^ +4 B {2}textures\/wood\.png$/m)
  expect(run.stdout).toMatch(/^2 of 2 files would be sent, .*1 left out by ignore rules \(5 B\)$/m)
  expect(await farm.objects.head(blobKey(sha256Of(Buffer.from('wood'))))).toBeNull()
  await ada('submit', sea())
  const json = JSON.parse((await ada('submit', sea(), '--dry-run', '--json')).stdout)
  expect(json).toMatchObject({
    files: [],
    missingBytes: 0,
    known: true,
    projectFiles: 2,
    ignored: { files: 1, bytes: 5 },
  })
})

test('of several .blends the main one is asked for', async () => {
  await put('sea/shots/020.blend', smallBlend())
  const run = await ada('submit', sea())
  expect(run.exitCode).toBe(2)
  expect(run.stderr).toContain('several .blend files could be the main one: "shots/010.blend", "shots/020.blend"')
  expect((await ada('submit', sea(), '--main', 'shots/020.blend')).exitCode).toBe(0)
})

test('a folder without a .blend is no project', async () => {
  await mkdir(join(folder, 'empty'))
  const run = await ada('submit', join(folder, 'empty'))
  expect(run).toMatchObject({ exitCode: 2, stdout: '' })
  expect(run.stderr).toContain('the project has no .blend')
})

test('an upload that is cut goes on, within a large file and among small ones', async () => {
  await put('sea/cache/large.vdb', Buffer.alloc(17 * 1024 * 1024, 'large'))
  for (let index = 0; index < 200; index++) await put(`sea/textures/${index}.png`, `${index} `.repeat(3_000))
  proxy = await startProxy(url)
  proxy.cutAfter(6_000_000, 3)
  const project = await readProject(await folderSource(sea()), undefined)
  const uploaded = await uploadProject(new FarmClient({ url: proxy.url, token: TOKENS.ada }), project, {
    unfinished: new UnfinishedUploads(join(folder, 'notes')),
    firstPauseMs: 1,
  })
  expect(uploaded.scene.project?.files).toBe(203)
  expect(proxy.cuts).toBe(3)
  expect(proxy.bytes).toBeLessThan(2 * project.bytes)
})

test('a file that changes while it is sent is told, and no scene is made', async () => {
  const project = await readProject(await folderSource(sea()), undefined)
  await put('sea/textures/wood.png', 'pine')
  await expect(
    uploadProject(new FarmClient({ url, token: TOKENS.ada }), project, {
      unfinished: new UnfinishedUploads(join(folder, 'notes')),
      firstPauseMs: 1,
    }),
  ).rejects.toMatchObject({ code: 'file_changed', message: expect.stringContaining('textures/wood.png changed') })
  expect((await farm.store.listScenes({ limit: 10 })).items).toEqual([])
})
