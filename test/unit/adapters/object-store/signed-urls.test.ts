import fc from 'fast-check'
import { expect, test } from 'vitest'
import { makeSignedGet, makeSignedPut, verifySigned } from '../../../../shared/adapters/object-store/signed-urls.ts'
import { workKey } from '../../../../shared/protocol/object-keys.ts'

const secret = Buffer.alloc(32, 1)
const nowMs = 1_800_000_000_500
const signer = { secret, publicUrl: 'https://farm.example.org/', nowMs }
const key = workKey('j1', 'a.png')
const put = { bytes: 12, sha256: '0f'.repeat(32), contentType: 'text/plain; charset=utf-8', ttlSeconds: 10 }
const pathOf = (url: string) => url.slice('https://farm.example.org'.length)
const verify = (method: string, url: string, at = nowMs) => verifySigned(secret, at, { method, url: pathOf(url) })

test('gives back what was signed', () => {
  expect(verify('GET', makeSignedGet(signer, key, { ttlSeconds: 10, filename: 'ä & b?.png' }))).toEqual({
    ok: true,
    grant: { method: 'GET', key, filename: 'ä & b?.png' },
  })
  const { ttlSeconds: _, ...content } = put
  expect(verify('PUT', makeSignedPut(signer, key, put).url)).toEqual({
    ok: true,
    grant: { method: 'PUT', key, ...content },
  })
})

test('HEAD goes with GET, and nothing else with another method', () => {
  const get = makeSignedGet(signer, key, { ttlSeconds: 10 })
  expect(verify('HEAD', get).ok).toBe(true)
  for (const method of ['PUT', 'POST', 'DELETE', 'get', 'OPTIONS'])
    expect(verify(method, get), method).toMatchObject({ code: 'signature_invalid' })
  expect(verify('GET', makeSignedPut(signer, key, put).url)).toMatchObject({ code: 'signature_invalid' })
})

test('ends at its second', () => {
  const get = makeSignedGet(signer, key, { ttlSeconds: 10 })
  expect(verify('GET', get, 1_800_000_009_999).ok).toBe(true)
  expect(verify('GET', get, 1_800_000_010_000)).toMatchObject({ ok: false, code: 'signature_expired' })
  expect(verify('GET', get, NaN)).toMatchObject({ ok: false })
})

test('no changed character passes', () => {
  const url = makeSignedPut(signer, key, put).url
  fc.assert(
    fc.property(fc.nat(pathOf(url).length - 1), fc.constantFrom('0', 'a', '/', '&', '=', '%', '?', ''), (at, sign) => {
      const path = pathOf(url)
      const changed = path.slice(0, at) + sign + path.slice(at + 1)
      fc.pre(changed !== path)
      expect(verifySigned(secret, nowMs, { method: 'PUT', url: changed })).toMatchObject({
        ok: false,
        code: 'signature_invalid',
      })
    }),
  )
})

test('nothing can be added, doubled or left out', () => {
  const url = makeSignedPut(signer, key, put).url
  for (const changed of [
    `${url}&x=1`,
    `${url}&bytes=99`,
    url.replace('?', '?bytes=99&'),
    `${url}&signature=00`,
    url.replace(/&signature=.*/, ''),
    url.replace(/bytes=12&/, ''),
    url.replace('/v1/objects/', '/v1/objects//'),
    url.replace('a.png', '../work/a.png'),
  ]) {
    expect(verify('PUT', changed), changed).toMatchObject({ ok: false, code: 'signature_invalid' })
  }
})

test('another secret does not fit, and a short one is refused', () => {
  const get = pathOf(makeSignedGet(signer, key, { ttlSeconds: 10 }))
  expect(verifySigned(Buffer.alloc(32, 2), nowMs, { method: 'GET', url: get })).toMatchObject({
    code: 'signature_invalid',
  })
  expect(() => makeSignedGet({ ...signer, secret: Buffer.alloc(31, 1) }, key, { ttlSeconds: 10 })).toThrow(/32 bytes/)
})
