/*
 * Sends a source to S3 so that the object becomes visible only when its content was as expected.
 *
 * The check sits in the stream: on a difference the stream fails before its end, so neither the
 * single request nor the completion of a multipart upload is ever sent.
 */
import { HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import type { S3Client } from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import { stat } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { StoreUnavailable } from '../../ports/object-store.ts'
import type { ObjectSource, PutOptions, PutResult, Stored } from '../../ports/object-store.ts'
import { chunksOf, ContentCheck, openSource, SourceFailure } from './content-check.ts'
import type { WrongContent } from './content-check.ts'

/** Bytes of a part when the length is not known: 10,000 of them make 78 GiB. */
const PART_BYTES = 8 * 1024 ** 2
/** Most parts of one upload, by the S3 protocol. */
const PARTS_MAX = 10_000
/** Parts in memory and under way at once, per put. */
const PARTS_AT_ONCE = 3

export type S3Target = { Bucket: string; Key: string }

/** Stores the source. Throws SourceFailure when it cannot be read, and the SDK's errors as they are. */
export async function uploadChecked(
  client: S3Client,
  target: S3Target,
  source: ObjectSource,
  options: PutOptions,
): Promise<PutResult> {
  return source instanceof Uint8Array
    ? putBuffer(client, target, source, options)
    : putStream(client, target, source, options)
}

/** Stores a local file that nothing is expected of. Throws as `uploadChecked` does. */
export async function uploadUnchecked(
  client: S3Client,
  target: S3Target,
  filePath: string,
  contentType: string,
): Promise<void> {
  await putStream(client, target, { filePath }, { contentType }, false)
}

async function putBuffer(
  client: S3Client,
  target: S3Target,
  source: Uint8Array,
  options: PutOptions,
): Promise<PutResult> {
  const check = new ContentCheck(options)
  const result = check.add(source) ?? check.end()
  if (!result.ok) return result
  const command = new PutObjectCommand({
    ...target,
    Body: source,
    ContentLength: result.bytes,
    ContentType: options.contentType,
  })
  await client.send(command, options.signal === undefined ? {} : { abortSignal: options.signal })
  return result
}

async function putStream(
  client: S3Client,
  target: S3Target,
  source: Exclude<ObjectSource, Uint8Array>,
  options: PutOptions,
  hashes = true,
): Promise<PutResult> {
  const bytes = options.bytes ?? (source instanceof Readable ? 0 : await sizeOf(source.filePath))
  const passed = new CheckedBody(openSource(source), options, hashes)
  const body = Readable.from(passed.chunks(), { objectMode: false })
  const upload = new Upload({
    client,
    params: { ...target, Body: body, ContentType: options.contentType },
    partSize: Math.max(PART_BYTES, Math.ceil(bytes / PARTS_MAX)),
    queueSize: PARTS_AT_ONCE,
  })
  try {
    // The signal stops the body, not the upload: only so is the upload's cleaning up waited for.
    await upload.done()
  } catch (error) {
    if (passed.verdict?.ok === false) return passed.verdict
    if (passed.failure !== null) throw passed.failure
    throw error
  } finally {
    body.destroy()
    passed.destroy()
  }
  if (passed.verdict?.ok !== true) throw new RangeError('an upload ended before its source did')
  await confirmLength(client, target, passed.verdict)
  return passed.verdict
}

async function sizeOf(filePath: string): Promise<number> {
  try {
    return (await stat(filePath)).size
  } catch (error) {
    throw new SourceFailure(error)
  }
}

// Parts are put together by the server, and some have done it wrongly; a length costs one request.
async function confirmLength(client: S3Client, target: S3Target, stored: Stored): Promise<void> {
  const { ContentLength } = await client.send(new HeadObjectCommand(target))
  if (ContentLength !== stored.bytes) {
    throw new StoreUnavailable(`the S3 server holds ${ContentLength} bytes as ${target.Key}, of ${stored.bytes} sent`, {
      cause: null,
      retryable: true,
    })
  }
}

class CheckedBody {
  verdict: Stored | WrongContent | null = null
  failure: SourceFailure | null = null
  readonly #source: Readable
  readonly #options: PutOptions

  readonly #hashes: boolean

  constructor(source: Readable, options: PutOptions, hashes: boolean) {
    this.#source = source
    this.#options = options
    this.#hashes = hashes
  }

  destroy(): void {
    this.#source.destroy()
  }

  async *chunks(): AsyncGenerator<Uint8Array> {
    const check = new ContentCheck(this.#options, this.#hashes)
    try {
      for await (const chunk of chunksOf(this.#source, this.#options.signal)) {
        this.verdict = check.add(chunk)
        if (this.verdict !== null) break
        yield chunk
      }
    } catch (error) {
      this.failure = new SourceFailure(error)
      throw this.failure
    }
    this.verdict ??= check.end()
    if (!this.verdict.ok) throw new Error(this.verdict.message)
  }
}
