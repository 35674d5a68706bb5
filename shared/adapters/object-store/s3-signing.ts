/*
 * Presigned URLs of an S3 server, made for its public address.
 *
 * A PUT is signed for one length, content type and SHA-256. Every server refuses another length or
 * type, since the headers are part of the signature; the hash of what really came is enforced by
 * those that know x-amz-checksum-sha256 (AWS, MinIO, Ceph), and not by others: readers check it.
 */
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import type { S3Client } from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import type { SignedGetOptions, SignedPut, SignedPutOptions } from '../../ports/object-store.ts'
import { contentDisposition } from './content-disposition.ts'
import { checkSignedPut, checkTtl } from './signed-urls.ts'
import type { S3Target } from './s3-upload.ts'

/** A URL that gives one object from `nowMs` on. Throws RangeError on a TTL outside the port's. */
export async function presignGet(
  client: S3Client,
  target: S3Target,
  options: SignedGetOptions,
  nowMs: number,
): Promise<string> {
  checkTtl(options.ttlSeconds)
  const { filename } = options
  const disposition = filename === undefined ? {} : { ResponseContentDisposition: contentDisposition(filename) }
  return getSignedUrl(client, new GetObjectCommand({ ...target, ...disposition }), {
    expiresIn: options.ttlSeconds,
    signingDate: new Date(nowMs),
  })
}

/** A request that stores one content. Throws RangeError on a length, hash or TTL outside the port's. */
export async function presignPut(
  client: S3Client,
  target: S3Target,
  options: SignedPutOptions,
  nowMs: number,
): Promise<SignedPut> {
  checkSignedPut(options)
  const headers = {
    'content-length': String(options.bytes),
    'content-type': options.contentType,
    'x-amz-checksum-sha256': Buffer.from(options.sha256, 'hex').toString('base64'),
  }
  const command = new PutObjectCommand({
    ...target,
    ContentLength: options.bytes,
    ContentType: options.contentType,
    ChecksumSHA256: headers['x-amz-checksum-sha256'],
  })
  const url = await getSignedUrl(client, command, {
    expiresIn: options.ttlSeconds,
    signingDate: new Date(nowMs),
    // Kept as headers: servers compare a checksum in a header with the body, one in the query not.
    unhoistableHeaders: new Set(['x-amz-checksum-sha256']),
    signableHeaders: new Set(['host', ...Object.keys(headers)]),
  })
  return { url, method: 'PUT', headers }
}
