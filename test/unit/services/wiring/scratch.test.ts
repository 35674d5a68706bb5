import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { scratchFolder } from '../../../../services/wiring/scratch.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'scratch-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const own = () => scratchFolder({ TILEWORK_DATA_DIR: folder }, 'assembler')

it('is empty, though this process had it before', async () => {
  await writeFile(join(await own(), 'half-done'), '')
  expect(await readdir(await own())).toEqual([])
})

it('leaves alone what a running process has, and removes what it left when it is gone', async () => {
  const other = spawn('sleep', ['60'])
  await once(other, 'spawn')
  const mine = await own()
  const started = (await readFile(`/proc/${other.pid}/stat`, 'utf8')).split(') ')[1]?.split(' ')[19]
  const theirs = join(dirname(mine), `${other.pid}-${started}`)
  await mkdir(theirs)
  await own()
  expect((await readdir(dirname(mine))).sort()).toEqual([basename(mine), basename(theirs)].sort())
  other.kill('SIGKILL')
  await once(other, 'exit')
  await own()
  expect(await readdir(dirname(mine))).toEqual([basename(mine)])
})

it("removes what a process left whose number somebody else has now, and what is nobody's", async () => {
  const mine = await own()
  for (const name of ['1-7', 'arriving', `${process.pid}-7`]) await mkdir(join(dirname(mine), name))
  await own()
  expect(await readdir(dirname(mine))).toEqual([basename(mine)])
})
