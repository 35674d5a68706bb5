import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { loadScript } from '../../../../shared/adapters/redis/scripts.ts'

const FOLDER = join(import.meta.dirname, '../../../../shared/adapters/redis/scripts')

describe('the Lua scripts', () => {
  it.each(readdirSync(FOLDER))('%s says what it takes and returns, and is short', (file) => {
    const text = readFileSync(join(FOLDER, file), 'utf8')
    expect(text).toMatch(/^-- .*\.$/m)
    expect(text).toMatch(/^-- KEYS {2}/m)
    expect(text).toMatch(/^-- returns /m)
    if (text.includes('ARGV[')) expect(text).toMatch(/^-- ARGV {2}/m)
    // A screen and a half of lines that are not joined to be fewer.
    expect(text.split('\n').length).toBeLessThanOrEqual(75)
  })

  it('are told by name when they are missing', () => {
    expect(() => loadScript('no-such-script')).toThrow('no-such-script.lua')
  })
})
