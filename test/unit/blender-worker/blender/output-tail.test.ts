import { expect, it } from 'vitest'
import { OutputTail } from '../../../../blender-worker/blender/output-tail.ts'

it('keeps the last lines, without progress, however the text is cut', () => {
  const heard: string[] = []
  const tail = new OutputTail((line) => heard.push(line))
  for (const part of ['first\nFra:1 | Sam', 'ple 1/2\r\nsec', 'ond\nunfinished']) tail.write(part)
  expect(heard).toEqual(['first', 'Fra:1 | Sample 1/2', 'second'])
  expect(tail.text(1_000)).toBe('first\nsecond\nunfinished')
})

it('holds little however much is printed', () => {
  const tail = new OutputTail()
  for (let line = 0; line < 10_000; line++) tail.write(`${'x'.repeat(5_000)}${line}\n`)
  expect(tail.text(Infinity).length).toBeLessThan(40_000)
})

it('forgets when told to', () => {
  const tail = new OutputTail()
  tail.write('old\n')
  tail.clear()
  expect(tail.text(100)).toBe('')
})
