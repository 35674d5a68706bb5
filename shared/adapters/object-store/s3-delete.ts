/*
 * Deletes all under a prefix one by one: the batch request needs a Content-MD5 on older servers,
 * which the SDK no longer sends.
 */
import {
  AbortMultipartUploadCommand,
  DeleteObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
} from '@aws-sdk/client-s3'
import type { S3Client } from '@aws-sdk/client-s3'
import { statusOf } from './s3-client.ts'

/** Requests at once: enough to hide the round trip, few enough not to crowd out other work. */
const DELETES_AT_ONCE = 16

/** Deletes every object whose name starts with the prefix, and gives up unfinished uploads there. */
export async function deleteEverything(client: S3Client, Bucket: string, Prefix: string): Promise<{ deleted: number }> {
  await abortUploads(client, Bucket, Prefix)
  let deleted = 0
  for (let startAfter: string | undefined; ;) {
    const page = await client.send(
      new ListObjectsV2Command({ Bucket, Prefix, ...(startAfter === undefined ? {} : { StartAfter: startAfter }) }),
    )
    const names = (page.Contents ?? []).flatMap(({ Key }) => (Key === undefined ? [] : [Key]))
    await eachOf(names, async (Key) => {
      await goneAlready(client.send(new DeleteObjectCommand({ Bucket, Key })))
    })
    deleted += names.length
    startAfter = names.at(-1)
    if (page.IsTruncated !== true || startAfter === undefined) return { deleted }
  }
}

/**
 * Gives up the unfinished uploads under a prefix, or those begun before a time. Parts of an upload whose writer died
 * are invisible, and are paid for until somebody aborts it.
 */
export async function abortUploads(
  client: S3Client,
  Bucket: string,
  Prefix: string,
  beforeMs = Infinity,
): Promise<void> {
  for (let from = {}; ;) {
    const page = await orUnsupported(client.send(new ListMultipartUploadsCommand({ Bucket, Prefix, ...from })))
    if (page === null) return
    const old = (page.Uploads ?? []).filter(
      ({ Initiated }) => beforeMs === Infinity || (Initiated?.getTime() ?? Infinity) < beforeMs,
    )
    await eachOf(old, async ({ Key, UploadId }) => {
      await goneAlready(client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId })))
    })
    if (page.IsTruncated !== true || page.NextKeyMarker === undefined) return
    from = { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker }
  }
}

/** Calls `act` for all, DELETES_AT_ONCE at a time; the first error stops the rest and is thrown. */
async function eachOf<T>(all: readonly T[], act: (one: T) => Promise<void>): Promise<void> {
  const waiting = all.values()
  const failures: unknown[] = []
  const lane = async () => {
    for (const one of waiting) {
      if (failures.length > 0) return
      await act(one).catch((error: unknown) => failures.push(error))
    }
  }
  await Promise.all(Array.from({ length: DELETES_AT_ONCE }, lane))
  if (failures.length > 0) throw failures[0]
}

async function goneAlready(request: Promise<unknown>): Promise<void> {
  try {
    await request
  } catch (error) {
    if (statusOf(error) !== 404) throw error
  }
}

// A server that has no such list, or keys that may not see it, leave those parts to the bucket's
// own lifecycle rule; the objects are deleted all the same.
async function orUnsupported<T>(request: Promise<T>): Promise<T | null> {
  try {
    return await request
  } catch (error) {
    const status = statusOf(error)
    if (status === 403 || status === 405 || status === 501) return null
    throw error
  }
}
