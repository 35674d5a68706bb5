import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { AGENT_VERSION } from '../../../blender-worker/version.ts'

test('the agent announces the release of the package', async () => {
  const text = await readFile(new URL('../../../package.json', import.meta.url), 'utf8')
  expect(JSON.parse(text)).toMatchObject({ version: AGENT_VERSION })
})
