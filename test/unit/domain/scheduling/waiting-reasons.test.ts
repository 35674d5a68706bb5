import { describe, expect, test } from 'vitest'
import { waitingReasons } from '../../../../shared/domain/scheduling/waiting-reasons.ts'
import { Sha256 } from '../../../../shared/protocol/ids.ts'
import { NOW, aWorker, capabilities } from '../records.ts'

const GIB = 1024 ** 3
const withGpu = (name: string, memoryGib: number, change: Parameters<typeof capabilities>[0] = {}) =>
  aWorker(name, {
    capabilities: capabilities({
      devices: [{ kind: 'CUDA', name: 'a card', memoryBytes: memoryGib * GIB }],
      ...change,
    }),
  })

describe('a job that waits says why', () => {
  test('as the issue words it', () => {
    expect(waitingReasons({ gpuMemoryBytesMin: 12 * GIB }, [withGpu('anna', 8), withGpu('bert', 6)], NOW)).toEqual([
      'waiting: needs 12 GiB of GPU memory, best connected worker has 8',
    ])
  })

  test('with nothing when one worker could take it', () => {
    expect(waitingReasons({ gpuMemoryBytesMin: 12 * GIB }, [withGpu('anna', 8), withGpu('bert', 12)], NOW)).toEqual([])
  })

  test('when nobody is there, or nobody may work', () => {
    expect(waitingReasons({}, [], NOW)).toEqual(['waiting: no worker is connected'])
    expect(
      waitingReasons({}, [aWorker('anna', { state: 'draining' }), aWorker('bert', { quarantined: true })], NOW),
    ).toEqual(['waiting: every connected worker is draining or in quarantine'])
  })

  test('when everybody who could cools down after failures, and with nothing while one of them does not', () => {
    const cooling = aWorker('anna', { coolsDownUntil: NOW + 20_500 })
    expect(waitingReasons({}, [cooling, aWorker('bert', { coolsDownUntil: NOW + 4_200 })], NOW)).toEqual([
      'waiting: every worker that could have the tasks has failed several of them in a row and ' +
        'cools down; ' +
        'the first goes on in 5 s',
    ])
    expect(waitingReasons({}, [cooling, aWorker('bert')], NOW)).toEqual([])
    expect(waitingReasons({}, [cooling], NOW + 21_000)).toEqual([])
  })

  test('when everybody who could cools down from failures with this scene, and with nothing for others', () => {
    const [scene, other] = ['a', 'b'].map((letter) => Sha256.parse(letter.repeat(64))) as [Sha256, Sha256]
    const cooling = aWorker('anna', { coolsDownFrom: [{ scene, until: NOW + 4_200 }] })
    expect(waitingReasons({}, [cooling], NOW, { scene })).toEqual([expect.stringContaining('goes on in 5 s')])
    expect(waitingReasons({}, [cooling], NOW, { scene: other })).toEqual([])
  })

  test('never by what a worker has that may not work', () => {
    expect(
      waitingReasons(
        { gpuMemoryBytesMin: 12 * GIB },
        [withGpu('anna', 8), aWorker('bert', { ...withGpu('bert', 24), state: 'draining' })],
        NOW,
      ),
    ).toEqual(['waiting: needs 12 GiB of GPU memory, best connected worker has 8'])
  })

  test('counting only the devices the job may use', () => {
    const mixed = aWorker('anna', {
      capabilities: capabilities({
        devices: [
          { kind: 'HIP', name: '', memoryBytes: 24 * GIB },
          { kind: 'OPTIX', name: '', memoryBytes: 8 * GIB },
        ],
      }),
    })
    expect(waitingReasons({ deviceKinds: ['OPTIX'], gpuMemoryBytesMin: 12 * GIB }, [mixed], NOW)).toEqual([
      'waiting: needs 12 GiB of GPU memory, best connected worker has 8',
    ])
  })

  test('never claiming that the best has as much as is needed', () => {
    expect(waitingReasons({ gpuMemoryBytesMin: 12 * GIB }, [withGpu('anna', 11.99)], NOW)).toEqual([
      'waiting: needs 12 GiB of GPU memory, best connected worker has 11.9',
    ])
  })

  test.each([
    [{ memoryBytesMin: 64 * GIB }, 'waiting: needs 64 GiB of memory, best connected worker has 16'],
    [{ blenderVersionMin: '4.2' }, 'waiting: needs Blender 4.2 or newer, connected workers have 3.4.1'],
    [{ deviceKinds: ['OPTIX' as const] }, 'waiting: needs a OPTIX device, connected workers have CPU'],
    [
      { denoiser: true as const },
      'waiting: needs Blender with OpenImageDenoise, connected workers have 3.4.1 without it',
    ],
    [
      { blenderVersionMin: '5.0.1', blenderVersionMax: '5.0.1' },
      'waiting: needs Blender 5.0.1, connected workers have 3.4.1',
    ],
    [{ tags: ['studio-a'] }, 'waiting: needs the tag "studio-a", tags of connected workers: none'],
    [{ tags: ['device-lab'] }, 'waiting: needs the tag "device-lab", tags of connected workers: none'],
  ])('%j', (requirement, sentence) => {
    expect(waitingReasons(requirement, [aWorker('anna')], NOW)).toEqual([sentence])
  })

  test('when each need is met by somebody, but all of them by nobody', () => {
    const reasons = waitingReasons(
      { gpuMemoryBytesMin: 12 * GIB, tags: ['studio-a'] },
      [withGpu('anna', 24), withGpu('bert', 8, { tags: ['studio-a'] })],
      NOW,
    )
    expect(reasons).toEqual([
      'waiting: no connected worker meets all requirements: needs 12 GiB of GPU memory, needs the tag "studio-a"',
    ])
  })
})
