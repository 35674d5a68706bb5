import { describe, expect, it } from 'vitest'
import { BlendFault } from '../../../../shared/adapters/scene-files/blend-fault.ts'
import { ZstdFrames } from '../../../../shared/adapters/scene-files/zstd-frames.ts'
import { zstdBlocksOfOneByte, zstdFrameWanting, zstdOf, zstdRuns } from './zstd-bytes.ts'

function unfold(compressed: Buffer, sliceBytes: number): Buffer {
  const pieces: Buffer[] = []
  const frames = new ZstdFrames((bytes) => pieces.push(Buffer.from(bytes)))
  for (let start = 0; start < compressed.length; start += sliceBytes)
    frames.push(compressed.subarray(start, start + sliceBytes))
  frames.finish()
  return Buffer.concat(pieces)
}

function faultOf(compressed: Buffer): string {
  try {
    unfold(compressed, 4_096)
    return 'none'
  } catch (error) {
    if (error instanceof BlendFault) return error.code
    throw error
  }
}

describe('zstd data in frames', () => {
  const contents = Buffer.from(Array.from({ length: 3_000 }, (_, index) => index % 251))

  it.each([1, 2, 7, 4_096])('unfold to the same bytes when they come %d at a time', (sliceBytes) => {
    expect(unfold(zstdOf(contents, 333), sliceBytes).equals(contents)).toBe(true)
  })

  it('may hold a frame of nothing', () => {
    expect(unfold(zstdOf(Buffer.alloc(0)), 5)).toHaveLength(0)
  })

  it('unfold runs', () => {
    const unfolded = unfold(zstdRuns(contents, 7, 3), 4_096)
    expect(unfolded).toHaveLength(contents.length + 3 * 128 * 1024)
    expect(unfolded.at(-1)).toBe(7)
  })

  it('are refused a window that would fill memory', () => {
    expect(faultOf(zstdFrameWanting(23))).toBe('none')
    expect(faultOf(zstdFrameWanting(24))).toBe('blend_too_large')
    expect(faultOf(zstdFrameWanting(41))).toBe('blend_too_large')
  })

  it('are refused blocks so tiny that decoding them would take hours', () => {
    expect(faultOf(zstdBlocksOfOneByte(20, 2_000))).toBe('none')
    expect(faultOf(zstdBlocksOfOneByte(23, 2_000))).toBe('blend_too_large')
  })

  it('are damaged when a frame does not begin where the last one ends', () => {
    expect(faultOf(Buffer.concat([zstdOf(contents), Buffer.from('and so on')]))).toBe('blend_corrupt')
  })

  it('are cut off when a frame is not whole', () => {
    expect(faultOf(zstdOf(contents).subarray(0, -1))).toBe('blend_truncated')
  })
})
