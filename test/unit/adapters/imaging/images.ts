// Small images made up by the tests, and whole images read back.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { makeExrHeader } from '../../../../shared/adapters/imaging/exr-build.ts'
import type { NewExr } from '../../../../shared/adapters/imaging/exr-build.ts'
import { rowsInBlock } from '../../../../shared/adapters/imaging/exr-format.ts'
import type { ExrHeader } from '../../../../shared/adapters/imaging/exr-format.ts'
import { openExr } from '../../../../shared/adapters/imaging/exr-reader.ts'
import { writeExr } from '../../../../shared/adapters/imaging/exr-writer.ts'

/** A folder for one test file, removed after its tests. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'imaging-test-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Bytes that look like nothing in particular and are the same each time. */
export function noise(length: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(length)
  let state = seed
  for (let at = 0; at < length; at += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    bytes[at] = state >>> 24
  }
  return bytes
}

/** Writes an image whose rows, laid out as in a decoded block, are `pixels`. */
export async function writeImage(path: string, image: NewExr, pixels: Buffer): Promise<ExrHeader> {
  const header = makeExrHeader(image)
  await writeExr(path, header, (index) => {
    const start = index * header.rowsPerBlock * header.rowBytes
    return pixels.subarray(start, start + rowsInBlock(header, index) * header.rowBytes)
  })
  return header
}

/** An image of `channels` x float samples given by a function of channel name, x and y. */
export async function writeFloats(
  path: string,
  image: NewExr,
  sample: (channel: string, x: number, y: number) => number,
): Promise<ExrHeader> {
  const header = makeExrHeader(image)
  const floats = new Float32Array(header.width * header.height * header.channels.length)
  let at = 0
  for (let y = 0; y < header.height; y += 1) {
    for (const channel of header.channels) {
      for (let x = 0; x < header.width; x += 1) floats[at++] = sample(channel.name, x, y)
    }
  }
  return writeImage(path, image, Buffer.from(floats.buffer))
}

/** A whole file's header and rows; fails the test when it is refused. */
export async function readImage(path: string): Promise<{ readonly header: ExrHeader; readonly pixels: Buffer }> {
  const opened = await openExr(path)
  if (!opened.ok) throw new Error(opened.message)
  const { reader } = opened
  try {
    const blocks: Buffer[] = []
    for (let index = 0; index < reader.header.blockCount; index += 1) {
      const block = await reader.readBlock(index)
      if (!block.ok) throw new Error(block.message)
      blocks.push(block.bytes)
    }
    return { header: reader.header, pixels: Buffer.concat(blocks) }
  } finally {
    await reader.close()
  }
}

export const RGBA_FLOAT = ['A', 'B', 'G', 'R'].map((name) => ({ name, type: 'float' as const }))
