// Is an EXR file whole and of the right size? Reads all of it and keeps none.

import { open } from 'node:fs/promises'
import { EXR_BLOCK_BYTES_MAX, EXR_MAGIC, refuseExr, rowsInBlock } from './exr-format.ts'
import type { ExrRefusal } from './exr-format.ts'
import { inOrder } from './exr-pipeline.ts'
import { openExr } from './exr-reader.ts'
import { FinitenessCount } from './stitch-finiteness.ts'

/** Decoded bytes in flight; at least one block, which may be larger. */
const BLOCKS_BYTES_MAX = EXR_BLOCK_BYTES_MAX / 4
const BLOCKS_IN_FLIGHT_MAX = 4

export type ExrCheckRefusal =
  | ExrRefusal
  | { readonly ok: false; readonly code: 'sizes_differ' | 'not_finite'; readonly message: string }

/**
 * Decodes every block. Refused when one is damaged, the image is not of the given size in px, or a channel holds no
 * finite sample (see stitch-finiteness.ts for what is). Errors of the disk are thrown.
 */
export async function checkExr(
  path: string,
  size: { readonly width: number; readonly height: number },
): Promise<{ readonly ok: true } | ExrCheckRefusal> {
  const opened = await openExr(path)
  if (!opened.ok) return opened
  const { reader } = opened
  const { header } = reader
  try {
    if (header.width !== size.width || header.height !== size.height) {
      return {
        ok: false,
        code: 'sizes_differ',
        message: `the image has ${header.width} x ${header.height} px, not ${size.width} x ${size.height}`,
      }
    }
    const finiteness = new FinitenessCount(header, 0, header.width)
    const depth = Math.max(
      1,
      Math.min(BLOCKS_IN_FLIGHT_MAX, Math.floor(BLOCKS_BYTES_MAX / (header.rowBytes * header.rowsPerBlock))),
    )
    const indices = Array.from({ length: header.blockCount }, (_, index) => index)
    for await (const { index, block } of inOrder(indices, depth, async (at) => ({
      index: at,
      block: await reader.readBlock(at),
    }))) {
      if (!block.ok) return refuseExr(block.code, block.message)
      for (let row = 0; row < rowsInBlock(header, index); row += 1)
        finiteness.addRow(block.bytes, row * header.rowBytes)
    }
    const unusable = finiteness.unusableChannel()
    return unusable === undefined
      ? { ok: true }
      : { ok: false, code: 'not_finite', message: `channel ${unusable.channel} holds no finite sample` }
  } finally {
    await reader.close()
  }
}

/** Whether a file begins like an EXR file. */
export async function isExr(path: string): Promise<boolean> {
  const handle = await open(path, 'r')
  try {
    const start = Buffer.alloc(4)
    const { bytesRead } = await handle.read(start, 0, start.length, 0)
    return bytesRead === start.length && start.readUInt32LE(0) === EXR_MAGIC
  } finally {
    await handle.close()
  }
}
