// What the verifier finds out of two renderings of a task, from the very files.

import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import { describe, expect, test } from 'vitest'
import { compareRenderings, type LocalFile } from '../../../../services/verifier/compare-renderings.ts'
import { waveFile } from '../../adapters/imaging/waves.ts'
import { farmImaging } from '../../../../shared/adapters/imaging/imaging.ts'
import type { FileRole } from '../../../../shared/protocol/task.ts'
import { Sha256 } from '../../../../shared/protocol/ids.ts'
import { aPlan, aTask } from '../../domain/records.ts'
import { RGBA_FLOAT, scratchFolder, writeFloats } from '../../adapters/imaging/images.ts'
import { writeParts } from '../../adapters/imaging/parts.ts'

const folder = scratchFolder()
const SIZE = { width: 32, height: 32 }
const of = { plan: aPlan(SIZE), task: aTask() }
let made = 0

async function local(role: FileRole, path: string): Promise<LocalFile> {
  return {
    name: `0001.${role}${path.slice(path.lastIndexOf('.'))}`,
    frame: 1,
    role,
    bytes: (await stat(path)).size,
    sha256: Sha256.parse('0'.repeat(64)),
    path,
  }
}

async function exr(
  role: FileRole,
  change: (bytes: Buffer) => Buffer = (bytes) => bytes,
  size = SIZE,
): Promise<LocalFile> {
  const path = join(folder, `${made++}.exr`)
  await writeFloats(path, { ...size, channels: RGBA_FLOAT }, (_channel, x, y) => x + y)
  await writeFile(path, change(await readFile(path)))
  return local(role, path)
}

async function png(role: FileRole, background = '#28c'): Promise<LocalFile> {
  const path = join(folder, `${made++}.png`)
  await sharp({ create: { ...SIZE, channels: 3, background } })
    .png()
    .toFile(path)
  return local(role, path)
}

/** As if it were packed by another method. */
const packedBy =
  (method: number) =>
  (bytes: Buffer): Buffer => {
    bytes.writeUInt8(method, bytes.indexOf('compression\0compression\0') + 28)
    return bytes
  }
const dwaa = packedBy(8)
const compare = (a: readonly LocalFile[], b: readonly LocalFile[]) => compareRenderings(farmImaging, of, a, b)

describe('two renderings', () => {
  test('whose final files nobody here reads agree by the others', async () => {
    const rendering = async () => [await exr('final', dwaa), await exr('raw'), await png('display')]
    expect(await compare(await rendering(), await rendering())).toEqual({
      type: 'verdict',
      told: { verdict: 'agreed' },
    })
  })

  test('of a sound agree but for the rounding of samples, and a damaged one is told', async () => {
    const wave = async (samples: readonly number[], rate = 48_000) => {
      const path = join(folder, `${made++}.wav`)
      await writeFile(path, waveFile(samples, { rate }))
      return local('sound', path)
    }
    const sound = { frame: 1, first: 1, last: 1, codec: 'pcm', kbits: 0, rate: 48_000, channels: 1 } as const
    const film = { ...of, plan: { ...of.plan, sound } }
    const verdict = async (a: LocalFile, b: LocalFile) => compareRenderings(farmImaging, film, [a], [b])
    expect(await verdict(await wave([5, 6]), await wave([6, 6]))).toMatchObject({ told: { verdict: 'agreed' } })
    expect(await verdict(await wave([5, 6]), await wave([50, 6]))).toMatchObject({ told: { verdict: 'refuted' } })
    expect(await verdict(await wave([5, 6]), await wave([5, 6], 8_000))).toMatchObject({ type: 'damaged', which: 'b' })
  })

  test('of a kind that nobody decodes agree where their bytes do, and say nothing else', async () => {
    const bmp = async (color: number, sha256: string) => {
      const path = join(folder, `${made++}.bmp`)
      const header = Buffer.from('424d36120000000000003600000028000000300000002000000001001800', 'hex')
      header.writeInt32LE(SIZE.width, 18)
      header.writeInt32LE(SIZE.height, 22)
      await writeFile(path, Buffer.concat([header, Buffer.alloc(100, color)]))
      return { ...(await local('final', path)), sha256: Sha256.parse(sha256.repeat(64)) }
    }
    expect(await compare([await bmp(1, 'a')], [await bmp(1, 'a')])).toMatchObject({ told: { verdict: 'agreed' } })
    expect(await compare([await bmp(1, 'a')], [await bmp(2, 'b')])).toMatchObject({
      told: { verdict: 'unread', why: expect.stringMatching(/\.bmp are not decoded/) },
    })
    expect(await compare([await bmp(1, 'a')], [await png('final')])).toMatchObject({ told: { verdict: 'refuted' } })
  })

  test('whose other files contradict each other do so, whatever is not read', async () => {
    const rendering = async (color: string) => [await exr('final', dwaa), await png('display', color)]
    expect(await compare(await rendering('#28c'), await rendering('#fff'))).toEqual({
      type: 'verdict',
      told: { verdict: 'refuted' },
    })
  })

  test('of which nothing is read are not compared, and it is told why', async () => {
    expect(await compare([await exr('raw', dwaa)], [await exr('raw', dwaa)])).toEqual({
      type: 'verdict',
      told: { verdict: 'unread', why: expect.stringMatching(/^0001.raw.exr: compression DWAA/) },
    })
  })

  test('of which one is not read, or both for other reasons, ask a third worker', async () => {
    for (const [a, b] of [
      [await exr('raw', dwaa), await exr('raw')],
      [await exr('raw'), await exr('raw', dwaa)],
      [await exr('raw', dwaa), await exr('raw', packedBy(4))],
    ] as const) {
      expect(await compare([a], [b])).toMatchObject({
        type: 'verdict',
        told: { verdict: 'grey', why: expect.stringContaining('compression') },
      })
    }
  })

  test('one in several parts and one in one part agree', async () => {
    const path = join(folder, 'parts.exr')
    const channels = [RGBA_FLOAT.slice(0, 3), RGBA_FLOAT.slice(3)]
    await writeParts(
      path,
      channels.map((own, index) => ({ ...SIZE, name: `part${index}`, channels: own })),
      (_channel, x, y) => x + y,
    )
    expect(await compare([await local('raw', path)], [await exr('raw')])).toEqual({
      type: 'verdict',
      told: { verdict: 'agreed' },
    })
  })
})

describe('a rendering that is no sound result', () => {
  test.each<[string, () => Promise<LocalFile>, RegExp]>([
    ['is cut off', () => exr('raw', (bytes) => bytes.subarray(0, bytes.length - 20)), /ends/],
    ['is no such image', () => exr('raw', () => Buffer.from('not an image at all')), /./],
    [
      'has another size than the plan',
      () => exr('raw', undefined, { width: 31, height: 32 }),
      /31 x 32 px, not 32 x 32/,
    ],
  ])('as its file %s is told, whichever of the two it is and whatever the other is', async (_, damaged, why) => {
    for (const other of [await exr('raw'), await exr('raw', dwaa)]) {
      expect(await compare([await damaged()], [other])).toEqual({
        type: 'damaged',
        which: 'a',
        why: expect.stringMatching(why),
      })
      expect(await compare([other], [await damaged()])).toEqual({
        type: 'damaged',
        which: 'b',
        why: expect.stringMatching(why),
      })
    }
  })
})
