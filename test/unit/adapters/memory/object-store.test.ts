import { expect, test } from 'vitest'
import { MemoryObjectStore } from '../../../../shared/adapters/memory/object-store.ts'
import { StoreUnavailable } from '../../../../shared/ports/object-store.ts'
import { workKey } from '../../../../shared/protocol/object-keys.ts'

const key = workKey('j', 'f.png')
const png = { contentType: 'image/png' }

test('an outage that a test arranges comes before the effect of the call', async () => {
  const calls: string[] = []
  let away = false
  const store = new MemoryObjectStore({
    nowMs: () => 0,
    beforeCall(call, name) {
      calls.push(`${call} ${name}`)
      if (away && call === 'commit') throw new StoreUnavailable('arranged', { cause: null, retryable: true })
    },
  })
  away = true
  await expect(store.put(key, Buffer.from('x'), png)).rejects.toThrow(StoreUnavailable)
  away = false
  expect(await store.head(key)).toBeNull()
  await store.put(key, Buffer.from('x'), png)
  expect(calls).toEqual([`put ${key}`, `commit ${key}`, `head ${key}`, `put ${key}`, `commit ${key}`])
})

test('what a caller does with its buffer afterwards changes nothing', async () => {
  const store = new MemoryObjectStore({ nowMs: () => 5 })
  const bytes = Buffer.from('before')
  await store.put(key, bytes, png)
  bytes.write('after!')
  const answer = await store.request({ method: 'GET', url: await store.signedGet(key, { ttlSeconds: 1 }) })
  expect(answer.body.toString()).toBe('before')
  expect(await store.head(key)).toEqual({ bytes: 6, contentType: 'image/png', modifiedAtMs: 5 })
})
