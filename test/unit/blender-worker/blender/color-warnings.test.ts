import { describe, expect, test } from 'vitest'
import { ColorWarnings } from '../../../../blender-worker/blender/color-warnings.ts'

function after(...lines: string[]): ColorWarnings {
  const warnings = new ColorWarnings()
  for (const line of lines) warnings.hear(line)
  return warnings
}

describe('what Blender says about colors while it opens a file', () => {
  test.each([
    ['3.4', 'Color management: scene view "House Film" not found, setting default "Standard".', 'view', 'House Film'],
    [
      '5.3',
      '00:01.405  color_management | WARNING scene view "A "b"" not found, setting to "Standard".',
      'view',
      'A "b"',
    ],
    ['3.4', 'Color management: scene look "Dusk" not found, setting default "None".', 'look', 'Dusk'],
    ['3.4', 'Color management: display "P3" used by scene not found, setting to default ("sRGB").', 'display', 'P3'],
    [
      '5.3',
      '00:01 color_management | WARNING Display "P3" used by scene not found, setting to "sRGB".',
      'display',
      'P3',
    ],
  ])('by %s: %s', (_version, line, what, name) => {
    expect(after(line).unknown([])).toEqual([{ what, name }])
  })

  test('names a color space of images, with what the driver found to use them', () => {
    const warnings = after('00:00.916  color_management | WARNING image colorspace "House" not found, will use default')
    expect(warnings.unknown(['material "Wall"'])).toEqual([
      { what: 'color space', name: 'House', usedBy: 'material "Wall"' },
    ])
    expect(warnings.unknown([])).toEqual([])
  })

  test('counts for the file that is open, not for one before it', () => {
    const warnings = after(
      'Color management: scene look "Dusk" not found, setting default "None".',
      'Read blend: /b.blend',
    )
    expect(warnings.unknown(['object "A"'])).toEqual([])
  })
})
