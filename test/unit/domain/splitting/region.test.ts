import { expect, test } from 'vitest'
import { regionOf } from '../../../../shared/domain/splitting/region.ts'

const border = (xMin: number, xMax: number, yMin: number, yMax: number) => ({
  used: true,
  crop: false,
  xMin,
  xMax,
  yMin,
  yMax,
})

test('a render region is cut off to pixels as Blender does it, counted from the top left', () => {
  // Measured with Blender 3.4.1: this region of 97 x 55 is written as 60 x 35 pixels.
  expect(regionOf(border(0.21, 0.83, 0.13, 0.77), 97, 55)).toEqual({ x: 20, y: 13, width: 60, height: 35 })
  expect(regionOf(border(0, 1, 0, 1), 97, 55)).toEqual({ x: 0, y: 0, width: 97, height: 55 })
})

test('a product that only single precision rounds up to a whole pixel counts as that pixel', () => {
  // 0.29 as a float times 100 is 28.999999 in double and 29 in single precision.
  const edge = Math.fround(0.29)
  expect(Math.trunc(edge * 100)).toBe(28)
  expect(regionOf(border(edge, 1, 0, 1), 100, 10).x).toBe(29)
})

test('what lies outside of the image is no pixel', () => {
  expect(regionOf(border(-1, 3, -0.5, 0.5), 10, 10)).toEqual({ x: 0, y: 5, width: 10, height: 5 })
  expect(regionOf(border(0.5, 0.5, 0.2, 0.1), 10, 10)).toMatchObject({ width: 0, height: -1 })
})
