import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { findFarm } from '../../../../services/cli/farm-address.ts'

let dataDir: string
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'tilework-cli-'))
  await writeFile(
    join(dataDir, 'tokens.json'),
    JSON.stringify({ api: 'local-api', worker: 'local-worker', secret: 'x' }),
  )
})
afterEach(() => rm(dataDir, { recursive: true }))

test('a farm on this machine needs no token: it is read from its data folder', async () => {
  expect(await findFarm({ dataDir }, {})).toEqual({ url: 'http://127.0.0.1:8470', token: 'local-api' })
  expect(await findFarm({ url: 'http://localhost:9000/' }, { TILEWORK_DATA_DIR: dataDir })).toEqual({
    url: 'http://localhost:9000',
    token: 'local-api',
  })
})

test('the token of a local farm is never sent to another machine', async () => {
  expect(await findFarm({ url: 'https://farm.example', dataDir }, {})).toEqual({
    url: 'https://farm.example',
    token: undefined,
  })
  expect((await findFarm({ url: 'http://127.0.0.1.example', dataDir }, {})).token).toBeUndefined()
  expect((await findFarm({ url: 'http://localhost@farm.example', dataDir }, {})).token).toBeUndefined()
})

test('an option goes before the environment, and the environment before the folder', async () => {
  const environment = { TILEWORK_URL: 'http://127.0.0.1:1', TILEWORK_TOKEN: 'from-environment' }
  expect(await findFarm({ dataDir }, environment)).toEqual({ url: 'http://127.0.0.1:1', token: 'from-environment' })
  expect(await findFarm({ url: 'http://127.0.0.1:2', token: 'typed', dataDir }, environment)).toEqual({
    url: 'http://127.0.0.1:2',
    token: 'typed',
  })
})

test('a folder without tokens is no fault; the farm will say that it wants one', async () => {
  expect((await findFarm({ dataDir: join(dataDir, 'nowhere') }, {})).token).toBeUndefined()
})

test('a tokens file that cannot be read is told', async () => {
  await writeFile(join(dataDir, 'tokens.json'), '{"api": ')
  await expect(findFarm({ dataDir }, {})).rejects.toThrow('does not hold the tokens of a farm')
})

test.each(['farm.example', 'ftp://farm.example', 'http://', ''])('%o is no address of a farm', async (url) => {
  await expect(findFarm({ url }, {})).rejects.toMatchObject({ exitCode: 2 })
})
