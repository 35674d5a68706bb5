/*
 * What the suites of the object store work with.
 */
import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import type { ObjectStore } from '../../shared/ports/object-store.ts'

export const PNG = 'image/png'

export type Sent = { status: number; headers: Record<string, string>; body: Buffer }

export type StoreUnderTest = {
  store: ObjectStore
  /** Sends a request to a signed URL, and no headers but those given and those HTTP cannot do without. */
  send(method: string, url: string, headers?: Record<string, string>, body?: Uint8Array): Promise<Sent>
  /** Calls `sign` so that the store signs as if it were that long ago. */
  signedAgo<T>(agoMs: number, sign: () => Promise<T>): Promise<T>
  /** Whether the server itself compares an upload with its signed SHA-256. */
  enforcesSha256: boolean
  /** Names of unfinished writes that are still there. */
  unfinished(): Promise<string[]>
  stop(): Promise<void>
}

let jobs = 0
/** A job that no other test has, nor an earlier run on the same server. */
export function freshJob(): string {
  return `j${Date.now().toString(36)}-${process.pid}-${jobs++}x`
}

/** Bytes without pattern, the same for the same seed. */
export function noise(bytes: number, seed = 0): Buffer {
  const out = Buffer.alloc(bytes)
  for (let at = 0, state = seed * 2 + 12345; at < bytes; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    out[at] = state >>> 24
  }
  return out
}

/** In hex. */
export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** A stream that gives the bytes in pieces of one length. */
export function inChunks(bytes: Buffer, chunkBytes: number): Readable {
  function* chunks() {
    for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes)
  }
  return Readable.from(chunks(), { objectMode: false })
}
