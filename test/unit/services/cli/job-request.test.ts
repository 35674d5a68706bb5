import { Command } from 'commander'
import { describe, expect, test } from 'vitest'
import { addChangeOptions, addJobOptions } from '../../../../services/cli/commands/job-options.ts'
import { jobChange, jobWishes } from '../../../../services/cli/commands/job-request.ts'
import { CommandFailure } from '../../../../services/cli/exit-codes.ts'

function complaintOf(options: Record<string, unknown>): string {
  try {
    jobWishes(options)
  } catch (error) {
    if (error instanceof CommandFailure) return `${error.exitCode}: ${error.message}`
    throw error
  }
  return 'none'
}

describe('the request of a job', () => {
  test('says nothing of what was not typed', () => {
    expect(jobWishes({})).toEqual({})
  })

  test('holds all that was typed', () => {
    expect(
      jobWishes({
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
    expect(jobWishes({ resolution: '50%' })).toEqual({ settings: { resolution: { percentage: 50 } } })
  })

  test('passes a share of nothing on, which is not the same as saying nothing', () => {
    expect(jobWishes({ audit: '0' })).toEqual({ auditRate: 0 })
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
    [{ format: 'png', colorDepth: '13' }, '--color-depth'],
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

describe('a change of a job', () => {
  test('holds what was typed, and null for what is to be taken away', () => {
    expect(jobChange({ frames: '1-48', priority: '7', json: true })).toEqual({ frames: '1-48', priority: 7 })
    expect(jobChange({ cap: '3' })).toEqual({ cap: 3 })
    expect(jobChange({ cap: 'none' })).toEqual({ cap: null })
  })

  test.each([
    [{}, 'nothing is to be changed'],
    [{ cap: '0' }, '--cap: '],
    [{ cap: 'many' }, '--cap: must be a whole number'],
    [{ priority: 'none' }, '--priority: '],
  ])('refuses %o and says %s', (options, words) => {
    expect(() => jobChange(options)).toThrow(words)
  })
})

test('the help of each option says what the protocol says of it', () => {
  const help = [addJobOptions(new Command()), addChangeOptions(new Command())].flatMap(({ options }) =>
    options.map(({ long, description }) => [long, description]),
  )
  expect(help).toContainEqual(['--chunk', 'frames in one task; whole frames only'])
  expect(help).toContainEqual(['--tiles', 'cut each frame into columns and rows, a task each (such as 2x2)'])
  expect(help).toContainEqual(['--cap', expect.stringMatching(/^tasks of the job with workers at a time.*; or none$/)])
})
