import { expect, test } from 'vitest'
import { parseWorkerConfig } from '../../../blender-worker/config.ts'

const REQUIRED = { url: 'ws://127.0.0.1:8080', token: 'secret' }

test('a flag beats the environment, which beats the default', () => {
  const environment = {
    TILEWORK_WORKER_URL: 'wss://farm.example',
    TILEWORK_WORKER_TOKEN: 'secret',
    TILEWORK_WORKER_SLOTS: '2',
    TILEWORK_WORKER_NAME: 'from-environment',
  }
  const config = parseWorkerConfig({ name: 'from-flag' }, environment)
  expect(config).toMatchObject({
    ok: true,
    value: { name: 'from-flag', slots: 2, sandbox: 'auto', cacheBytesMax: 20 * 1024 ** 3, tags: [] },
  })
})

test('lists, sizes and device kinds may be written as people write them', () => {
  const config = parseWorkerConfig(
    { ...REQUIRED, tags: 'studio-a, fast', devices: 'cuda,optix', cacheBytesMax: '1.5 GiB', threads: '4' },
    {},
  )
  expect(config).toMatchObject({
    ok: true,
    value: { tags: ['studio-a', 'fast'], devices: ['CUDA', 'OPTIX'], cacheBytesMax: 1.5 * 1024 ** 3, threads: 4 },
  })
})

test('an http address is taken as that of the WebSocket', () => {
  const config = parseWorkerConfig({ ...REQUIRED, url: 'https://farm.example/tilework' }, {})
  expect(config.ok && config.value.url.href).toBe('wss://farm.example/tilework')
})

test.each([
  [{ token: 'secret' }, 'url (or TILEWORK_WORKER_URL): is required'],
  [{ url: 'ws://127.0.0.1' }, 'token (or TILEWORK_WORKER_TOKEN): is required'],
  [{ ...REQUIRED, url: 'ftp://farm.example' }, 'url (or TILEWORK_WORKER_URL): must be the address of a coordinator'],
  [{ ...REQUIRED, token: 'two\nlines' }, 'token (or TILEWORK_WORKER_TOKEN): must be printable characters'],
  [{ ...REQUIRED, slots: '0' }, 'slots (or TILEWORK_WORKER_SLOTS)'],
  [{ ...REQUIRED, slots: 'many' }, 'slots (or TILEWORK_WORKER_SLOTS)'],
  [{ ...REQUIRED, devices: 'toaster' }, 'devices (or TILEWORK_WORKER_DEVICES)'],
  [{ ...REQUIRED, tags: 'No Blanks' }, 'a tag is made of small letters'],
  [
    { ...REQUIRED, cacheBytesMax: 'lots' },
    'cacheBytesMax (or TILEWORK_WORKER_CACHE_BYTES_MAX): must be a number of bytes',
  ],
  [{ ...REQUIRED, sandbox: 'maybe' }, 'sandbox (or TILEWORK_WORKER_SANDBOX)'],
  [{ ...REQUIRED, colour: 'red' }, 'colour'],
])('wrong settings %j are told by name', (flags, message) => {
  const config = parseWorkerConfig(flags, {})
  expect(config).toMatchObject({ ok: false, code: 'config_invalid', detail: expect.stringContaining(message) })
})

test('an empty variable counts as not set', () => {
  expect(parseWorkerConfig(REQUIRED, { TILEWORK_WORKER_THREADS: '' })).toMatchObject({ ok: true })
})
