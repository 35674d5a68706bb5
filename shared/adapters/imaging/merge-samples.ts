// Puts renders of parts of a frame's samples together, in memory that does not grow with the number of parts: a band of
// rows is summed part by part, and each part has one block of rows in memory while its turn is. The sum of samples is
// made in another order than un-split, so the result is not bit-identical: blender-worker/driver/README.md has the
// measured distance.

import { mkdtemp, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { SampledFile } from '../../ports/imaging.ts'
import { LIMITS } from '../../protocol/limits.ts'
import { shapeDifference } from './compare-exr-rows.ts'
import type { ComparisonRefusal } from './compare-exr-rows.ts'
import { DEFLATE_DEFAULT, encodeExrBlock } from './exr-block.ts'
import { decodedBlockBytes, rowsInBlock } from './exr-format.ts'
import type { ExrHeader, ExrRefusal, ExrRefusalCode } from './exr-format.ts'
import { deriveExrHeader } from './exr-header.ts'
import { inOrder } from './exr-pipeline.ts'
import { openExr } from './exr-reader.ts'
import type { ExrReader } from './exr-reader.ts'
import { blocksInFileOrder, createExr } from './exr-writer.ts'
import { passRules } from './merge-passes.ts'
import type { MergeRefusal, PassRule, Rgb } from './merge-passes.ts'
import { FinitenessCount } from './stitch-finiteness.ts'

/** Bytes that the bands in flight may take; at least one band is worked on. */
const BANDS_BYTES_MAX = 64 * 1024 * 1024
/**
 * A band has its sums in 64-bit floats, the merged rows, these packed, and rows of one part decoded and still packed.
 */
const COPIES_PER_BAND = 6
const BANDS_IN_FLIGHT_MAX = 4

export interface MergeSamplesRefusal {
  readonly ok: false
  readonly code:
    | ExrRefusalCode
    | ComparisonRefusal['code']
    | MergeRefusal['code']
    | 'blocks_differ'
    | 'no_parts'
    | 'too_many_parts'
    | 'samples_invalid'
    | 'not_finite'
  readonly message: string
  /** The part at fault, as an index into `parts`, where it is one part's fault. */
  readonly partIndex?: number
}

interface OpenPart {
  readonly reader: ExrReader
  readonly finiteness: FinitenessCount
  readonly samples: number
}

/**
 * Writes the frame whose samples are those of all parts to `outputPath`, weighted by their numbers, in the compression
 * and with the attributes of the first part, which must be the one with sample 0. Refused when the parts do not go
 * together, or hold a pass that cannot be made from parts (see merge-passes.ts). The file appears only when it is
 * whole; disk errors are thrown.
 */
export async function mergeSamples(
  parts: readonly SampledFile[],
  outputPath: string,
): Promise<{ readonly ok: true; readonly samples: number; readonly outputBytes: number } | MergeSamplesRefusal> {
  if (parts.length === 0) return { ok: false, code: 'no_parts', message: 'there are no parts to merge' }
  if (parts.length > LIMITS.sampleRangesMax)
    return {
      ok: false,
      code: 'too_many_parts',
      message: `${parts.length} parts; at most ${LIMITS.sampleRangesMax} are merged`,
    }
  const wrong = parts.findIndex((part) => !Number.isSafeInteger(part.samples) || part.samples < 1)
  if (wrong >= 0)
    return {
      ok: false,
      code: 'samples_invalid',
      message: `part ${wrong} has ${parts[wrong]?.samples} samples; a part has a whole number of at least 1`,
      partIndex: wrong,
    }

  const readers: ExrReader[] = []
  const scratchFolder = await mkdtemp(join(dirname(outputPath), '.merge-'))
  try {
    const opened = await openParts(parts, readers)
    if (!opened.ok) return opened
    const { rules } = opened
    const samples = parts.reduce((sum, part) => sum + part.samples, 0)
    const header = mergedHeader(opened.header, samples)
    if (!header.ok) return header
    const open = readers.map((reader, index): OpenPart => ({
      reader,
      finiteness: new FinitenessCount(reader.header, 0, reader.header.width),
      samples: parts[index]?.samples ?? 0,
    }))
    const scratchPath = join(scratchFolder, basename(outputPath))
    const outputBytes = await writeMerged(open, rules, header.header, scratchPath)
    if (typeof outputBytes !== 'number') return outputBytes
    for (const [partIndex, part] of open.entries()) {
      const unusable = part.finiteness.unusableChannel()
      if (unusable !== undefined)
        return {
          ok: false,
          code: 'not_finite',
          message: `part ${partIndex}: channel ${unusable.channel} holds no finite sample`,
          partIndex,
        }
    }
    await rename(scratchPath, outputPath)
    return { ok: true, samples, outputBytes }
  } finally {
    await Promise.allSettled(readers.map((reader) => reader.close()))
    await rm(scratchFolder, { recursive: true, force: true })
  }
}

/** Opens every part into `readers`, which the caller closes, and holds each against the first. */
async function openParts(
  parts: readonly SampledFile[],
  readers: ExrReader[],
): Promise<
  { readonly ok: true; readonly header: ExrHeader; readonly rules: readonly PassRule[] } | MergeSamplesRefusal
> {
  for (const [partIndex, part] of parts.entries()) {
    const opened = await openExr(part.path)
    if (!opened.ok) return { ...opened, message: `part ${partIndex}: ${opened.message}`, partIndex }
    readers.push(opened.reader)
    const first = readers[0]
    const differs = first === undefined ? undefined : shapeDifference(first.header, opened.reader.header)
    if (differs !== undefined)
      return {
        ok: false,
        code: differs.code,
        message: `part ${partIndex} does not go with the first: ${differs.message}`,
        partIndex,
      }
    // What one program renders has one layout. Blocks that do not meet would have to be decoded again and again, or
    // kept.
    if (first !== undefined && first.header.rowsPerBlock !== opened.reader.header.rowsPerBlock) {
      return {
        ok: false,
        code: 'blocks_differ',
        message:
          `part ${partIndex} is packed by ${opened.reader.header.rowsPerBlock} ` +
          `rows, the first by ${first.header.rowsPerBlock}`,
        partIndex,
      }
    }
  }
  const [first] = readers
  if (first === undefined) throw new Error('at least one part was opened')
  const rules = passRules(first.header)
  return rules.ok ? { ok: true, header: first.header, rules: rules.rules } : rules
}

/** The first part's header, with the number of samples that Cycles notes for each layer set to that of the whole. */
function mergedHeader(header: ExrHeader, samples: number): ReturnType<typeof deriveExrHeader> | ExrRefusal {
  const ofSamples = /^cycles\..*\.samples$/
  const attributes = header.attributes.map((attribute) =>
    attribute.type === 'string' && ofSamples.test(attribute.name)
      ? { ...attribute, value: Buffer.from(String(samples), 'latin1') }
      : attribute,
  )
  return deriveExrHeader(attributes, header.longNames)
}

/** The length of the finished file, or why there is none. */
async function writeMerged(
  parts: readonly OpenPart[],
  rules: readonly PassRule[],
  header: ExrHeader,
  path: string,
): Promise<number | MergeSamplesRefusal> {
  const bandBytes = decodedBlockBytes(header, 0)
  const depth = Math.max(1, Math.min(BANDS_IN_FLIGHT_MAX, Math.floor(BANDS_BYTES_MAX / (bandBytes * COPIES_PER_BAND))))
  const merge = async (
    band: number,
  ): Promise<{ readonly ok: true; readonly band: number; readonly packed: Buffer } | MergeSamplesRefusal> => {
    const rows = rowsInBlock(header, band)
    const sums = new BandSums(header, rules, rows)
    for (const [partIndex, part] of parts.entries()) {
      const block = await part.reader.readBlock(band)
      if (!block.ok) return { ok: false, code: block.code, message: `part ${partIndex}: ${block.message}`, partIndex }
      for (let row = 0; row < rows; row += 1) {
        part.finiteness.addRow(block.bytes, row * header.rowBytes)
        sums.add(block.bytes, row * header.rowBytes, row, part.samples, partIndex === 0)
      }
    }
    const raw = sums.merged(parts.reduce((sum, part) => sum + part.samples, 0))
    return {
      ok: true,
      band,
      packed: await encodeExrBlock(raw, header.compression, DEFLATE_DEFAULT, Buffer.allocUnsafeSlow(raw.length)),
    }
  }
  const writer = await createExr(path, header)
  try {
    for await (const result of inOrder(blocksInFileOrder(header), depth, merge)) {
      if (!result.ok) return result
      await writer.append(result.band, result.packed)
    }
    return await writer.finish()
  } finally {
    await writer.abandon()
  }
}

/** Weighted sums of a band's samples, in 64-bit floats: rows, channels, columns. */
class BandSums {
  readonly #rules: readonly PassRule[]
  readonly #width: number
  readonly #rowSamples: number
  readonly #sums: Float64Array
  readonly #row: Float32Array
  readonly #rowBytes: Buffer

  constructor(header: ExrHeader, rules: readonly PassRule[], rows: number) {
    this.#rules = rules
    this.#width = header.width
    this.#rowSamples = header.width * header.channels.length
    this.#sums = new Float64Array(rows * this.#rowSamples)
    this.#row = new Float32Array(this.#rowSamples)
    this.#rowBytes = Buffer.from(this.#row.buffer)
  }

  add(bytes: Buffer, byteOffset: number, row: number, weight: number, isFirst: boolean): void {
    bytes.copy(this.#rowBytes, 0, byteOffset, byteOffset + this.#rowBytes.length)
    const [sums, values, width] = [this.#sums, this.#row, this.#width]
    const start = row * this.#rowSamples
    for (const rule of this.#rules) {
      if (rule.kind === 'light') {
        for (const [at, channel] of rule.channels.entries()) {
          const [light, color] = [channel * width, (rule.colors[at] ?? 0) * width]
          for (let x = 0; x < width; x += 1)
            sums[start + light + x] =
              (sums[start + light + x] ?? 0) + weight * (values[light + x] ?? 0) * (values[color + x] ?? 0)
        }
        continue
      }
      const from = rule.channel * width
      if (rule.kind === 'mean')
        for (let x = from; x < from + width; x += 1)
          sums[start + x] = (sums[start + x] ?? 0) + weight * (values[x] ?? 0)
      else if (isFirst) for (let x = from; x < from + width; x += 1) sums[start + x] = values[x] ?? 0
    }
  }

  /** The rows as they go into the file. */
  merged(samples: number): Buffer {
    const [sums, width] = [this.#sums, this.#width]
    const merged = new Float32Array(sums.length)
    for (let start = 0; start < sums.length; start += this.#rowSamples) {
      for (const rule of this.#rules) {
        if (rule.kind === 'light') {
          divideLight(rule, { merged, sums, start, width })
          continue
        }
        const divisor = rule.kind === 'mean' ? samples : 1
        const from = start + rule.channel * width
        for (let x = from; x < from + width; x += 1) merged[x] = (sums[x] ?? 0) / divisor
      }
    }
    return Buffer.from(merged.buffer)
  }
}

/** A row of sums, where it is to be merged to, and at which value it starts in both. */
interface SummedRow {
  readonly merged: Float32Array
  readonly sums: Float64Array
  readonly start: number
  readonly width: number
}

/** Light by color; where a surface has none of a primary, the light of the others stands for it, as in Cycles. */
function divideLight({ channels, colors }: { channels: Rgb; colors: Rgb }, row: SummedRow): void {
  const { merged, sums, start, width } = row
  for (let x = 0; x < width; x += 1) {
    const quotients = channels.map((channel, at) => {
      const color = sums[start + (colors[at] ?? 0) * width + x] ?? 0
      return color === 0 ? undefined : (sums[start + channel * width + x] ?? 0) / color
    })
    const known = quotients.filter((quotient) => quotient !== undefined)
    const rest = known.length === 0 ? 0 : known.reduce((sum, quotient) => sum + quotient, 0) / known.length
    for (const [at, channel] of channels.entries()) merged[start + channel * width + x] = quotients[at] ?? rest
  }
}
