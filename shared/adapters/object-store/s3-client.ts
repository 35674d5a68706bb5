/** The AWS client as every S3-compatible server can be spoken to, and the way its errors are read. */
import { S3Client } from '@aws-sdk/client-s3'
import { ObjectMissing, StoreUnavailable } from '../../ports/object-store.ts'

export type S3StoreOptions = {
  bucket: string
  region: string
  /** Address of the server; without one it is AWS in that region. */
  endpoint?: string
  /** Address of the same server as workers and browsers see it, for signed URLs; default `endpoint`. */
  publicEndpoint?: string
  /** Bucket in the path instead of the host name; most servers other than AWS want it. */
  forcePathStyle: boolean
  /** Without them the SDK looks in its usual places (environment, files, the machine's role). */
  credentials?: { accessKeyId: string; secretAccessKey: string; sessionToken?: string }
  /** Milliseconds since 1970; from when a signed URL counts. */
  nowMs: () => number
  /** Resolves after so many milliseconds; throws the reason of a signal that is aborted meanwhile. */
  sleep: (durationMs: number, signal?: AbortSignal) => Promise<void>
}

/**
 * Tries of one request, with the SDK's jittered backoff between them: about 1 s in all. A longer
 * outage is the caller's, who has other work to go on with meanwhile.
 */
const REQUEST_TRIES_MAX = 5
/** Milliseconds to reach the server: more than two lost SYN packets take. */
const CONNECT_TIMEOUT_MS = 5_000
/** Milliseconds of silence on a connection: a server that commits a 5 GiB object may be as slow. */
const SILENCE_TIMEOUT_MS = 120_000
/** Connections to one server at a time; more requests wait in the client. */
const SOCKETS_MAX = 64

/** A client for the server at `endpoint`. It opens connections when they are needed. */
export function createS3Client(options: S3StoreOptions, endpoint: string | undefined): S3Client {
  return new S3Client({
    region: options.region,
    forcePathStyle: options.forcePathStyle,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(options.credentials === undefined ? {} : { credentials: options.credentials }),
    // The SDK's default checksums come as trailers, which older servers store as content, and put
    // the checksum of an empty body into presigned URLs. Content is checked by its SHA-256 here.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    retryMode: 'standard',
    maxAttempts: REQUEST_TRIES_MAX,
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      socketTimeout: SILENCE_TIMEOUT_MS,
      httpAgent: { keepAlive: true, maxSockets: SOCKETS_MAX },
      httpsAgent: { keepAlive: true, maxSockets: SOCKETS_MAX },
    },
  })
}

/** The HTTP status of an error that came from the server, else null. */
export function statusOf(error: unknown): number | null {
  if (!(error instanceof Error) || !('$metadata' in error)) return null
  const { $metadata } = error
  if (typeof $metadata !== 'object' || $metadata === null || !('httpStatusCode' in $metadata)) return null
  return typeof $metadata.httpStatusCode === 'number' ? $metadata.httpStatusCode : null
}

/** True when the server says that there is no such object (a missing bucket is something else). */
export function isMissing(error: unknown): boolean {
  return (
    statusOf(error) === 404 && error instanceof Error && error.name !== 'NoSuchBucket' && error.name !== 'NoSuchUpload'
  )
}

/** The error as the port knows it: what the server or the network did is an outage, bugs stay. */
export function outage(what: string, error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof ObjectMissing || error instanceof StoreUnavailable) return error
  const status = statusOf(error)
  if (status === null && !isNetworkError(error)) return error
  const said = status === null ? error.message || error.name : `${error.name} (HTTP ${status}): ${error.message}`
  return new StoreUnavailable(`the S3 server failed to ${what}: ${said}`, {
    cause: bareError(error),
    // 4xx are answers to what we are and ask, so asking again gives the same, but for these two.
    retryable: status === null || status === 408 || status === 429 || status < 400 || status >= 500,
  })
}

// The SDK's errors carry the whole request and its answer, headers and signatures included.
function bareError(error: Error): Error {
  const bare = new Error(error.message)
  bare.name = error.name
  if (error.stack !== undefined) bare.stack = error.stack
  return bare
}

function isNetworkError(error: Error): boolean {
  // An AggregateError is what Node gives when each address of a host name failed.
  if (['TimeoutError', 'CredentialsProviderError', 'AggregateError'].includes(error.name)) return true
  if (!('code' in error) || typeof error.code !== 'string') return false
  return !error.code.startsWith('ERR_') || error.code.startsWith('ERR_TLS') || error.code.startsWith('ERR_SSL')
}
