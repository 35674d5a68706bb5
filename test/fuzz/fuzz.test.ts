import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { corpusOf, take, tryInput } from './fuzz.ts'
import type { Target } from './target.ts'
import { fileTargets } from './targets-files.ts'
import { protocolTargets } from './targets-protocol.ts'

/** A few seconds of what `npm run fuzz` does for as long as it is told. */
const INPUTS = 120

let folder = ''
let targets: Target[] = []
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tilework-fuzz-'))
  targets = [...(await fileTargets(folder)), ...(await protocolTargets())]
})
afterAll(async () => {
  for (const target of targets) await target.close()
  await rm(folder, { recursive: true, force: true })
})

test.each(['blend', 'zip', 'zstd', 'exr', 'exr-python', 'worker-messages', 'rest'])(
  '%s: spoiled input is refused, or taken for what it is',
  async (name) => {
    const target = targets.find((each) => each.name === name)
    if (target === undefined) throw new Error(`no target ${name}`)
    const words = new Set<string>()
    for (let n = 0; n < INPUTS; n++) {
      const word = await tryInput(target, 1, n)
      if (typeof word !== 'string') throw new Error(`input ${n}: ${word.why}`)
      words.add(word)
    }
    await target.settle?.()
    // Python reads them a lot at a time, and says no more than that it did.
    expect(words.size).toBeGreaterThan(name === 'exr-python' ? 0 : 1)
  },
)

test('input that failed once does not fail again', async () => {
  let tried = 0
  for (const target of targets) {
    for (const { name, input } of corpusOf(target)) {
      const word = await take(target, 0, input)
      if (typeof word !== 'string') throw new Error(`${name}: ${word.why}`)
      tried += 1
    }
    await target.settle?.()
  }
  expect(tried).toBeGreaterThan(0)
})
