/*
 * What every object store must keep of the requests that it signs for workers and browsers.
 */
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'
import { attemptKey, finalKey, jobPrefix, type ObjectKey, workKey } from '../../shared/protocol/object-keys.ts'
import { OBJECT_BYTES_MAX, SIGNED_TTL_SECONDS_MAX, type SignedPut } from '../../shared/ports/object-store.ts'
import { freshJob, noise, PNG, type Sent, sha256, type StoreUnderTest } from './object-store-kit.ts'

/** `at` gives the store, once it is open; `scratch` a folder for files. */
export function signedRequests({ at, scratch }: { at: () => StoreUnderTest; scratch: () => string }): void {
  describe('signed requests', () => {
    const signPut = (key: ObjectKey, bytes: Buffer) =>
      at().store.signedPut(key, { bytes: bytes.length, sha256: sha256(bytes), contentType: PNG, ttlSeconds: 60 })
    const sendPut = (signed: SignedPut, body: Buffer, changes: Record<string, string> = {}) =>
      at().send(signed.method, signed.url, { ...signed.headers, ...changes }, body)
    const refused = (sent: Sent) => sent.status >= 400 && sent.status < 500

    test('a signed GET gives the object, its type and its file name', async () => {
      const key = finalKey(freshJob(), 'frames', '0001.png')
      const bytes = noise(100_000)
      await at().store.put(key, bytes, { contentType: PNG })
      const url = await at().store.signedGet(key, { ttlSeconds: 60, filename: 'Höhle "1"/x.png' })
      const got = await at().send('GET', url)
      expect(got.status).toBe(200)
      expect(sha256(got.body)).toBe(sha256(bytes))
      expect(got.headers['content-type']).toBe(PNG)
      expect(got.headers['content-disposition']).toContain('attachment')
      expect(got.headers['content-disposition']).toContain("UTF-8''H%C3%B6hle%20%221%22_x.png")
    })

    test('a signed GET gives parts, so that a download can be resumed', async () => {
      const key = workKey(freshJob(), 'parts')
      const bytes = noise(1000)
      await at().store.put(key, bytes, { contentType: PNG })
      const url = await at().store.signedGet(key, { ttlSeconds: 60 })
      for (const [range, start, end] of [
        ['bytes=100-199', 100, 200],
        ['bytes=990-', 990, 1000],
        ['bytes=-7', 993, 1000],
        ['bytes=0-9999', 0, 1000],
      ] as const) {
        const got = await at().send('GET', url, { range })
        expect(got.status, range).toBe(206)
        expect(got.body, range).toEqual(bytes.subarray(start, end))
        expect(got.headers['content-range'], range).toBe(`bytes ${start}-${end - 1}/1000`)
      }
      expect((await at().send('GET', url, { range: 'bytes=1000-' })).status).toBe(416)
    })

    test('a signed GET of nothing is 404', async () => {
      const url = await at().store.signedGet(workKey(freshJob(), 'nothing'), { ttlSeconds: 60 })
      expect((await at().send('GET', url)).status).toBe(404)
    })

    test('a signed PUT stores what it was signed for', async () => {
      const job = freshJob()
      for (const bytes of [noise(200_000), noise(0)]) {
        const key = attemptKey(job, 't1', bytes.length, 'tile.exr')
        const sent = await sendPut(await signPut(key, bytes), bytes)
        expect(sent.status, sent.body.toString()).toBe(200)
        expect(sha256(await buffer(await at().store.read(key)))).toBe(sha256(bytes))
      }
    })

    test('a signed PUT can be sent again, as a client does that saw no answer', async () => {
      const key = attemptKey(freshJob(), 't1', 0, 'tile.exr')
      const bytes = noise(1000)
      const signed = await signPut(key, bytes)
      expect((await sendPut(signed, bytes)).status).toBe(200)
      expect((await sendPut(signed, bytes)).status).toBe(200)
      expect(sha256(await buffer(await at().store.read(key)))).toBe(sha256(bytes))
    })

    test('a signed PUT takes no other length or content type', async () => {
      const job = freshJob()
      const bytes = noise(1000)
      const signed = await signPut(attemptKey(job, 't1', 0, 'tile.exr'), bytes)
      for (const other of [noise(999), noise(1001), noise(300_000)]) {
        expect(await sendPut(signed, other, { 'content-length': String(other.length) }), `${other.length}`).toSatisfy(
          refused,
        )
      }
      expect(await sendPut(signed, bytes, { 'content-type': 'text/html' })).toSatisfy(refused)
      expect((await at().store.list(jobPrefix(job), { limit: 10 })).keys).toEqual([])
      expect(await at().unfinished()).toEqual([])
    })

    test('other bytes of the signed length are refused, by the server or by whoever reads them', async () => {
      const key = attemptKey(freshJob(), 't1', 0, 'tile.exr')
      const [right, other] = [noise(1000, 1), noise(1000, 2)]
      const sent = await sendPut(await signPut(key, right), other)
      if (at().enforcesSha256) {
        expect(sent).toSatisfy(refused)
        expect(await at().store.head(key)).toBeNull()
      }
      const file = join(scratch(), 'other')
      const checked = await at().store.download(key, file, { bytesMax: 1000, bytes: 1000, sha256: sha256(right) })
      expect(checked).toMatchObject({ ok: false, code: at().enforcesSha256 ? 'missing' : 'wrong_sha256' })
      expect(await at().unfinished()).toEqual([])
    })

    test('a signature fits one key, one method and one query', async () => {
      const job = freshJob()
      const [mine, other] = [finalKey(job, 'frames', 'mine.png'), finalKey(job, 'frames', 'other.png')]
      const bytes = noise(100)
      await at().store.put(mine, bytes, { contentType: PNG })
      await at().store.put(other, bytes, { contentType: PNG })
      const get = await at().store.signedGet(mine, { ttlSeconds: 60 })
      const put = await signPut(mine, bytes)
      expect(await at().send('GET', get.replace('mine.png', 'other.png'))).toSatisfy(refused)
      expect(await at().send('GET', put.url)).toSatisfy(refused)
      expect(await sendPut({ ...put, url: put.url.replace('mine.png', 'other.png') }, bytes)).toSatisfy(refused)
      expect(await sendPut({ ...put, url: get }, bytes)).toSatisfy(refused)
      expect(await at().send('DELETE', get)).toSatisfy(refused)
      expect(await at().send('DELETE', put.url)).toSatisfy(refused)
      expect(
        await at().send(
          'GET',
          get.replace(
            /([sS]ignature=)([0-9a-f])/,
            (_, name: string, digit: string) => name + (digit === '0' ? '1' : '0'),
          ),
        ),
      ).toSatisfy(refused)
      expect(await at().send('GET', get.replace(/[?&][^?&]*[sS]ignature=[0-9a-f]+/, ''))).toSatisfy(refused)
      expect(await at().send('GET', get.replace(/([eE]xpires=)([0-9]+)/, '$19$2'))).toSatisfy(refused)
      expect((await at().send('GET', get)).body).toEqual(bytes)
      expect(await buffer(await at().store.read(other))).toEqual(bytes)
    })

    test('a signature ends with its time', async () => {
      const key = workKey(freshJob(), 'timed')
      const bytes = noise(100)
      await at().store.put(key, bytes, { contentType: PNG })
      const get = (agoMs: number) => at().signedAgo(agoMs, () => at().store.signedGet(key, { ttlSeconds: 60 }))
      expect((await at().send('GET', await get(30_000))).status).toBe(200)
      expect(await at().send('GET', await get(62_000))).toSatisfy(refused)
      expect(await sendPut(await at().signedAgo(62_000, () => signPut(key, bytes)), bytes)).toSatisfy(refused)
    })

    test('refuses to sign for a life, length or hash that cannot be', async () => {
      const key = workKey(freshJob(), 'never')
      const good = { bytes: 1, sha256: sha256(noise(1)), contentType: PNG, ttlSeconds: 60 }
      for (const wrong of [
        { ttlSeconds: 0 },
        { ttlSeconds: SIGNED_TTL_SECONDS_MAX + 1 },
        { ttlSeconds: 0.5 },
        { bytes: -1 },
        { bytes: OBJECT_BYTES_MAX + 1 },
        { sha256: 'ABC' },
      ]) {
        await expect(at().store.signedPut(key, { ...good, ...wrong })).rejects.toThrow(RangeError)
      }
      await expect(at().store.signedGet(key, { ttlSeconds: 0 })).rejects.toThrow(RangeError)
    })
  })
}
