// How long one file takes to the farm, against reading it for its hash and copying it; with the memory of both ends.
//
// The farm and the command are processes of their own on this machine; what is measured is `tilework plan` of a .blend
// that is padded with noise, from its start to its end. Written to .benchmarks/upload.json. Ends with 1 when it takes
// more than twice as long as `sha256sum` and `cp`.

import { execFile } from 'node:child_process'
import { open, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { smallBlend } from '../../fixtures/scenes/small-blend.ts'
import { BenchFarm, mib, rounded } from './bench-farm.ts'

const run = promisify(execFile)
const CHUNK_BYTES = 16 * 2 ** 20
const RATIO_MAX = 2

async function makeFile(path: string, bytes: number): Promise<void> {
  const file = await open(path, 'w')
  try {
    await file.write(smallBlend())
    for (let written = smallBlend().length; written < bytes; written += CHUNK_BYTES)
      await file.write(randomBytes(Math.min(CHUNK_BYTES, bytes - written)))
  } finally {
    await file.close()
  }
}

async function seconds(program: string, ...args: readonly string[]): Promise<number> {
  const from = performance.now()
  await run(program, args)
  return (performance.now() - from) / 1_000
}

const { values } = parseArgs({
  options: {
    mib: { type: 'string', default: '1024' },
    rounds: { type: 'string', default: '3' },
    store: { type: 'string', default: 'folder' },
  },
})
const store = values.store === 's3' ? 's3' : 'folder'
const folder = await mkdtemp(join(tmpdir(), 'bench-upload-'))
const rows = []
try {
  for (let round = 1; round <= Number(values.rounds); round++) {
    const path = join(folder, 'large.blend')
    await makeFile(path, Number(values.mib) * 2 ** 20)
    const [hash, copy] = [await seconds('sha256sum', path), await seconds('cp', path, `${path}.copy`)]
    await rm(`${path}.copy`)
    const farm = await BenchFarm.start(join(folder, `farm-${round}`), store)
    try {
      const { seconds: upload, peakBytes } = await farm.run('plan', path)
      const row = {
        uploadSeconds: rounded(upload),
        sha256sumSeconds: rounded(hash),
        copySeconds: rounded(copy),
        ratio: rounded(upload / (hash + copy)),
        commandPeakMiB: mib(peakBytes),
        farmPeakMiB: mib(farm.process.peakBytes()),
      }
      rows.push(row)
      console.log(JSON.stringify(row))
    } finally {
      await farm.stop()
    }
    await rm(join(folder, `farm-${round}`), { recursive: true })
  }
} finally {
  await rm(folder, { recursive: true, force: true })
}
const ratio = rows.map((row) => row.ratio).sort((a, b) => a - b)[Math.floor(rows.length / 2)] ?? Infinity
console.log(`${values.mib} MiB to a farm with a ${store} as object store: ${ratio} times sha256sum and cp (median)`)
await mkdir('.benchmarks', { recursive: true })
await writeFile(
  '.benchmarks/upload.json',
  `${JSON.stringify({ mib: Number(values.mib), store, ratio, rows }, null, 2)}\n`,
)
process.exitCode = ratio > RATIO_MAX ? 1 : 0
