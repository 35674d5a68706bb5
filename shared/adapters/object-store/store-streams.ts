/** Streams out of a store: their errors are the store's, and their bytes can be kept in a file. */
import { mkdtemp, open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import type { DownloadOptions, DownloadResult, ReadOptions } from '../../ports/object-store.ts'
import { ObjectMissing } from '../../ports/object-store.ts'
import { chunksOf, copyChecked, refuseLength } from './content-check.ts'

/** The first byte and the byte after the last one that a range means in an object of `bytes`. */
export function clampRange(range: ReadOptions, bytes: number): { start: number; end: number } {
  const { start = 0, end = Number.MAX_SAFE_INTEGER } = range
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start < 0 || end < start) {
    throw new RangeError(`a range needs whole bytes with 0 <= start <= end, not ${start} to ${end}`)
  }
  return { start: Math.min(start, bytes), end: Math.min(end, bytes) }
}

/** The stream with its errors passed through `translate`; the reason of an aborted signal is kept. */
export function translated(
  source: Readable,
  signal: AbortSignal | undefined,
  translate: (error: unknown) => unknown,
): Readable {
  async function* chunks() {
    try {
      yield* chunksOf(source, signal)
    } catch (error) {
      throw signal?.aborted === true ? error : translate(error)
    }
  }
  // A source that fails before anybody reads is told of by the first read, not by a crash.
  source.on('error', () => undefined)
  const outer = Readable.from(chunks(), { objectMode: false })
  // A reader that leaves before the first chunk never starts the generator, so its end is not run.
  outer.once('close', () => source.destroy())
  return outer
}

/**
 * Writes the object that `open` gives to `filePath` and checks it. The file is there only when all
 * was as expected. Errors of the local file system pass through as they are.
 */
export async function downloadTo(
  filePath: string,
  openObject: () => Promise<{ bytes: number; stream: Readable }>,
  options: DownloadOptions,
): Promise<DownloadResult> {
  options.signal?.throwIfAborted()
  let object: { bytes: number; stream: Readable }
  try {
    object = await openObject()
  } catch (error) {
    if (error instanceof ObjectMissing) return { ok: false, code: 'missing', message: error.message }
    throw error
  }
  const tooLong = refuseLength(object.bytes, options)
  if (tooLong !== null) {
    object.stream.destroy()
    return tooLong
  }
  // Beside the target, so that the last step is a rename; of its own name, so that two may run.
  const own = await mkdtemp(join(dirname(filePath), `.${basename(filePath)}-`))
  try {
    const partial = join(own, 'content')
    const file = await open(partial, 'wx')
    let result: DownloadResult
    try {
      result = await copyChecked(object.stream, (chunk) => file.writeFile(chunk), options, options.signal)
    } finally {
      await file.close()
    }
    if (result.ok) await rename(partial, filePath)
    return result
  } finally {
    object.stream.destroy()
    await rm(own, { recursive: true, force: true })
  }
}
