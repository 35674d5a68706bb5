/*
 * Signed requests for stores that have no server of their own: the coordinator serves them.
 *
 * The signature (HMAC-SHA256) covers the method, the key, the expiry and, for a PUT, length, hash and
 * content type. Pure: the secret and the time come in.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { Sha256 } from '../../protocol/ids.ts'
import { ObjectKey } from '../../protocol/object-keys.ts'
import { OBJECT_BYTES_MAX, SIGNED_TTL_SECONDS_MAX } from '../../ports/object-store.ts'
import type { SignedGetOptions, SignedPut, SignedPutOptions } from '../../ports/object-store.ts'

/** Path below the coordinator's address under which signed objects are served. */
export const SIGNED_OBJECTS_PATH = '/v1/objects/'
/** Shortest secret in bytes: as long as the HMAC's own output, so that it is not the weak part. */
const SIGNING_SECRET_BYTES_MIN = 32

export type SignedGrant =
  | { method: 'GET'; key: ObjectKey; filename: string | null }
  | { method: 'PUT'; key: ObjectKey; bytes: number; sha256: string; contentType: string }

export type SignedVerdict =
  | { ok: true; grant: SignedGrant }
  | { ok: false; code: 'signature_invalid' | 'signature_expired'; message: string }

export type Signer = {
  secret: Uint8Array
  /** Where the coordinator is reached from outside, for example `https://farm.example.org`. */
  publicUrl: string
  nowMs: number
}

/** A URL that gives one object until it expires. Throws RangeError on a TTL outside the port's. */
export function makeSignedGet(signer: Signer, key: ObjectKey, options: SignedGetOptions): string {
  const query = new URLSearchParams({ expires: expiryOf(signer, options.ttlSeconds) })
  if (options.filename !== undefined) query.set('filename', options.filename)
  return signedUrl(signer, 'GET', key, query)
}

/** A request that stores one content. Throws RangeError on a length, hash or TTL outside the port's. */
export function makeSignedPut(signer: Signer, key: ObjectKey, options: SignedPutOptions): SignedPut {
  checkSignedPut(options)
  const query = new URLSearchParams({
    expires: expiryOf(signer, options.ttlSeconds),
    bytes: String(options.bytes),
    sha256: options.sha256,
    type: options.contentType,
  })
  return {
    url: signedUrl(signer, 'PUT', key, query),
    method: 'PUT',
    headers: { 'content-length': String(options.bytes), 'content-type': options.contentType },
  }
}

/** Throws RangeError when a signed PUT is asked for with a length, hash or TTL that cannot be. */
export function checkSignedPut(options: SignedPutOptions): void {
  checkTtl(options.ttlSeconds)
  if (!Number.isSafeInteger(options.bytes) || options.bytes < 0 || options.bytes > OBJECT_BYTES_MAX) {
    throw new RangeError(`a signed PUT needs a length of 0 to ${OBJECT_BYTES_MAX} bytes, not ${options.bytes}`)
  }
  if (!Sha256.safeParse(options.sha256).success) {
    throw new RangeError('a signed PUT needs a SHA-256 of 64 lower-case hex digits')
  }
}

/** Throws RangeError when a signed URL is asked for with a life that is not allowed. */
export function checkTtl(ttlSeconds: number): void {
  if (!Number.isSafeInteger(ttlSeconds) || ttlSeconds < 1 || ttlSeconds > SIGNED_TTL_SECONDS_MAX) {
    throw new RangeError(`a signed URL lives 1 to ${SIGNED_TTL_SECONDS_MAX} whole seconds, not ${ttlSeconds}`)
  }
}

/**
 * What a request may do. HEAD passes with the signature of GET. `signature_invalid` when any of
 * method, key or query is not exactly what was signed; `signature_expired` when it was, too long ago.
 */
export function verifySigned(
  secret: Uint8Array,
  nowMs: number,
  request: { method: string; url: string },
): SignedVerdict {
  const [path, search] = splitOnce(request.url, '?')
  const method = request.method === 'HEAD' ? 'GET' : request.method
  const key = ObjectKey.safeParse(path.startsWith(SIGNED_OBJECTS_PATH) ? path.slice(SIGNED_OBJECTS_PATH.length) : '')
  if (!key.success || (method !== 'GET' && method !== 'PUT')) return invalid('the address is not that of an object')
  const query = new URLSearchParams(search)
  const signatures = query.getAll('signature')
  query.delete('signature')
  const [signature] = signatures
  if (signature === undefined || signatures.length > 1 || !isSigned(secret, method, key.data, query, signature)) {
    return invalid('the signature does not fit this request: use the address as it was given, unchanged')
  }
  // From here on everything was made by this module, so it is well-formed.
  const expiresMs = Number(query.get('expires')) * 1000
  if (!(nowMs < expiresMs)) {
    return {
      ok: false,
      code: 'signature_expired',
      message: `the address expired at ${new Date(expiresMs).toISOString()}`,
    }
  }
  return { ok: true, grant: grantOf(method, key.data, query) }
}

function grantOf(method: 'GET' | 'PUT', key: ObjectKey, query: URLSearchParams): SignedGrant {
  if (method === 'GET') return { method, key, filename: query.get('filename') }
  return {
    method,
    key,
    bytes: Number(query.get('bytes')),
    sha256: query.get('sha256') ?? '',
    contentType: query.get('type') ?? '',
  }
}

function expiryOf(signer: Signer, ttlSeconds: number): string {
  checkTtl(ttlSeconds)
  return String(Math.floor(signer.nowMs / 1000) + ttlSeconds)
}

function signedUrl(signer: Signer, method: 'GET' | 'PUT', key: ObjectKey, query: URLSearchParams): string {
  const signature = signatureOf(signer.secret, method, key, query).toString('hex')
  return `${signer.publicUrl.replace(/\/+$/, '')}${SIGNED_OBJECTS_PATH}${key}?${query}&signature=${signature}`
}

function isSigned(
  secret: Uint8Array,
  method: 'GET' | 'PUT',
  key: ObjectKey,
  query: URLSearchParams,
  signature: string,
) {
  const right = signatureOf(secret, method, key, query)
  const given = Buffer.from(signature, 'hex')
  return /^[0-9a-f]{64}$/.test(signature) && given.length === right.length && timingSafeEqual(given, right)
}

// The query is signed as it is serialized, in its order, so nothing in it can be added or doubled.
function signatureOf(secret: Uint8Array, method: 'GET' | 'PUT', key: ObjectKey, query: URLSearchParams): Buffer {
  if (secret.byteLength < SIGNING_SECRET_BYTES_MIN) {
    throw new RangeError(
      `the secret for signed URLs needs at least ${SIGNING_SECRET_BYTES_MIN} bytes, not ${secret.byteLength}`,
    )
  }
  return createHmac('sha256', secret).update(`tilework-object-v1\n${method}\n${key}\n${query}`).digest()
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator)
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + separator.length)]
}

function invalid(message: string): SignedVerdict {
  return { ok: false, code: 'signature_invalid', message }
}
