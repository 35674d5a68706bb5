// Writes zstd frames without a compressor: stored blocks and runs are enough for tests.

const MAGIC = Buffer.from([0x28, 0xb5, 0x2f, 0xfd])
/** No checksum, no content size, a window of 128 KiB. */
const FRAME_HEAD = Buffer.concat([MAGIC, Buffer.from([0x00, 7 << 3])])
const BLOCK_BYTES = 128 * 1024

/**
 * Several frames of stored blocks, with and without their size, and at the end a skippable one as Blender writes for
 * its seek table.
 */
export function zstdOf(bytes: Buffer, frameBytes = BLOCK_BYTES): Buffer {
  const frames: Buffer[] = []
  for (let start = 0; start === 0 || start < bytes.length; start += frameBytes) {
    const piece = bytes.subarray(start, start + frameBytes)
    frames.push(start % 2 === 0 ? FRAME_HEAD : sizedFrameHead(piece.length), blockHead(0, piece.length, true), piece)
  }
  const seekTable = Buffer.alloc(17)
  const skippable = Buffer.alloc(8)
  skippable.writeUInt32LE(0x184d2a5e, 0)
  skippable.writeUInt32LE(seekTable.length, 4)
  return Buffer.concat([...frames, skippable, seekTable])
}

/** The head of a frame that says how much it holds, in four bytes, as Blender's do. */
function sizedFrameHead(contentBytes: number): Buffer {
  const size = Buffer.alloc(4)
  size.writeUInt32LE(contentBytes)
  return Buffer.concat([MAGIC, Buffer.from([0xa0]), size])
}

/** One frame: stored bytes, then `runs` runs of 128 KiB of one byte, four bytes each. */
export function zstdRuns(stored: Buffer, byte: number, runs: number): Buffer {
  const run = Buffer.concat([blockHead(1, BLOCK_BYTES, false), Buffer.from([byte])])
  return Buffer.concat([
    FRAME_HEAD,
    blockHead(0, stored.length, false),
    stored,
    ...Array.from({ length: runs }, () => run),
    blockHead(0, 0, true),
  ])
}

/** The head of a frame that asks for a window of `2 ** log` bytes. */
export function zstdFrameWanting(log: number): Buffer {
  return Buffer.concat([MAGIC, Buffer.from([0x00, (log - 10) << 3]), blockHead(0, 0, true)])
}

/** One frame with a window of `2 ** log` bytes and `blocks` blocks of a single byte. */
export function zstdBlocksOfOneByte(log: number, blocks: number): Buffer {
  const block = Buffer.concat([blockHead(0, 1, false), Buffer.from([7])])
  return Buffer.concat([
    MAGIC,
    Buffer.from([0x00, (log - 10) << 3]),
    ...Array.from({ length: blocks }, () => block),
    blockHead(0, 0, true),
  ])
}

function blockHead(type: 0 | 1, size: number, last: boolean): Buffer {
  const head = Buffer.alloc(3)
  head.writeUIntLE((size << 3) | (type << 1) | (last ? 1 : 0), 0, 3)
  return head
}
