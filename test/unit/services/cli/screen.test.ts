import { expect, test } from 'vitest'
import { Screen } from '../../../../services/cli/progress/screen.ts'

function recorder(isTTY: boolean) {
  const written: string[] = []
  return { isTTY, columns: 80, write: (text: string) => written.push(text), written }
}

test('on a terminal a block is painted over the last one', () => {
  const output = recorder(true)
  const screen = new Screen(output)
  screen.paint(['a', 'b'], 'line')
  screen.paint(['c'], 'line')
  screen.say('done')
  expect(output.written).toEqual(['a\nb\n', '\u001b[2A\u001b[0Jc\n', '\u001b[1A\u001b[0J', 'done\n'])
})

test('what was kept is not painted over', () => {
  const output = recorder(true)
  const screen = new Screen(output)
  screen.paint(['a'], 'line')
  screen.keep()
  screen.say('done')
  expect(output.written).toEqual(['a\n', 'done\n'])
})

test('a log gets plain lines, seldom, and none twice', () => {
  const output = recorder(false)
  let nowMs = 0
  const screen = new Screen(output, { nowMs: () => nowMs })
  screen.paint(['block'], 'one')
  nowMs = 4_999
  screen.paint(['block'], 'two')
  nowMs = 5_000
  screen.paint(['block'], 'three')
  nowMs = 20_000
  screen.paint(['block'], 'three')
  expect(output.written).toEqual(['one\n', 'three\n'])
})

test('who asked for quiet gets it', () => {
  const output = recorder(true)
  const screen = new Screen(output, { quiet: true })
  screen.say('hello')
  screen.paint(['a'], 'a')
  screen.clear()
  expect(output.written).toEqual([])
})
