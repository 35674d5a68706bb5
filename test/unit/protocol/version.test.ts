import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { VERSION } from '../../../shared/protocol/version.ts'

test('the version that services, workers and the command tell is that of the package', async () => {
  const text = await readFile(new URL('../../../package.json', import.meta.url), 'utf8')
  expect(JSON.parse(text)).toMatchObject({ version: VERSION })
})
