// An EXR file being written, block by block. The offset table comes last, so a file that was not
// finished is refused by every reader, ours included.

import assert from 'node:assert/strict'
import { open } from 'node:fs/promises'
import { DEFLATE_DEFAULT, encodeExrBlock } from './exr-block.ts'
import { decodedBlockBytes } from './exr-format.ts'
import type { ExrHeader } from './exr-format.ts'
import { encodeExrHeader } from './exr-header.ts'
import { inOrder } from './exr-pipeline.ts'

const BLOCKS_IN_FLIGHT = 4

export interface ExrWriter {
  /** Appends packed block `index`. Blocks come in the line order of the header, each once. */
  append(index: number, packed: Buffer): Promise<void>
  /** Writes the offset table and closes; gives the length of the file. Every block must have been appended. */
  finish(): Promise<number>
  /** Closes without finishing. Legal after finish. */
  abandon(): Promise<void>
}

/** Block indices in the order in which they lie in the file. */
export function blocksInFileOrder(header: ExrHeader): readonly number[] {
  const indices = Array.from({ length: header.blockCount }, (_, index) => index)
  return header.lineOrder === 'increasing' ? indices : indices.reverse()
}

/** Creates (or empties) the file and writes the header. Errors of the disk are thrown. */
export async function createExr(path: string, header: ExrHeader): Promise<ExrWriter> {
  const head = encodeExrHeader(header)
  const table = Buffer.alloc(header.blockCount * 8)
  const order = blocksInFileOrder(header)
  const handle = await open(path, 'w')
  let position = 0
  let appended = 0
  let closed = false

  const close = async (): Promise<void> => {
    if (closed) return
    closed = true
    await handle.close()
  }
  const writeAll = async (parts: readonly Buffer[], at: number): Promise<number> => {
    let end = at
    for (const part of parts) {
      for (let done = 0; done < part.length;) {
        const { bytesWritten } = await handle.write(part, done, part.length - done, end)
        done += bytesWritten
        end += bytesWritten
      }
    }
    return end
  }

  try {
    position = await writeAll([head, table], 0)
  } catch (error) {
    await close()
    throw error
  }
  return {
    async append(index, packed) {
      assert.equal(index, order[appended], 'blocks are appended in the line order of the header')
      appended += 1
      table.writeBigUInt64LE(BigInt(position), index * 8)
      const prefix = Buffer.alloc(8)
      prefix.writeInt32LE(header.dataWindow.yMin + index * header.rowsPerBlock, 0)
      prefix.writeInt32LE(packed.length, 4)
      position = await writeAll([prefix, packed], position)
    },
    async finish() {
      assert.equal(appended, header.blockCount, 'every block is written before the file is finished')
      await writeAll([table], head.length)
      await close()
      return position
    },
    abandon: close,
  }
}

/**
 * Writes a whole file; `rawBlock(index)` gives the rows of each block as `ExrReader.readBlock` would.
 * Errors of the disk are thrown and leave an unfinished file behind.
 */
export async function writeExr(path: string, header: ExrHeader, rawBlock: (index: number) => Buffer): Promise<void> {
  const writer = await createExr(path, header)
  try {
    const packedBlocks = inOrder(blocksInFileOrder(header), BLOCKS_IN_FLIGHT, async (index) => {
      const raw = rawBlock(index)
      assert.equal(raw.length, decodedBlockBytes(header, index), `bytes of block ${index}`)
      return {
        index,
        packed: await encodeExrBlock(raw, header.compression, DEFLATE_DEFAULT, Buffer.allocUnsafe(raw.length)),
      }
    })
    for await (const { index, packed } of packedBlocks) await writer.append(index, packed)
    await writer.finish()
  } finally {
    await writer.abandon()
  }
}
