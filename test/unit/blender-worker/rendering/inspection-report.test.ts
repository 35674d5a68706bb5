import { describe, expect, test } from 'vitest'
import { Inspection as Answer } from '../../../../blender-worker/blender/inspection.ts'
import { inspectionOf } from '../../../../blender-worker/rendering/inspection-report.ts'
import { Inspected } from '../../../../shared/protocol/messages.ts'
import { Inspection, INSPECTION_LIMITS } from '../../../../shared/protocol/inspection.ts'
import { LIMITS } from '../../../../shared/protocol/limits.ts'

const MISSING = {
  kind: 'image',
  path: '//wood.png',
  effect: 'picture' as const,
  usedBy: 'object "Floor"',
  users: 1,
  frames: null,
  count: 1,
  tiles: '',
}

function answer(change: Partial<Answer> = {}): Answer {
  return Answer.parse({
    loadSeconds: 0.1,
    blenderVersion: '3.4.1',
    fileVersion: '3.4.1',
    scene: 'Scene',
    engine: 'CYCLES',
    frames: { start: 1, end: 9, step: 1, current: 1, fps: 24 },
    image: {
      width: 96,
      height: 54,
      percentage: 100,
      pixelAspect: 1,
      region: { x: 0, y: 0, width: 96, height: 54 },
      usesBorder: false,
      cropsToBorder: false,
    },
    output: { fileFormat: 'PNG', colorMode: 'RGB', colorDepth: '8', quality: 90, path: '//' },
    scenes: [],
    hasCamera: true,
    cameras: ['Camera'],
    viewLayers: ['ViewLayer'],
    sampling: { samples: 8, adaptive: true, denoising: false },
    movie: null,
    compositor: {
      used: true,
      asksForGpu: true,
      layers: [],
      fileOutputs: ['Depth'],
      extraFiles: 3,
      unknownTemplates: [],
    },
    usesSequencer: false,
    denoiser: 'unneeded',
    stereo: false,
    motionBlur: false,
    burnsStamp: false,
    missingFiles: [{ ...MISSING, frames: '1-3' }],
    framesLooked: '1-9',
    unknownColorSpaces: [],
    history: [{ object: 'Flag', kind: 'cloth' }],
    blockedScripts: [],
    tiling: { exact: false, overscanPx: 4, reasons: ['it moves'] },
    sampleRanges: { samples: 8, samplesMax: null, reasons: ['a shadow catcher'] },
    ...change,
  })
}

describe('what the farm is told of a scene', () => {
  test('is what decides how a job is split', () => {
    expect(Inspection.parse(inspectionOf(answer()))).toMatchObject({
      scene: 'Scene',
      blenderVersion: '3.4.1',
      tiling: { exact: false, overscanPx: 4, reasons: ['it moves'] },
      sampleRanges: { samples: 8, reasons: ['a shadow catcher'] },
      history: [{ object: 'Flag', kind: 'cloth' }],
      missingFiles: [{ kind: 'image', path: '//wood.png', effect: 'picture', usedBy: 'object "Floor"', frames: '1-3' }],
      missingForPicture: 1,
      framesLooked: '1-9',
      fileOutputs: ['Depth'],
      unknownTemplates: [],
      extraFiles: 3,
      gpuCompositor: true,
      timeLimitSeconds: 0,
      cut: false,
    })
  })

  test('fits into one message, however much Blender found, and says that it was cut', () => {
    const many = <T>(count: number, one: T): T[] => Array.from({ length: count }, () => one)
    const inspection = inspectionOf(
      answer({
        scene: 'S'.repeat(256),
        history: many(1_000, { object: 'ü'.repeat(512), kind: 'ü'.repeat(512) }),
        blockedScripts: many(1_000, 'ü'.repeat(300)),
        missingFiles: many(2_000, {
          ...MISSING,
          path: 'ü'.repeat(2_048),
          usedBy: 'ü'.repeat(512),
          frames: '1'.repeat(200),
          tiles: '1'.repeat(200),
        }),
        framesLooked: '1, '.repeat(5_000),
        tiling: { exact: false, overscanPx: 0, reasons: many(100, 'ü'.repeat(2_048)) },
        sampleRanges: { samples: null, samplesMax: 256, reasons: many(100, 'ü'.repeat(2_048)) },
        compositor: {
          used: true,
          asksForGpu: false,
          layers: [],
          fileOutputs: many(10_000, 'ü'.repeat(512)),
          extraFiles: 10_000,
          unknownTemplates: many(10_000, { node: 'ü'.repeat(512), path: 'ü'.repeat(512) }),
        },
      }),
      many(1_000, { what: 'color space', name: 'ü'.repeat(512), usedBy: 'ü'.repeat(512) }),
    )
    expect(inspection.cut).toBe(true)
    expect(inspection.missingFiles).toHaveLength(INSPECTION_LIMITS.files)
    const message = Inspected.parse({
      type: 'inspected',
      jobId: 'job_01j9zzzzzzzzzzzzzzzzzzzzzz',
      taskId: 'i0000000',
      epoch: 1,
      inspection,
      seconds: 1,
    })
    expect(Buffer.byteLength(JSON.stringify(message))).toBeLessThan(LIMITS.workerMessageBytesMax)
  })

  test('has no frames of a file where they would not fit, so that it counts for all frames', () => {
    const [file] = inspectionOf(answer({ missingFiles: [{ ...MISSING, frames: '1, '.repeat(500) }] })).missingFiles
    expect(file?.frames).toBeUndefined()
  })

  test('is a failure where it cannot be: a name or a size that no scene has', () => {
    expect(() => inspectionOf(answer({ scene: 'S'.repeat(300) }))).toThrow(/scene/)
    expect(() => inspectionOf(answer({ image: { ...answer().image, width: 0 } }))).toThrow(
      expect.objectContaining({ code: 'output_invalid' }),
    )
  })
})
