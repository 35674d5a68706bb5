import { createHash } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startRestFarm, type RestFarm } from '../../support/rest-farm.ts'

let farm: RestFarm
beforeAll(async () => {
  farm = await startRestFarm()
})
afterAll(async () => farm.close())

it('lists the add-on for Blender without a token, with the address, length and hash of its archive', async () => {
  const listing = (await farm.ask(null, { url: '/addon/index.json?blender_version=4.5.0&platform=linux-x64' })).json()
  expect(listing).toMatchObject({ version: 'v1', blocklist: [], data: [{ id: 'tilework', schema_version: '1.0.0' }] })
  const [{ archive_url: url, archive_size: size, archive_hash: hash }] = listing.data
  const archive = await farm.ask(null, { url: new URL(url, 'http://farm/addon/index.json').pathname })
  expect(archive.headers['content-type']).toBe('application/zip')
  expect(archive.rawPayload.length).toBe(size)
  expect(`sha256:${createHash('sha256').update(archive.rawPayload).digest('hex')}`).toBe(hash)
})

it('gives Blender the listing and a browser a page at the same address', async () => {
  const page = await farm.ask(null, { url: '/addon/', headers: { accept: 'text/html', host: 'farm:1<script>' } })
  expect(page.headers['content-type']).toContain('text/html')
  expect(page.body).toContain('.zip" download')
  expect(page.body).not.toContain('<script>')
  expect((await farm.ask(null, { url: '/addon/' })).json().data).toHaveLength(1)
  expect((await farm.ask(null, { url: '/addon' })).headers.location).toBe('addon/')
  expect((await farm.ask(null, { url: '/addon/other.zip' })).statusCode).toBe(404)
})
