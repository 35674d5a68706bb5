/** The readers of files: scenes (.blend in all its wrappings, .zip), and images. */
import { execFileSync } from 'node:child_process'
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { compareExr } from '../../shared/adapters/imaging/compare-exr.ts'
import { makeExrHeader } from '../../shared/adapters/imaging/exr-build.ts'
import { checkExr } from '../../shared/adapters/imaging/exr-check.ts'
import { rowsInBlock } from '../../shared/adapters/imaging/exr-format.ts'
import { writeExr } from '../../shared/adapters/imaging/exr-writer.ts'
import { stitchTiles } from '../../shared/adapters/imaging/stitch.ts'
import { BlendFault } from '../../shared/adapters/scene-files/blend-fault.ts'
import { lookAtProjectZip } from '../../shared/adapters/scene-files/project-zip.ts'
import { readBlend } from '../../shared/adapters/scene-files/read-blend.ts'
import { ZstdFrames } from '../../shared/adapters/scene-files/zstd-frames.ts'
import { SceneFacts } from '../../shared/protocol/scene-facts.ts'
import { smallBlend } from '../fixtures/scenes/small-blend.ts'
import { writeParts } from '../unit/adapters/imaging/parts.ts'
import { zipOf } from '../unit/adapters/scene-files/zip-bytes.ts'
import { zstdBlocksOfOneByte, zstdOf, zstdRuns } from '../unit/adapters/scene-files/zstd-bytes.ts'
import { readFile } from 'node:fs/promises'
import { spoiled } from './mutate.ts'
import type { Target } from './target.ts'

/** All of them, with `folder` for their files. */
export async function fileTargets(folder: string): Promise<Target[]> {
  const blend = smallBlend()
  const blends = [
    blend,
    smallBlend({ layout: 'narrow64', version: 304 }),
    smallBlend({ layout: 'narrow32', version: 279 }),
    gzipSync(blend),
    zstdOf(blend, 701),
  ]
  const zips = [
    await zipOf(
      'film/',
      { name: 'film/shot.blend', contents: blend },
      { name: 'film/tex/wood.png', contents: 'x'.repeat(5_000) },
      { name: 'film/a.txt', stored: true, contents: 'PROPS' },
    ),
    await zipOf({ name: 'a.blend', contents: blend }, 'b/', { name: 'b/c.blend', contents: blend, stored: true }),
  ]
  const zstds = [zstdOf(blend, 701), zstdRuns(blend.subarray(0, 300), 7, 4), zstdBlocksOfOneByte(17, 20)]
  const images = await someExrs(folder)
  const path = (name: string) => join(folder, name)
  return [
    {
      name: 'blend',
      input: (random) => spoiled(random, blends),
      async take(input) {
        await writeFile(path('scene.blend'), input)
        const read = await readBlend(path('scene.blend'))
        if (!read.ok) return read.code
        SceneFacts.parse(read.value)
        return 'read'
      },
      close: async () => undefined,
    },
    {
      name: 'zip',
      input: (random) => spoiled(random, zips),
      async take(input) {
        await writeFile(path('project.zip'), input)
        try {
          const opened = await lookAtProjectZip(path('project.zip'), path('project'))
          const left = await readdir(folder)
          if (!opened.ok && left.includes('project'))
            throw new Error(`refused as ${opened.code}, and ${left.join(', ')} is left behind`)
          return opened.ok ? 'looked at' : opened.code
        } finally {
          await rm(path('project'), { recursive: true, force: true })
        }
      },
      close: async () => undefined,
    },
    {
      name: 'zstd',
      input: (random) => spoiled(random, zstds),
      async take(input) {
        let bytes = 0
        const frames = new ZstdFrames((piece) => (bytes += piece.length))
        try {
          for (let at = 0; at < input.length; at += 1_000) frames.push(input.subarray(at, at + 1_000))
        } catch (error) {
          if (error instanceof BlendFault) return error.code
          throw error
        }
        return bytes > 2 ** 28 ? 'much' : 'decoded'
      },
      close: async () => undefined,
    },
    {
      name: 'exr',
      input: (random) => spoiled(random, images),
      async take(input) {
        await writeFile(path('fuzz.exr'), input)
        const checked = await checkExr(path('fuzz.exr'), { width: 12, height: 20 })
        const compared = await compareExr(path('fuzz.exr'), path('whole0.exr'))
        const tiles = [
          { path: path('fuzz.exr'), placement: { x: 0, y: 0, width: 12, height: 20 }, crop: { left: 0, top: 0 } },
        ]
        const stitched = await stitchTiles(tiles, { width: 12, height: 20 }, path('stitched.exr'))
        if (stitched.ok && !checked.ok) throw new Error(`stitched from an image that is ${checked.code}`)
        return [checked, compared, stitched].map((each) => (each.ok ? 'read' : each.code)).join(' ')
      },
      close: async () => undefined,
    },
    pythonExr(folder, images),
  ]
}

/** The driver's own reader, a lot of files in one go: starting Python costs more than reading. */
function pythonExr(folder: string, images: readonly Buffer[]): Target {
  const LOT = 100
  const waiting: Buffer[] = []
  const read = async () => {
    if (waiting.length === 0) return
    const lot = waiting.splice(0)
    await rm(join(folder, 'lot'), { recursive: true, force: true })
    await mkdir(join(folder, 'lot'), { recursive: true })
    for (const [at, bytes] of lot.entries()) await writeFile(join(folder, 'lot', `${at}.exr`), bytes)
    const answer = execFileSync('python3', ['-c', READ_LOT, join(folder, 'lot')], {
      cwd: 'blender-worker',
      encoding: 'utf8',
      timeout: 20_000,
      maxBuffer: 2 ** 24,
    })
    if (!answer.endsWith(`read ${lot.length}\n`))
      throw new Error(`the driver's reader stumbled: ${answer.slice(-2_000)}`)
  }
  return {
    name: 'exr-python',
    input: (random) => spoiled(random, images),
    async take(input) {
      waiting.push(input)
      if (waiting.length >= LOT) await read()
      return 'taken'
    },
    settle: read,
    close: read,
  }
}

const READ_LOT = `
import os, resource, sys
sys.path.insert(0, '.')
from driver import exr_header, exr_pixels
from driver.failure import Failure
# More than a header may take and twice a row of what the files say: beyond is a lie that was believed.
resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
folder, count = sys.argv[1], 0
for name in sorted(os.listdir(folder)):
    path = os.path.join(folder, name)
    try:
        header = exr_header.read(path)
        for _ in exr_pixels.rows(path, header): pass
    # Only Blender's Python has numpy, which the last step of unpacking needs.
    except (Failure, ModuleNotFoundError): pass
    count += 1
print('read', count)
`

async function someExrs(folder: string): Promise<Buffer[]> {
  const channels = [
    { name: 'A', type: 'half' },
    { name: 'B', type: 'float' },
    { name: 'Id', type: 'uint' },
  ] as const
  const attributes = [{ name: 'BlenderMultiChannel', type: 'string', value: Buffer.from('Blender V2.55.1 and newer') }]
  const images: Buffer[] = []
  for (const [at, compression] of (['zip', 'zips', 'none', 'rle'] as const).entries()) {
    const header = makeExrHeader({ width: 12, height: 20, channels, compression, attributes })
    const path = join(folder, `whole${at}.exr`)
    await writeExr(path, header, (index) =>
      Buffer.from(
        Array.from({ length: rowsInBlock(header, index) * header.rowBytes }, (_, byte) =>
          byte % 8 < 6 ? 60 : (byte * 7) % 60,
        ),
      ),
    )
    images.push(await readFile(path))
  }
  const parts = channels.map((channel, part) => ({
    width: 12,
    height: 20,
    name: `part${part}`,
    channels: [channel],
    attributes,
  }))
  images.push(await writeParts(join(folder, 'parts.exr'), parts.slice(0, 2), (_channel, x, y) => x * y))
  return images
}
