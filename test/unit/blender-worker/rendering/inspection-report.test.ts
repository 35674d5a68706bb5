import { describe, expect, test } from 'vitest'
import { Inspection as Answer } from '../../../../blender-worker/blender/inspection.ts'
import { inspectionOf } from '../../../../blender-worker/rendering/inspection-report.ts'
import { Inspected } from '../../../../shared/protocol/messages.ts'
import { Inspection, INSPECTION_LIMITS } from '../../../../shared/protocol/inspection.ts'
import { LIMITS } from '../../../../shared/protocol/limits.ts'

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
    externalFiles: [
      { kind: 'image', name: 'wood', path: '//wood.png', missing: true },
      { kind: 'image', name: 'iron', path: '//iron.png', missing: false },
    ],
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
      missingFiles: [{ kind: 'image', path: '//wood.png' }],
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
        externalFiles: many(2_000, { kind: 'image', name: 'n', path: 'ü'.repeat(2_048), missing: true }),
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

  test('is a failure where it cannot be: a name or a size that no scene has', () => {
    expect(() => inspectionOf(answer({ scene: 'S'.repeat(300) }))).toThrow(/scene/)
    expect(() => inspectionOf(answer({ image: { ...answer().image, width: 0 } }))).toThrow(
      expect.objectContaining({ code: 'output_invalid' }),
    )
  })
})
