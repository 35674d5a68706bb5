import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { FRAME_TRANSITIONS } from '../../../../shared/domain/lifecycle/frame.ts'
import { JOB_TRANSITIONS } from '../../../../shared/domain/lifecycle/job.ts'
import { DIAGRAMS_PATH, withDiagrams } from '../../../../shared/domain/lifecycle/diagram.ts'
import { TASK_TRANSITIONS } from '../../../../shared/domain/lifecycle/task.ts'

test('the README of the rules shows every transition of the tables, and none besides', async () => {
  const text = await readFile(DIAGRAMS_PATH, 'utf8')
  const arrows = [...text.matchAll(/^ {2}(\w+) --> (\w+): (.+)$/gm)].flatMap(([, from, to, acts]) =>
    (acts ?? '').split(', ').map((act) => `${from} ${act} ${to}`),
  )
  const wanted = [JOB_TRANSITIONS, TASK_TRANSITIONS, FRAME_TRANSITIONS].flatMap((table) =>
    Object.entries(table).flatMap(([act, { from, to }]) => from.map((state: string) => `${state} ${act} ${to}`)),
  )
  expect(arrows.sort()).toEqual(wanted.sort())
  expect(text).toBe(withDiagrams(text))
})
