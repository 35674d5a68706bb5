import { describe, expect, test } from 'vitest'
import { oddFiles } from '../../../../services/assembler/odd-files.ts'

describe('files that are not as most are', () => {
  test.each<[string, string[], number[] | null]>([
    ['none of equal ones', ['a', 'a', 'a'], []],
    ['the one of three, wherever it is', ['b', 'a', 'a'], [0]],
    ['all that differ, each in its own way', ['a', 'b', 'a', 'a', 'c'], [1, 4]],
    ['unknown of two', ['a', 'b'], null],
    ['unknown where half is no more than half', ['a', 'a', 'b', 'b'], null],
    ['unknown where no kind is that of more than half', ['a', 'a', 'b', 'c'], null],
    ['none of a single one', ['a'], []],
  ])('are %s', (_, layouts, odd) => {
    expect(oddFiles(layouts)).toEqual(odd)
  })
})
