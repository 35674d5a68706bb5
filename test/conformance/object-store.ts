/*
 * What every object store must keep, whatever it is made of. Run by object-store.<kind>.test.ts.
 */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  attemptKey,
  attemptPrefix,
  behindJob,
  finalKey,
  finalManifestKey,
  finalPrefix,
  jobPrefix,
  JOBS_PREFIX,
  ObjectKey,
  ObjectPrefix,
  workKey,
} from '../../shared/protocol/object-keys.ts'
import { ObjectMissing } from '../../shared/ports/object-store.ts'
import type { ObjectStore } from '../../shared/ports/object-store.ts'
import { freshJob, inChunks, noise, PNG, sha256, type StoreUnderTest } from './object-store-kit.ts'
import { signedRequests } from './object-store-signed.ts'

/** Bytes of the big object: more than one part of a multipart upload, and not a whole number of them. */
const BIG_BYTES = 12 * 1024 ** 2 + 7
/** Milliseconds: a real server starts in here, and four of the tests send the big object. */
const SLOW_TIMEOUT_MS = 120_000

/** Defines the suite. `openStore` gives an empty store, or one in which nobody else has these jobs. */
export function objectStoreSuite(kind: string, openStore: () => Promise<StoreUnderTest>): void {
  describe(`the ${kind} object store`, { timeout: SLOW_TIMEOUT_MS }, () => {
    let opened: StoreUnderTest | undefined
    let scratch = ''
    const at = (): StoreUnderTest => {
      if (opened === undefined) throw new Error('the store was not opened')
      return opened
    }
    const store = (): ObjectStore => at().store

    beforeAll(async () => {
      scratch = await mkdtemp(join(tmpdir(), 'tilework-objects-'))
      opened = await openStore()
    }, SLOW_TIMEOUT_MS)
    afterAll(async () => {
      await opened?.stop()
      await rm(scratch, { recursive: true, force: true })
    }, SLOW_TIMEOUT_MS)

    const content = async (key: ObjectKey) => buffer(await store().read(key))
    const keysUnder = async (prefix: ObjectPrefix) =>
      (await store().list(prefix, { limit: 1000 })).keys.map(({ key }) => key)

    describe('a local file that is taken', () => {
      test('is the object, over what was there, and is gone from where it lay', async () => {
        const key = finalManifestKey(freshJob())
        const [before, after] = [noise(10), noise(BIG_BYTES)]
        await store().put(key, before, { contentType: 'application/json' })
        const path = join(scratch, 'taken')
        await writeFile(path, after)
        await store().takeFile(key, path, { contentType: 'application/json' })
        expect(sha256(await content(key))).toBe(sha256(after))
        expect(await readdir(scratch)).not.toContain('taken')
        expect(await store().head(key)).toMatchObject({ bytes: BIG_BYTES })
      })
    })

    describe('put, head, read', () => {
      test('gives back the bytes of a buffer, a stream and a file', async () => {
        const job = freshJob()
        const bytes = noise(100_000)
        const file = join(scratch, `source-${job}`)
        await writeFile(file, bytes)
        const sources = [bytes, Readable.from([bytes.subarray(0, 1), bytes.subarray(1)]), { filePath: file }]
        for (const [index, source] of sources.entries()) {
          const key = finalKey(job, 'frames', `${index}.png`)
          const stored = await store().put(key, source, { contentType: PNG })
          expect(stored).toEqual({ ok: true, bytes: 100_000, sha256: sha256(bytes) })
          expect(sha256(await content(key))).toBe(sha256(bytes))
        }
      })

      test('tells length, type and time of an object', async () => {
        const key = finalKey(freshJob(), 'frames', '0001.png')
        await store().put(key, noise(10), { contentType: PNG })
        const info = await store().head(key)
        expect(info).toMatchObject({ bytes: 10, contentType: PNG })
        expect(Math.abs((info?.modifiedAtMs ?? 0) - Date.now())).toBeLessThan(600_000)
      })

      test('has an empty object that is not a missing one', async () => {
        const job = freshJob()
        for (const [index, source] of [Buffer.alloc(0), Readable.from([])].entries()) {
          const key = workKey(job, `empty-${index}`)
          expect(await store().put(key, source, { contentType: PNG, bytes: 0 })).toMatchObject({ ok: true, bytes: 0 })
          expect(await store().head(key)).toMatchObject({ bytes: 0 })
          expect(await content(key)).toHaveLength(0)
        }
      })

      test('says that nothing is there', async () => {
        const key = workKey(freshJob(), 'never-written')
        expect(await store().head(key)).toBeNull()
        await expect(store().read(key)).rejects.toThrow(ObjectMissing)
        await expect(store().read(key, { start: 3, end: 3 })).rejects.toThrow(ObjectMissing)
      })

      test('replaces an object', async () => {
        const key = workKey(freshJob(), 'twice')
        await store().put(key, noise(70_000), { contentType: PNG })
        await store().put(key, Buffer.from('short'), { contentType: PNG })
        expect((await content(key)).toString()).toBe('short')
      })

      test('carries a stream of 12 MiB and more, with its hash', async () => {
        const key = finalKey(freshJob(), 'video', 'film.mp4')
        const bytes = noise(BIG_BYTES)
        const stored = await store().put(key, inChunks(bytes, 70_001), {
          contentType: 'video/mp4',
          sha256: sha256(bytes),
          bytes: BIG_BYTES,
        })
        expect(stored).toEqual({ ok: true, bytes: BIG_BYTES, sha256: sha256(bytes) })
        expect(sha256(await content(key))).toBe(sha256(bytes))
        expect(await store().head(key)).toMatchObject({ bytes: BIG_BYTES, contentType: 'video/mp4' })
      })

      test('gives any part of an object', async () => {
        const key = workKey(freshJob(), 'range')
        const bytes = noise(1000)
        await store().put(key, bytes, { contentType: PNG })
        for (const [start, end] of [
          [0, 1],
          [10, 20],
          [999, 1000],
          [990, 5000],
          [0, 1000],
          [500, undefined],
          [undefined, 5],
          [7, 7],
          [1000, 1001],
          [2000, undefined],
        ]) {
          const part = await buffer(
            await store().read(key, {
              ...(start === undefined ? {} : { start }),
              ...(end === undefined ? {} : { end }),
            }),
          )
          expect(part, `${start} to ${end}`).toEqual(bytes.subarray(start, end))
        }
      })

      test('refuses a range that cannot be', async () => {
        const key = workKey(freshJob(), 'range')
        await store().put(key, noise(10), { contentType: PNG })
        for (const range of [{ start: -1 }, { start: 5, end: 4 }, { start: 1.5 }]) {
          await expect(store().read(key, range)).rejects.toThrow(RangeError)
        }
      })

      test('lets a reader leave early', async () => {
        const key = workKey(freshJob(), 'left')
        await store().put(key, noise(3_000_000), { contentType: PNG })
        const unread = await store().read(key)
        unread.destroy()
        for await (const chunk of await store().read(key)) {
          expect(chunk.length).toBeGreaterThan(0)
          break
        }
        expect((await content(key)).length).toBe(3_000_000)
      })

      test('keeps keys apart that differ in case, or where one starts with the other', async () => {
        const job = freshJob()
        const keys = ['a', 'A', 'a.b', 'a.B', 'a_', 'a-', 'ab', 'b/a', 'B/a', 'b.c/a', 'b-/a'].map((path) =>
          workKey(job, path),
        )
        for (const key of keys) await store().put(key, Buffer.from(key), { contentType: PNG })
        for (const key of keys) expect((await content(key)).toString()).toBe(key)
        expect(await keysUnder(jobPrefix(job))).toEqual([...keys].sort())
      })

      test('never follows a hostile key out of its place', async () => {
        for (const text of [
          '../escape',
          'jobs/../../escape',
          '/etc/passwd',
          'jobs//x',
          'jobs/./x',
          'jobs/x/',
          'a\\..\\b',
          'a\0b',
          'jobs/%2e%2e/x',
          'ä',
          'x'.repeat(81),
          '',
        ]) {
          expect(ObjectKey.safeParse(text).success, text).toBe(false)
          // Even when the type is lied to.
          const key = text as ObjectKey
          await expect(store().put(key, noise(1), { contentType: PNG }), text).rejects.toThrow()
          await expect(store().read(key), text).rejects.toThrow()
          await expect(store().deletePrefix(`${text}/` as ObjectPrefix), text).rejects.toThrow()
        }
        await expect(store().deletePrefix('' as ObjectPrefix)).rejects.toThrow()
        await expect(store().deletePrefix('jobs/1' as ObjectPrefix)).rejects.toThrow()
      })
    })

    describe('what goes wrong while writing', () => {
      test('a wrong length or hash is refused and leaves what was there before', async () => {
        const bytes = noise(200_000)
        for (const make of [() => bytes, () => inChunks(bytes, 10_000)]) {
          const key = workKey(freshJob(), 'kept')
          await store().put(key, Buffer.from('before'), { contentType: PNG })
          expect(await store().put(key, make(), { contentType: PNG, bytes: 199_999 })).toMatchObject({
            ok: false,
            code: 'wrong_bytes',
          })
          expect(await store().put(key, make(), { contentType: PNG, bytes: 200_001 })).toMatchObject({
            ok: false,
            code: 'wrong_bytes',
          })
          expect(await store().put(key, make(), { contentType: PNG, sha256: sha256(noise(5)) })).toMatchObject({
            ok: false,
            code: 'wrong_sha256',
          })
          expect((await content(key)).toString()).toBe('before')
        }
        expect(await at().unfinished()).toEqual([])
      })

      test('a wrong hash of 12 MiB leaves nothing', async () => {
        const job = freshJob()
        const result = await store().put(workKey(job, 'big'), inChunks(noise(BIG_BYTES), 70_001), {
          contentType: PNG,
          sha256: sha256(noise(1)),
        })
        expect(result).toMatchObject({ ok: false, code: 'wrong_sha256' })
        expect(await keysUnder(jobPrefix(job))).toEqual([])
        expect(await at().unfinished()).toEqual([])
      })

      test('a source that breaks midway leaves nothing, and its error is told', async () => {
        const job = freshJob()
        const broken = new Error('the camera fell over')
        const bytes = noise(BIG_BYTES)
        const breaking = Readable.from(
          (async function* () {
            yield bytes.subarray(0, BIG_BYTES - 1000)
            throw broken
          })(),
          { objectMode: false },
        )
        await expect(store().put(workKey(job, 'broken'), breaking, { contentType: PNG })).rejects.toBe(broken)
        await expect(
          store().put(workKey(job, 'nofile'), { filePath: join(scratch, 'no-such-file') }, { contentType: PNG }),
        ).rejects.toMatchObject({ code: 'ENOENT' })
        expect(await keysUnder(jobPrefix(job))).toEqual([])
        expect(await at().unfinished()).toEqual([])
      })

      test('an aborted put leaves nothing and throws the reason', async () => {
        const job = freshJob()
        const stop = new AbortController()
        const reason = new Error('enough')
        const endless = Readable.from(
          (async function* () {
            for (let sent = 0; ; sent++) {
              if (sent === 150) stop.abort(reason)
              yield noise(65_536)
            }
          })(),
          { objectMode: false },
        )
        await expect(
          store().put(workKey(job, 'aborted'), endless, { contentType: PNG, signal: stop.signal }),
        ).rejects.toBe(reason)
        await expect(
          store().put(workKey(job, 'never'), noise(10), { contentType: PNG, signal: stop.signal }),
        ).rejects.toBe(reason)
        expect(await keysUnder(jobPrefix(job))).toEqual([])
        expect(await at().unfinished()).toEqual([])
      })

      test('of two writers one wins whole', async () => {
        const key = workKey(freshJob(), 'contested')
        const versions = [1, 2, 3, 4].map((seed) => noise(300_000, seed))
        await Promise.all(versions.map((bytes) => store().put(key, inChunks(bytes, 9_000), { contentType: PNG })))
        expect(versions.map(sha256)).toContain(sha256(await content(key)))
        expect(await at().unfinished()).toEqual([])
      })

      test('a reader sees the old or the new object, never a mixture', async () => {
        const key = workKey(freshJob(), 'replaced')
        const versions = [1, 2].map((seed) => noise(400_000, seed))
        const [first = Buffer.alloc(0), second = Buffer.alloc(0)] = versions
        await store().put(key, first, { contentType: PNG })
        const reads = Array.from({ length: 8 }, () => content(key))
        await Promise.all([...reads, store().put(key, second, { contentType: PNG })])
        for (const read of reads) expect(versions.map(sha256)).toContain(sha256(await read))
      })
    })

    describe('download', () => {
      test('writes the file and tells its length and hash', async () => {
        const key = workKey(freshJob(), 'down')
        const bytes = noise(300_000)
        await store().put(key, bytes, { contentType: PNG })
        const file = join(scratch, 'down')
        const options = { bytesMax: 300_000, bytes: 300_000, sha256: sha256(bytes) }
        expect(await store().download(key, file, options)).toEqual({ ok: true, bytes: 300_000, sha256: sha256(bytes) })
        expect(sha256(await readFile(file))).toBe(sha256(bytes))
      })

      test('refuses what is missing, too big, of another length or another hash, and leaves no file', async () => {
        const key = workKey(freshJob(), 'down')
        const bytes = noise(300_000)
        await store().put(key, bytes, { contentType: PNG })
        const folder = await mkdtemp(join(scratch, 'refused-'))
        const file = join(folder, 'file')
        const max = { bytesMax: 1_000_000 }
        const download = store().download.bind(store())
        expect(await download(key, file, { bytesMax: 299_999 })).toMatchObject({ ok: false, code: 'too_big' })
        expect(await download(key, file, { ...max, bytes: 299_999 })).toMatchObject({ ok: false, code: 'wrong_bytes' })
        expect(await download(key, file, { ...max, bytes: 300_001 })).toMatchObject({ ok: false, code: 'wrong_bytes' })
        expect(await download(key, file, { ...max, sha256: sha256(noise(3)) })).toMatchObject({
          ok: false,
          code: 'wrong_sha256',
        })
        expect(await download(workKey(freshJob(), 'nothing'), file, max)).toMatchObject({ ok: false, code: 'missing' })
        expect(await readdir(folder)).toEqual([])
      })

      test('is stopped by its signal and leaves no file', async () => {
        const key = workKey(freshJob(), 'down')
        await store().put(key, noise(10), { contentType: PNG })
        const folder = await mkdtemp(join(scratch, 'aborted-'))
        const reason = new Error('enough')
        const signal = AbortSignal.abort(reason)
        await expect(store().download(key, join(folder, 'file'), { bytesMax: 100, signal })).rejects.toBe(reason)
        expect(await readdir(folder)).toEqual([])
      })
    })

    describe('list, copy, delete', () => {
      test('lists page by page, in order, without gaps or repeats', async () => {
        const job = freshJob()
        const keys = ['t1/0/a', 't1/0/b', 't1-x/0/a', 't1.x/0/a', 't10/0/a', 't1/1/a', 'T/0/a', 't2/0/z'].map(
          (path) => {
            const [task = '', epoch = '', file = ''] = path.split('/')
            return attemptKey(job, task, Number(epoch), file)
          },
        )
        await Promise.all(keys.map((key, index) => store().put(key, noise(index), { contentType: PNG })))
        await store().put(finalManifestKey(job), noise(3), { contentType: 'application/json' })
        const prefix = ObjectPrefix.parse(`jobs/${job}/attempts/`)
        for (const limit of [1, 3, 8, 1000]) {
          const found: { key: string; bytes: number }[] = []
          let startAfter: string | null = ''
          for (let pages = 0; startAfter !== null; pages++) {
            expect(pages).toBeLessThan(20)
            const page = await store().list(prefix, { limit, ...(startAfter === '' ? {} : { startAfter }) })
            expect(page.keys.length).toBeLessThanOrEqual(limit)
            found.push(...page.keys)
            startAfter = page.next
          }
          expect(found.map(({ key }) => key)).toEqual([...keys].sort())
          expect(found.every(({ key, bytes }) => keys.findIndex((one) => one === key) === bytes)).toBe(true)
        }
        expect(await keysUnder(attemptPrefix(job, 't1', 0))).toEqual([
          attemptKey(job, 't1', 0, 'a'),
          attemptKey(job, 't1', 0, 'b'),
        ])
      })

      test('goes on behind a name that is no key', async () => {
        const job = freshJob()
        const [first, second] = [attemptKey(`${job}-a`, 't1', 0, 'a'), attemptKey(`${job}-b`, 't1', 0, 'a')]
        for (const key of [first, second])
          await store().put(key, Buffer.from('x'), { contentType: 'application/octet-stream' })
        const { keys } = await store().list(JOBS_PREFIX, { limit: 1, startAfter: behindJob(`${job}-a`) })
        expect(keys.map(({ key }) => key)).toEqual([second])
      })

      test('lists nothing where nothing is, and refuses limits that servers would lower', async () => {
        expect(await store().list(jobPrefix(freshJob()), { limit: 10 })).toEqual({ keys: [], next: null })
        for (const limit of [0, 1001, 1.5])
          await expect(store().list(jobPrefix('x'), { limit })).rejects.toThrow(RangeError)
      })

      test('copies content and type, over what was there', async () => {
        const job = freshJob()
        const [from, to] = [finalKey(job, 'frames', 'a.png'), finalKey(job, 'previews', 'b.png')]
        const bytes = noise(50_000)
        await store().put(from, bytes, { contentType: PNG })
        await store().put(to, noise(10), { contentType: PNG })
        await store().copy(from, to)
        await store().copy(from, from)
        expect(sha256(await content(to))).toBe(sha256(bytes))
        expect(sha256(await content(from))).toBe(sha256(bytes))
        expect(await store().head(to)).toMatchObject({ contentType: PNG })
        await expect(store().copy(workKey(job, 'nothing'), to)).rejects.toThrow(ObjectMissing)
        expect(sha256(await content(to))).toBe(sha256(bytes))
      })

      test('deletes one object, and does not mind when it is gone', async () => {
        const job = freshJob()
        await store().put(workKey(job, 'a'), noise(1), { contentType: PNG })
        await store().put(workKey(job, 'b'), noise(1), { contentType: PNG })
        await store().delete(workKey(job, 'a'))
        await store().delete(workKey(job, 'a'))
        expect(await keysUnder(jobPrefix(job))).toEqual([workKey(job, 'b')])
      })

      test('deletes all of one job and nothing of its neighbours', async () => {
        const job = freshJob()
        const neighbour = finalManifestKey(`${job}0`)
        await store().put(neighbour, noise(1), { contentType: 'application/json' })
        const paths = Array.from({ length: 40 }, (_, index) => `deep/${index % 3}/${index}`)
        await Promise.all(paths.map((path) => store().put(workKey(job, path), noise(1), { contentType: PNG })))
        expect(await store().deletePrefix(jobPrefix(job))).toEqual({ deleted: 40 })
        expect(await store().deletePrefix(jobPrefix(job))).toEqual({ deleted: 0 })
        expect(await keysUnder(jobPrefix(job))).toEqual([])
        expect(await store().head(neighbour)).not.toBeNull()
      })

      test('takes puts into a folder that is being emptied', async () => {
        const job = freshJob()
        const kept = Array.from({ length: 12 }, (_, index) => finalKey(job, 'frames', `kept/${index}.png`))
        const churn = async (index: number) => {
          const key = finalKey(job, 'frames', `kept/gone-${index}.png`)
          await store().put(key, noise(1), { contentType: PNG })
          await store().delete(key)
        }
        await Promise.all(
          kept.flatMap((key, index) => [store().put(key, noise(1), { contentType: PNG }), churn(index)]),
        )
        expect((await keysUnder(finalPrefix(job))).sort()).toEqual([...kept].sort())
      })
    })

    signedRequests({ at, scratch: () => scratch })

    test('tidying is always possible and removes nothing that can be read', async () => {
      const key = workKey(freshJob(), 'f.png')
      await at().store.put(key, noise(9_000_000), { contentType: 'image/png' })
      await at().store.tidy()
      await at().store.tidy()
      expect((await at().store.head(key))?.bytes).toBe(9_000_000)
    })

    test('a check passes, also several at once, and leaves nothing', async () => {
      await Promise.all([store().check(), store().check(), store().check()])
      expect(await keysUnder(ObjectPrefix.parse('checks/'))).toEqual([])
    })
  })
}
