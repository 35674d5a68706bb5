// The picture in the README: a frame of the sample scene un-split, cut into tiles and put together by a whole farm, and
// what differs. The last panel shows what differs when the tiles are finished one by one instead.

import { execFile } from 'node:child_process'
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import sharp from 'sharp'
import { tileAt } from '../../../shared/domain/splitting/tiles.ts'
import { sourceFile } from '../../fixtures/driver/lab.ts'
import { TestFarm } from '../../support/farm.ts'
import { differingPixels } from './pixels.ts'

const SCENE = 'services/cli/sample/sample.blend'
const FRAME = 12
const [COLUMNS, ROWS] = [3, 5]
/** Differences are this many times as bright as they are. */
const GAIN = 8
const CAPTION_PX = 34
/** A picture in a README loads on every visit. */
const PICTURE_BYTES_MAX = 120 * 1024

interface Image {
  readonly width: number
  readonly height: number
  /** RGB, 8 bits, row by row. */
  readonly pixels: Buffer
}

/**
 * Writes the picture as a JPEG to `path` and answers how many pixels differ between the un-split frame and the farm's.
 */
export async function drawPicture(path: string): Promise<number | string> {
  const folder = await mkdtemp(join(tmpdir(), 'exactness-picture-'))
  try {
    const barePath = await bareFrame(folder)
    const farmPath = await byFarm(folder)
    const [bare, farm, byHand] = [await read(barePath), await read(farmPath), await tilesByHand(folder)]
    const differing = await differingPixels(barePath, farmPath)
    const total = bare.width * bare.height
    await draw(path, bare, [
      { image: bare, caption: 'one Blender, un-split' },
      { image: farm, caption: `${COLUMNS}x${ROWS} tiles, two workers, put together by Tilework`, marked: true },
      { image: difference(bare, farm), caption: `their difference x ${GAIN}: ${differing} of ${total} pixels` },
      {
        image: difference(bare, byHand),
        caption: `the same if each tile is finished alone: ${countDifferent(bare, byHand)} of ${total}`,
      },
    ])
    return differing
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function bareFrame(folder: string): Promise<string> {
  await blender([
    '--background',
    SCENE,
    '-noaudio',
    '--render-output',
    join(folder, 'bare_####'),
    '--render-frame',
    String(FRAME),
  ])
  return join(folder, `bare_${String(FRAME).padStart(4, '0')}.png`)
}

async function byFarm(folder: string): Promise<string> {
  const farm = await TestFarm.start()
  try {
    await farm.addWorker('one', { threads: 1 })
    await farm.addWorker('two', { threads: 2 })
    const scene = await farm.upload(SCENE, 'sample.blend')
    const job = await farm.submit({
      scene: scene.sha256,
      frames: String(FRAME),
      tiles: { columns: COLUMNS, rows: ROWS },
      video: 'none',
      auditRate: 0,
    })
    const ended = await farm.ended(job.id)
    if (ended.state !== 'completed') throw new Error(`the job ${ended.state}: ${ended.failure?.message}`)
    const frame = (await farm.artifacts(job.id)).find(
      (artifact) => artifact.path.endsWith('.png') && artifact.path.includes('frames/'),
    )
    if (frame === undefined) throw new Error('the farm delivered no frame')
    const kept = join(folder, 'farm.png')
    await copyFile(await farm.download(frame, 'frame.png'), kept)
    return kept
  } finally {
    await farm.stop()
  }
}

async function tilesByHand(folder: string): Promise<Image> {
  await blender([
    '--background',
    SCENE,
    '-noaudio',
    '--python',
    sourceFile('test/fixtures/driver/tiles_by_hand.py'),
    '--',
    String(FRAME),
    String(COLUMNS),
    String(ROWS),
    folder,
  ])
  const { width, height } = await read(join(folder, `bare_${String(FRAME).padStart(4, '0')}.png`))
  const pixels = Buffer.alloc(width * height * 3)
  for (let index = 0; index < COLUMNS * ROWS; index += 1) {
    const { placement } = tileAt(width, height, { columns: COLUMNS, rows: ROWS, overscanPx: 0 }, index)
    const tile = await read(join(folder, `${index}.png`))
    for (let row = 0; row < tile.height; row += 1)
      tile.pixels.copy(
        pixels,
        ((placement.y + row) * width + placement.x) * 3,
        row * tile.width * 3,
        (row + 1) * tile.width * 3,
      )
  }
  return { width, height, pixels }
}

async function blender(options: readonly string[]): Promise<void> {
  await promisify(execFile)('blender', [...options], { maxBuffer: 256 * 1024 * 1024 })
}

async function read(path: string): Promise<Image> {
  const { data, info } = await sharp(path).removeAlpha().raw().toBuffer({ resolveWithObject: true })
  return { width: info.width, height: info.height, pixels: data }
}

function difference(one: Image, other: Image): Image {
  return {
    ...one,
    pixels: Buffer.from(one.pixels.map((value, at) => Math.min(255, GAIN * Math.abs(value - (other.pixels[at] ?? 0))))),
  }
}

function countDifferent(one: Image, other: Image): number {
  let count = 0
  for (let at = 0; at < one.pixels.length; at += 3)
    if (one.pixels.compare(other.pixels, at, at + 3, at, at + 3) !== 0) count += 1
  return count
}

interface Panel {
  readonly image: Image
  readonly caption: string
  /** Whether ticks at the edges show where the tiles met. */
  readonly marked?: boolean
}

async function draw(path: string, { width, height }: Image, panels: readonly Panel[]): Promise<void> {
  const pitch = { x: width + 8, y: height + CAPTION_PX }
  const at = (index: number): { left: number; top: number } => ({
    left: (index % 2) * pitch.x,
    top: Math.floor(index / 2) * pitch.y,
  })
  const texts = panels.map(
    ({ caption }, index) =>
      `<text x="${at(index).left + 4}" y="${at(index).top + height + 22}" font-family="DejaVu ` +
      `Sans, sans-serif" font-size="15" fill="#ddd">${caption}</text>`,
  )
  const ticks = panels.flatMap(({ marked }, index) => (marked === true ? seamTicks(width, height, at(index)) : []))
  const svg =
    `<svg xmlns="http://www.w3.org/2000/svg" width="${2 * width + 8}" ` +
    `height="${2 * pitch.y}">${texts.join('')}${ticks.join('')}</svg>`
  const layers = panels.map(({ image }, index) => ({
    input: image.pixels,
    raw: { width, height, channels: 3 as const },
    ...at(index),
  }))
  const canvas = await sharp({
    create: { width: 2 * width + 8, height: 2 * pitch.y, channels: 3, background: '#1b1b1b' },
  })
    .composite([...layers, { input: Buffer.from(svg), left: 0, top: 0 }])
    .png()
    .toBuffer()
  for (let quality = 88; quality >= 40; quality -= 6) {
    const jpeg = await sharp(canvas).jpeg({ quality, mozjpeg: true }).toBuffer()
    if (jpeg.length > PICTURE_BYTES_MAX) continue
    await writeFile(path, jpeg)
    return
  }
  throw new Error(`the picture does not fit into ${PICTURE_BYTES_MAX} bytes`)
}

function seamTicks(
  width: number,
  height: number,
  { left, top }: { readonly left: number; readonly top: number },
): string[] {
  const line = (x1: number, y1: number, x2: number, y2: number): string =>
    `<line x1="${left + x1}" y1="${top + y1}" x2="${left + x2}" y2="${top + y2}" stroke="#fff" stroke-width="1.5"/>`
  const across = Array.from({ length: COLUMNS - 1 }, (_, index) => Math.floor((width * (index + 1)) / COLUMNS)).flatMap(
    (x) => [line(x, 0, x, 9), line(x, height - 9, x, height)],
  )
  const down = Array.from({ length: ROWS - 1 }, (_, index) => Math.floor((height * (index + 1)) / ROWS)).flatMap(
    (y) => [line(0, y, 9, y), line(width - 9, y, width, y)],
  )
  return [...across, ...down]
}
