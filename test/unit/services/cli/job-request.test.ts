import { describe, expect, test } from 'vitest'
import { jobWishes, parseJobOptions } from '../../../../services/cli/commands/job-request.ts'
import { CommandFailure } from '../../../../services/cli/exit-codes.ts'

const wishesOf = (options: Record<string, unknown>) => jobWishes(parseJobOptions(options))

function complaintOf(options: Record<string, unknown>): string {
  try {
    wishesOf(options)
  } catch (error) {
    if (error instanceof CommandFailure) return `${error.exitCode}: ${error.message}`
    throw error
  }
  return 'none'
}

describe('the request of a job', () => {
  test('says nothing of what was not typed', () => {
    expect(wishesOf({})).toEqual({})
  })

  test('holds all that was typed', () => {
    expect(
      wishesOf({
        scene: 'Shot',
        name: 'a job',
        frames: '1-10, 15',
        tiles: '4X2',
        sampleRanges: '3',
        chunk: '1',
        samples: '64',
        resolution: '1920x1080',
        format: 'exr',
        colorDepth: '32',
        video: 'none',
        audit: '25%',
        priority: '0',
        requireDevice: 'optix, CUDA',
        minGpuMemory: '8GiB',
        minMemory: '512 MiB',
        blenderMin: '3.4',
        blenderMax: '4.2.1',
        tag: ['studio', 'night'],
        allowMissing: true,
        minSeconds: '2.5',
      }),
    ).toEqual({
      name: 'a job',
      frames: '1-10, 15',
      tiles: { columns: 4, rows: 2 },
      sampleRanges: 3,
      chunk: 1,
      video: 'none',
      auditRate: 0.25,
      priority: 0,
      allowMissingFiles: true,
      secondsPerTaskMin: 2.5,
      settings: {
        scene: 'Shot',
        samples: 64,
        resolution: { width: 1920, height: 1080 },
        format: { file: 'exr', colorDepth: '32' },
      },
      requirement: {
        deviceKinds: ['OPTIX', 'CUDA'],
        gpuMemoryBytesMin: 8 * 2 ** 30,
        memoryBytesMin: 512 * 2 ** 20,
        blenderVersionMin: '3.4',
        blenderVersionMax: '4.2.1',
        tags: ['studio', 'night'],
      },
    })
  })

  test('takes a resolution in percent', () => {
    expect(wishesOf({ resolution: '50%' })).toEqual({ settings: { resolution: { percentage: 50 } } })
  })

  test('passes a share of nothing on, which is not the same as saying nothing', () => {
    expect(wishesOf({ audit: '0' })).toEqual({ auditRate: 0 })
  })

  test.each([
    [{ tiles: '0x2' }, '--tiles'],
    [{ tiles: '2' }, '--tiles'],
    [{ tiles: '65x1' }, '--tiles'],
    [{ tiles: '2x2x2' }, '--tiles'],
    [{ resolution: '0%' }, '--resolution'],
    [{ resolution: '1920' }, '--resolution'],
    [{ samples: '0' }, '--samples'],
    [{ samples: '1e3' }, '--samples'],
    [{ chunk: '101' }, '--chunk'],
    [{ chunk: '-1' }, '--chunk'],
    [{ format: 'gif' }, '--format'],
    [{ format: 'png', colorDepth: '12' }, '--color-depth'],
    [{ colorDepth: '16' }, '--color-depth'],
    [{ quality: '90' }, '--quality'],
    [{ video: 'avi' }, '--video'],
    [{ audit: '1.1' }, '--audit'],
    [{ audit: 'some' }, '--audit'],
    [{ priority: '101' }, '--priority'],
    [{ requireDevice: 'TPU' }, '--require-device'],
    [{ minGpuMemory: '8 bananas' }, '--min-gpu-memory'],
    [{ blenderMin: 'latest' }, '--blender-min'],
    [{ tag: ['Not A Tag'] }, '--tag'],
    [{ frames: '' }, '--frames'],
    [{ name: '' }, '--name'],
  ])('refuses %o and names %s', (options, option) => {
    expect(complaintOf(options)).toContain(`2: ${option}: `)
  })
})
