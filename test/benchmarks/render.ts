// How long the sample animation takes through a farm with one worker, against bare `blender -b scene -a`, in one run.
//
// Both are whole processes on the same machine, in turn: bare, farm, bare, farm, … The farm is running and its worker
// connected, as for any job but the first; its time goes from the submission to the job's end (frames delivered, no
// video, audits off).

import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { TestFarm } from '../support/farm.ts'

const run = promisify(execFile)
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    scene: { type: 'string', default: 'services/cli/sample/sample.blend' },
    frames: { type: 'string', default: '1-24' },
  },
})
const rounds = Number(values.rounds)
const [first, last] = values.frames.split('-').map(Number)
if (!Number.isInteger(rounds) || rounds < 1 || first === undefined || last === undefined)
  throw new Error('usage: bench:render -- [--rounds 3] [--scene FILE.blend] [--frames 1-24]')

const folder = await mkdtemp(join(tmpdir(), 'bench-render-'))
const farm = await TestFarm.start()
const pairs: { bareSeconds: number; farmSeconds: number }[] = []
try {
  await farm.addWorker('bench', { threads: availableParallelism() })
  const scene = await farm.upload(values.scene, 'bench.blend')
  for (let round = 1; round <= rounds; round++) {
    const bareSeconds = await timed(() =>
      run(
        'blender',
        [
          '-b',
          values.scene,
          '-noaudio',
          '-o',
          join(folder, `bare-${round}-####`),
          '-s',
          String(first),
          '-e',
          String(last),
          '-a',
        ],
        { maxBuffer: 64 * 1024 ** 2 },
      ),
    )
    const farmSeconds = await timed(async () => {
      const job = await farm.submit({ scene: scene.sha256, frames: values.frames, video: 'none', auditRate: 0 })
      const ended = await farm.ended(job.id)
      if (ended.state !== 'completed') throw new Error(`the job ${ended.state}: ${ended.failure?.message}`)
    })
    pairs.push({ bareSeconds, farmSeconds })
    console.log(
      `round ${round}: bare ${bareSeconds.toFixed(1)} s, farm ${farmSeconds.toFixed(1)} ` +
        `s, ratio ${(farmSeconds / bareSeconds).toFixed(3)}`,
    )
  }
} finally {
  await farm.stop()
  await rm(folder, { recursive: true, force: true })
}

const report = {
  frames: values.frames,
  rounds: pairs,
  bareSecondsMedian: median(pairs.map((pair) => pair.bareSeconds)),
  farmSecondsMedian: median(pairs.map((pair) => pair.farmSeconds)),
  ratioMedian: median(pairs.map((pair) => pair.farmSeconds / pair.bareSeconds)),
}
console.log(
  `\n| frames | bare, median | farm, median | ratio, median |\n|---|---|---|---|\n| ${values.frames} ` +
    `| ${report.bareSecondsMedian.toFixed(1)} s | ${report.farmSecondsMedian.toFixed(1)} ` +
    `s | ${report.ratioMedian.toFixed(3)} |`,
)
await mkdir('.benchmarks', { recursive: true })
await writeFile('.benchmarks/render.json', `${JSON.stringify(report, null, 1)}\n`)

async function timed(call: () => Promise<unknown>): Promise<number> {
  const begun = performance.now()
  await call()
  return (performance.now() - begun) / 1000
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
}
