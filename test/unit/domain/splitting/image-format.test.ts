import { describe, expect, test } from 'vitest'
import { imageFormat } from '../../../../shared/domain/splitting/image-format.ts'
import { IMAGE_FORMATS } from '../../../../shared/protocol/render-settings.ts'
import type { SceneOutput } from '../../../../shared/protocol/scene-facts.ts'

const output = (fileFormat: string, change: Partial<SceneOutput> = {}): SceneOutput => ({
  fileFormat,
  colorDepth: 8,
  colorMode: 'RGB',
  path: '//',
  quality: 90,
  ...change,
})

describe('the format of the frames', () => {
  test('is the one that the scene writes, whichever of all that Blender has', () => {
    const names = [
      ...['PNG', 'JPEG', 'OPEN_EXR', 'OPEN_EXR_MULTILAYER', 'TIFF', 'WEBP', 'TARGA', 'TARGA_RAW', 'BMP', 'IRIS'],
      ...['HDR', 'DPX', 'CINEON', 'AVIF'],
    ]
    const found = names.map((name) => imageFormat(output(name), undefined))
    expect(found.every((each) => each.ok && each.settings === undefined && each.notes.length === 0)).toBe(true)
    const jpeg2000 = [
      imageFormat(output('JPEG2000'), undefined),
      imageFormat(output('JPEG2000', { jpeg2000Codec: 'J2K' }), undefined),
    ]
    expect([...found, ...jpeg2000].flatMap((each) => (each.ok ? each.file : [])).sort()).toEqual(
      [...IMAGE_FORMATS].sort(),
    )
  })

  test('is another only where the job asks for it, and the first note says so', () => {
    expect(imageFormat(output('TARGA'), { file: 'png' })).toEqual({
      ok: true,
      file: 'png',
      settings: { file: 'png' },
      insteadOf: 'TARGA',
      notes: ['frames are delivered as png, because the job asks for it; the scene itself writes TARGA'],
    })
    expect(imageFormat(output('PNG'), { file: 'png', colorDepth: '16' })).toMatchObject({ ok: true, notes: [] })
  })

  test.each([
    ['one that no Blender writes', output('PSD'), /writes PSD, .* ask for one with settings\.format: png, jpeg/],
    ['one of later Blenders', output('UNKNOWN_99'), /UNKNOWN_99/],
    ['WebP in black and white', output('WEBP', { colorMode: 'BW' }), /Blender offers but cannot write/],
  ])('is refused where it is %s, and not where the job asks for another', (_what, found, words) => {
    expect(imageFormat(found, undefined)).toMatchObject({
      ok: false,
      code: 'format_invalid',
      detail: expect.stringMatching(words),
    })
    expect(imageFormat(found, { file: 'tiff' })).toMatchObject({ ok: true, file: 'tiff' })
  })

  test('has the bits that it can have', () => {
    expect(imageFormat(output('PNG'), { file: 'dpx', colorDepth: '10' })).toMatchObject({ ok: true })
    expect(imageFormat(output('PNG'), { file: 'hdr', colorDepth: '16' })).toMatchObject({
      ok: false,
      detail: expect.stringMatching(/hdr has 32 bits per channel, not 16/),
    })
  })
})
