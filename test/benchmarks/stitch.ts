// How long stitching takes and how much memory it needs, against a plain copy of the same bytes.
// Run the built file with node: `node .build/test/benchmarks/stitch.js [--quick]`. Each case runs in a
// process of its own, so that its peak memory is its own. Writes .benchmarks/stitch.json.

import { execFileSync } from 'node:child_process'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { constants } from 'node:zlib'
import { makeExrHeader } from '../../shared/adapters/imaging/exr-build.ts'
import { decodedBlockBytes } from '../../shared/adapters/imaging/exr-format.ts'
import { writeExr } from '../../shared/adapters/imaging/exr-writer.ts'
import { stitchTiles } from '../../shared/adapters/imaging/stitch.ts'
import type { StitchTile } from '../../shared/adapters/imaging/stitch.ts'

const CASES = [
  {
    name: '4K RGBA float, 4 x 4 tiles, 4 px overscan',
    width: 3840,
    height: 2160,
    grid: 4,
    overscanPx: 4,
    level: 1,
    quick: true,
  },
  {
    name: '4K RGBA float, 4 x 4 tiles, no overscan',
    width: 3840,
    height: 2160,
    grid: 4,
    overscanPx: 0,
    level: 1,
    quick: true,
  },
  {
    name: '4K RGBA float, 4 x 4 tiles, level 4',
    width: 3840,
    height: 2160,
    grid: 4,
    overscanPx: 4,
    level: 4,
    quick: true,
  },
  {
    name: '4K RGBA float, 4 x 4 tiles, level 6',
    width: 3840,
    height: 2160,
    grid: 4,
    overscanPx: 4,
    level: 6,
    quick: false,
  },
  {
    name: '16384 x 16384 RGBA float, 8 x 8 tiles',
    width: 16384,
    height: 16384,
    grid: 8,
    overscanPx: 4,
    level: 1,
    quick: false,
  },
] as const

type Case = (typeof CASES)[number]
interface Outcome {
  readonly stitchMs: number
  readonly cpuMs: number
  readonly peakRssMiB: number
  readonly outputMiB: number
}

/** The best of a few runs is kept: other work on the machine only ever makes one slower. */
const QUICK_REPEATS = 3
const RGBA = ['R', 'G', 'B', 'A'].map((name) => ({ name, type: 'float' as const }))
const MIB = 1024 * 1024

/** Smooth light with noise in the low bits, like a path-traced image; alpha is 1. The same for the same seed. */
function pixels(width: number, rows: number, seed: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(width * rows * 16)
  const samples = new Float32Array(bytes.buffer)
  let state = seed | 1
  for (let row = 0, at = 0; row < rows; row += 1) {
    for (let channel = 0; channel < 4; channel += 1) {
      for (let x = 0; x < width; x += 1, at += 1) {
        state = (Math.imul(state, 1664525) + 1013904223) | 0
        samples[at] = channel === 0 ? 1 : 0.4 + 0.3 * Math.sin(x / 300 + channel) + 0.05 * ((state >>> 8) / 2 ** 24)
      }
    }
  }
  return bytes
}

function tilesOf(each: Case, folder: string): readonly StitchTile[] {
  const edge = (size: number, index: number): number => Math.round((size * index) / each.grid)
  return Array.from({ length: each.grid ** 2 }, (_, index) => {
    const [row, column] = [Math.floor(index / each.grid), index % each.grid]
    const x = edge(each.width, column)
    const y = edge(each.height, row)
    return {
      path: join(folder, `${index}.exr`),
      placement: { x, y, width: edge(each.width, column + 1) - x, height: edge(each.height, row + 1) - y },
      crop: { left: Math.min(x, each.overscanPx), top: Math.min(y, each.overscanPx) },
    }
  })
}

async function writeTiles(tiles: readonly StitchTile[]): Promise<void> {
  for (const [index, { path, placement, crop }] of tiles.entries()) {
    const header = makeExrHeader({
      width: placement.width + crop.left,
      height: placement.height + crop.top,
      channels: RGBA,
    })
    const block = pixels(header.width, header.rowsPerBlock, index + 1)
    await writeExr(path, header, (at) => block.subarray(0, decodedBlockBytes(header, at)))
  }
}

/** Runs in a child process: stitches once and prints the outcome. */
async function stitchOnce(each: Case, folder: string): Promise<void> {
  const started = performance.now()
  const deflate = { level: each.level, strategy: constants.Z_DEFAULT_STRATEGY }
  const report = await stitchTiles(tilesOf(each, folder), each, join(folder, 'frame.exr'), { deflate })
  if (!report.ok) throw new Error(report.message)
  const outcome: Outcome = {
    stitchMs: Math.round(performance.now() - started),
    cpuMs: Math.round((process.cpuUsage().user + process.cpuUsage().system) / 1000),
    peakRssMiB: Math.round(process.resourceUsage().maxRSS / 1024),
    outputMiB: Math.round(report.outputBytes / MIB),
  }
  process.stdout.write(JSON.stringify(outcome))
}

/** Writes the bytes of the frame, unpacked, as one file and copies it: the least that any stitching costs. */
async function copyMs(each: Case, folder: string): Promise<number> {
  const source = join(folder, 'plain')
  const chunk = pixels(each.width, 64, 1)
  const handle = await open(source, 'w')
  for (let left = each.width * each.height * 16; left > 0; left -= chunk.length)
    await handle.write(chunk, 0, Math.min(left, chunk.length))
  await handle.close()
  const started = performance.now()
  await pipeline(
    createReadStream(source, { highWaterMark: MIB }),
    createWriteStream(join(folder, 'copy'), { highWaterMark: MIB }),
  )
  return Math.round(performance.now() - started)
}

async function measure(each: Case, caseIndex: number): Promise<Record<string, string | number>> {
  const folder = await mkdtemp(join(tmpdir(), 'stitch-benchmark-'))
  try {
    await writeTiles(tilesOf(each, folder))
    const plainCopyMs = await copyMs(each, folder)
    const script = fileURLToPath(import.meta.url)
    const outcomes = Array.from({ length: each.quick ? QUICK_REPEATS : 1 }, (): Outcome => {
      const printed = execFileSync(process.execPath, [script, '--case', String(caseIndex), '--folder', folder], {
        encoding: 'utf8',
      })
      return JSON.parse(printed) as Outcome
    })
    const best = outcomes.toSorted((a, b) => a.stitchMs - b.stitchMs)[0]
    if (best === undefined) throw new Error('no run')
    const rawMiB = Math.round((each.width * each.height * 16) / MIB)
    return {
      case: each.name,
      ...best,
      rawMiB,
      plainCopyMs,
      ratioToCopy: Number((best.stitchMs / plainCopyMs).toFixed(2)),
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const { values } = parseArgs({
  options: { quick: { type: 'boolean' }, case: { type: 'string' }, folder: { type: 'string' } },
})
if (values.case !== undefined && values.folder !== undefined) {
  const each = CASES[Number(values.case)]
  if (each === undefined) throw new RangeError(`--case ${values.case}: there are ${CASES.length}`)
  await stitchOnce(each, values.folder)
} else {
  const rows: Record<string, string | number>[] = []
  for (const [index, each] of CASES.entries()) {
    if (values.quick === true && !each.quick) continue
    rows.push(await measure(each, index))
  }
  console.table(rows)
  await mkdir('.benchmarks', { recursive: true })
  const machine = { node: process.version, cores: availableParallelism() }
  await writeFile('.benchmarks/stitch.json', `${JSON.stringify({ benchmark: 'stitch', machine, rows }, null, 2)}\n`)
}
