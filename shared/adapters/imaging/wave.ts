// WAV files of 16-bit samples, as Blender mixes them: what they hold, and cutting them to the frames of a movie.

import { open, type FileHandle } from 'node:fs/promises'

const BYTES_OF_SAMPLE = 2
const HEADER_BYTES_MAX = 4_096
const COPIED_AT_ONCE = 1 << 20
/** Two honest mixes of one sound may round a sample otherwise. */
const STEPS_APART_MAX = 2

export interface Wave {
  readonly ok: true
  /** Samples per second. */
  readonly rate: number
  readonly channels: number
  /** Where the samples begin in the file, and how many bytes they have. */
  readonly start: number
  readonly bytes: number
}

export interface WaveRefusal {
  readonly ok: false
  readonly code: 'corrupt' | 'unsupported'
  readonly message: string
}

/** Reads the header of a file. Errors of the disk are thrown. */
export async function readWave(path: string): Promise<Wave | WaveRefusal> {
  const file = await open(path, 'r')
  try {
    return await waveOf(file)
  } finally {
    await file.close()
  }
}

async function waveOf(file: FileHandle): Promise<Wave | WaveRefusal> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(HEADER_BYTES_MAX), 0, HEADER_BYTES_MAX, 0)
  const head = buffer.subarray(0, bytesRead)
  const corrupt = (message: string): WaveRefusal => ({ ok: false, code: 'corrupt', message })
  if (head.toString('latin1', 0, 4) !== 'RIFF' || head.toString('latin1', 8, 12) !== 'WAVE')
    return corrupt('the sound is no WAV file')
  let format: { kind: number; channels: number; rate: number; bits: number } | undefined
  for (let at = 12; at + 8 <= head.length;) {
    const [name, bytes] = [head.toString('latin1', at, at + 4), head.readUInt32LE(at + 4)]
    if (name === 'fmt ' && at + 24 <= head.length)
      format = {
        kind: head.readUInt16LE(at + 8),
        channels: head.readUInt16LE(at + 10),
        rate: head.readUInt32LE(at + 12),
        bits: head.readUInt16LE(at + 22),
      }
    if (name === 'data') {
      if (format === undefined) return corrupt('the WAV file does not say what its samples are')
      const isPcm = format.kind === 1 || format.kind === 0xfffe
      if (!isPcm || format.bits !== 16 || format.channels < 1 || format.rate < 1)
        return { ok: false, code: 'unsupported', message: 'the WAV file has no samples of 16 bits' }
      const size = (await file.stat()).size
      const start = at + 8
      // A writer that was cut off leaves less than it says; one that could not go back says nothing of the length.
      if (size < start || (bytes !== 0xffffffff && start + bytes > size)) return corrupt('the WAV file is cut off')
      const { rate, channels } = format
      return { ok: true, rate, channels, start, bytes: bytes === 0xffffffff ? size - start : bytes }
    }
    at += 8 + bytes + (bytes % 2)
  }
  return corrupt('the WAV file has no samples')
}

/** The frames of a movie in their order, and what their sound is taken from. */
export interface SoundCut {
  readonly frames: readonly number[]
  /** The frame at whose beginning the sound begins. */
  readonly first: number
  readonly rate: { readonly numerator: number; readonly denominator: number }
}

/**
 * Writes the sound of exactly these frames, one after the other, each as long as it is shown; silence where there is
 * none. Frames that follow one another are cut out in one piece.
 */
export async function cutWave(
  path: string,
  outputPath: string,
  { frames, first, rate }: SoundCut,
): Promise<{ ok: true } | WaveRefusal> {
  const [source, output] = [await open(path, 'r'), await open(outputPath, 'w')]
  try {
    const wave = await waveOf(source)
    if (!wave.ok) return wave
    const block = wave.channels * BYTES_OF_SAMPLE
    const sampleAt = (frame: number): number => Math.round((frame * wave.rate * rate.denominator) / rate.numerator)
    let at = headerOf(wave, 0).length
    for (const { place, frame, count } of runsOf(frames)) {
      const samples = sampleAt(place + count) - sampleAt(place)
      at = await copyPart(source, output, {
        from: sampleAt(frame - first) * block,
        bytes: samples * block,
        to: at,
        wave,
      })
    }
    await output.write(headerOf(wave, at - headerOf(wave, 0).length), 0, undefined, 0)
    return { ok: true }
  } finally {
    await Promise.all([source.close(), output.close()])
  }
}

/** Frames that follow one another, as one run each: its place in the movie, its first frame, and how many they are. */
function runsOf(frames: readonly number[]): { place: number; frame: number; count: number }[] {
  const runs: { place: number; frame: number; count: number }[] = []
  for (const [place, frame] of frames.entries()) {
    const run = runs.at(-1)
    if (run !== undefined && frame === run.frame + run.count) run.count += 1
    else runs.push({ place, frame, count: 1 })
  }
  return runs
}

/** Copies bytes of samples; what lies outside of the source is silence. Gives where the output goes on. */
async function copyPart(
  source: FileHandle,
  output: FileHandle,
  { from, bytes, to, wave }: { from: number; bytes: number; to: number; wave: Wave },
): Promise<number> {
  for (let done = 0; done < bytes; done += COPIED_AT_ONCE) {
    const part = Buffer.alloc(Math.min(COPIED_AT_ONCE, bytes - done))
    const begin = from + done
    const skipped = Math.max(0, -begin)
    const length = Math.min(part.length - skipped, wave.bytes - Math.max(0, begin))
    if (length > 0) await source.read(part, skipped, length, wave.start + Math.max(0, begin))
    await output.write(part, 0, part.length, to + done)
  }
  return to + bytes
}

function headerOf({ rate, channels }: Pick<Wave, 'rate' | 'channels'>, bytes: number): Buffer {
  const header = Buffer.alloc(44)
  header.write('RIFF', 0, 'latin1')
  header.writeUInt32LE(Math.min(0xffffffff, 36 + bytes), 4)
  header.write('WAVEfmt ', 8, 'latin1')
  header.writeUInt32LE(16, 16)
  header.writeUInt16LE(1, 20)
  header.writeUInt16LE(channels, 22)
  header.writeUInt32LE(rate, 24)
  header.writeUInt32LE(rate * channels * BYTES_OF_SAMPLE, 28)
  header.writeUInt16LE(channels * BYTES_OF_SAMPLE, 32)
  header.writeUInt16LE(8 * BYTES_OF_SAMPLE, 34)
  header.write('data', 36, 'latin1')
  header.writeUInt32LE(Math.min(0xffffffff, bytes), 40)
  return header
}

/** Whether two sounds are the same, but for the rounding of single samples. */
export async function sameWave(pathA: string, pathB: string): Promise<{ ok: true; same: boolean } | WaveRefusal> {
  const [a, b] = [await open(pathA, 'r'), await open(pathB, 'r')]
  try {
    const [ofA, ofB] = [await waveOf(a), await waveOf(b)]
    if (!ofA.ok) return ofA
    if (!ofB.ok) return ofB
    if (ofA.rate !== ofB.rate || ofA.channels !== ofB.channels || ofA.bytes !== ofB.bytes)
      return { ok: true, same: false }
    for (let done = 0; done < ofA.bytes; done += COPIED_AT_ONCE) {
      const bytes = Math.min(COPIED_AT_ONCE, ofA.bytes - done)
      const [partA, partB] = [Buffer.alloc(bytes), Buffer.alloc(bytes)]
      await Promise.all([a.read(partA, 0, bytes, ofA.start + done), b.read(partB, 0, bytes, ofB.start + done)])
      if (partA.equals(partB)) continue
      for (let at = 0; at + 1 < bytes; at += BYTES_OF_SAMPLE)
        if (Math.abs(partA.readInt16LE(at) - partB.readInt16LE(at)) > STEPS_APART_MAX) return { ok: true, same: false }
    }
    return { ok: true, same: true }
  } finally {
    await Promise.all([a.close(), b.close()])
  }
}
