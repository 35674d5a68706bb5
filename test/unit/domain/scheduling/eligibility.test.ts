import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  compareVersions,
  gib,
  isEligible,
  largestGpuMemory,
  shortfalls,
} from '../../../../shared/domain/scheduling/eligibility.ts'
import { capabilities } from '../records.ts'

const GIB = 1024 ** 3
const gpu = capabilities({
  devices: [
    { kind: 'CPU', name: 'a processor', memoryBytes: 64 * GIB },
    { kind: 'OPTIX', name: 'a card', memoryBytes: 8 * GIB },
    { kind: 'HIP', name: 'another', memoryBytes: 24 * GIB },
  ],
})
const blender = (version: string) => capabilities({ blender: { version, buildHash: '', path: '', engines: [] } })

describe('a worker is eligible', () => {
  test('when nothing is asked for', () => {
    expect(shortfalls({}, capabilities())).toEqual([])
  })

  test.each([
    [{ deviceKinds: ['CUDA' as const] }, 'needs a CUDA device'],
    [{ deviceKinds: ['CUDA' as const, 'METAL' as const] }, 'needs a CUDA or METAL device'],
    [{ gpuMemoryBytesMin: 25 * GIB }, 'needs 25 GiB of GPU memory'],
    [{ deviceKinds: ['OPTIX' as const], gpuMemoryBytesMin: 12 * GIB }, 'needs 12 GiB of GPU memory'],
    [{ memoryBytesMin: 32.5 * GIB }, 'needs 32.5 GiB of memory'],
    [{ blenderVersionMin: '4.2' }, 'needs Blender 4.2 or newer'],
    [{ blenderVersionMax: '3.3' }, 'needs Blender 3.3 or older'],
    [{ tags: ['studio-a'] }, 'needs the tag "studio-a"'],
  ])('not when %j is more than it has', (requirement, reason) => {
    expect(shortfalls(requirement, gpu)).toEqual([reason])
    expect(isEligible(requirement, gpu)).toBe(false)
  })

  test('when it has just enough', () => {
    expect(
      shortfalls(
        {
          deviceKinds: ['OPTIX'],
          gpuMemoryBytesMin: 8 * GIB,
          memoryBytesMin: 16 * GIB,
          blenderVersionMin: '3.4.1',
          blenderVersionMax: '3.4.1',
        },
        gpu,
      ),
    ).toEqual([])
  })

  test.each([
    ['4.2', '4.2.9', true],
    ['4.2', '4.3.0', false],
    ['4.2.1', '4.2.2', false],
    ['4.2.1', '4.2.1', true],
    ['4.10', '4.9.5', true],
    ['4.9', '4.10.0', false],
  ])('up to Blender %s with %s: %s', (blenderVersionMax, version, fits) => {
    expect(isEligible({ blenderVersionMax }, blender(version))).toBe(fits)
  })

  test('by the memory of its graphics cards, not of its processor', () => {
    expect(largestGpuMemory(gpu.devices)).toBe(24 * GIB)
    expect(largestGpuMemory([{ kind: 'CPU', name: '', memoryBytes: 64 * GIB }])).toBe(0)
    expect(largestGpuMemory([{ kind: 'CUDA', name: '' }])).toBe(0)
  })
})

test('versions compare as numbers, part by part', () => {
  expect(compareVersions('4.10.0', '4.9.9')).toBeGreaterThan(0)
  expect(compareVersions('4.2', '4.2.0')).toBe(0)
  const version = fc.tuple(fc.nat(20), fc.nat(20), fc.nat(20)).map((parts) => parts.join('.'))
  fc.assert(
    fc.property(version, version, (a, b) => {
      expect(Math.sign(compareVersions(a, b))).toBe(0 - Math.sign(compareVersions(b, a)))
    }),
  )
})

test('bytes are told in GiB with one decimal at most', () => {
  expect([12 * GIB, 7.94 * GIB, 0, 512 * 1024 ** 2].map(gib)).toEqual(['12', '7.9', '0', '0.5'])
})
