import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { WORKER_ENVIRONMENT, parseWorkerConfig } from '../../../blender-worker/config.ts'
import { FarmConfig, readConfig } from '../../../services/wiring/config.ts'

const readme = readFileSync(fileURLToPath(new URL('../../../docker/README.md', import.meta.url)), 'utf8')

/** The rows of the table that follows a sentence: variable and default. */
function tableAfter(sentence: string): Map<string, string> {
  const start = readme.indexOf(sentence)
  if (start < 0) throw new Error(`docker/README.md no longer says: ${sentence}`)
  const table = readme.slice(start).split('\n\n')[1] ?? ''
  return new Map(
    [...table.matchAll(/^\| `([A-Z0-9_]+)` \| ([^|]*?) \|/gm)].map((row) => [
      row[1] ?? '',
      (row[2] ?? '').replaceAll('`', ''),
    ]),
  )
}

describe('the table of settings in docker/README.md', () => {
  const services = tableAfter('What every service reads.')
  const workers = tableAfter('What a worker reads.')

  it('has every variable of the services, and no other', () => {
    expect([...services.keys()].sort()).toEqual(Object.keys(FarmConfig.shape).sort())
  })

  it('has every variable of a worker, and no other', () => {
    expect([...workers.keys()].sort()).toEqual(Object.values(WORKER_ENVIRONMENT).sort())
  })

  it('tells the defaults of the services', () => {
    const required = { REDIS_URL: 'redis://127.0.0.1', TILEWORK_SECRET: 'x'.repeat(32), S3_BUCKET: 'bucket' }
    const defaults = new Map(
      Object.entries(readConfig(required)).map(([name, value]) => [
        name,
        Array.isArray(value) ? 'none' : String(value),
      ]),
    )
    for (const [name, told] of services) {
      const expected = name === 'S3_BUCKET' ? 'none' : name in required ? 'required' : (defaults.get(name) ?? 'none')
      expect(`${name}: ${told}`).toBe(`${name}: ${expected}`)
    }
  })

  it('tells which settings of a worker are required', () => {
    const nothing = parseWorkerConfig({}, {})
    const complaints = nothing.ok ? '' : nothing.detail
    for (const [name, told] of workers)
      expect(`${name} ${told === 'required'}`).toBe(`${name} ${complaints.includes(`(or ${name}): is required`)}`)
  })

  it('tells the numbers that a worker takes by default', () => {
    const config = parseWorkerConfig({ url: 'ws://127.0.0.1', token: 'token' }, {})
    if (!config.ok) throw new Error(config.detail)
    expect(workers.get('TILEWORK_WORKER_SLOTS')).toBe(String(config.value.slots))
    expect(workers.get('TILEWORK_WORKER_SANDBOX')).toBe(config.value.sandbox)
    const room = parseWorkerConfig(
      { url: 'ws://127.0.0.1', token: 'token' },
      { TILEWORK_WORKER_CACHE_BYTES_MAX: workers.get('TILEWORK_WORKER_CACHE_BYTES_MAX') },
    )
    expect(room.ok && room.value.cacheBytesMax).toBe(config.value.cacheBytesMax)
  })
})
