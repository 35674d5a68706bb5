import { describe, expect, test } from 'vitest'
import {
  byHandText,
  FARM_PROGRAMS,
  isInstalled,
  missingPrograms,
  packagesOf,
  rootPrefix,
} from '../../../../services/cli/setup/set-up-plan.mjs'

describe('what a machine lacks', () => {
  test('is nothing when every program is there', () => {
    expect(missingPrograms(FARM_PROGRAMS, () => true, {})).toEqual([])
  })

  test('is named by its Debian packages', () => {
    expect(packagesOf(missingPrograms(FARM_PROGRAMS, () => false, {}))).toEqual(['redis-server', 'blender', 'ffmpeg'])
  })

  test('is not what something else is used for', () => {
    const missing = missingPrograms(FARM_PROGRAMS, () => false, {
      REDIS_URL: 'redis://cache',
      TILEWORK_WORKER_BLENDER: '/opt/blender/blender',
      TILEWORK_FFMPEG: '',
    })
    expect(missing.map(({ command }) => command)).toEqual(['ffmpeg'])
  })

  test('is told by the exact command, and in words for those without apt', () => {
    const text = byHandText(FARM_PROGRAMS.slice(0, 2))
    expect(text).toContain('sudo apt-get install --no-install-recommends redis-server blender\n')
    expect(text).toContain('Redis 6.2 or newer')
    expect(text).not.toContain('FFmpeg')
  })
})

describe('the way to install', () => {
  const machine = { apt: true, root: false, sudo: true, terminal: true }
  test('is nothing special for root', () => {
    expect(rootPrefix({ ...machine, root: true, sudo: false })).toEqual([])
  })
  test('is sudo, which may ask only where somebody can answer', () => {
    expect(rootPrefix(machine)).toEqual(['sudo'])
    expect(rootPrefix({ ...machine, terminal: false })).toEqual(['sudo', '-n'])
  })
  test('is none without apt, or without root and sudo', () => {
    expect(rootPrefix({ ...machine, apt: false, root: true })).toBeNull()
    expect(rootPrefix({ ...machine, sudo: false })).toBeNull()
  })
})

describe('npm packages', () => {
  const lock = {
    packages: {
      '': { version: '0.1.0' },
      'node_modules/a': { version: '1.0.0' },
      'node_modules/for-windows': { version: '2.0.0', optional: true },
    },
  }
  test('are there when npm wrote down the versions of the lock file', () => {
    expect(isInstalled(lock, { packages: { 'node_modules/a': { version: '1.0.0' } } })).toBe(true)
  })
  test.each([
    ['there are none', null],
    ['one is missing', { packages: {} }],
    ['one has another version', { packages: { 'node_modules/a': { version: '1.0.1' } } }],
    [
      'an optional one has another version',
      { packages: { 'node_modules/a': { version: '1.0.0' }, 'node_modules/for-windows': { version: '2.1.0' } } },
    ],
    ['the record is broken', 'nonsense'],
  ])('have to be installed when %s', (_why, installed) => {
    expect(isInstalled(lock, installed)).toBe(false)
  })
})
