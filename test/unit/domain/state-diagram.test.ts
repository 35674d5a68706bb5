import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { JOB_TRANSITIONS } from '../../../shared/domain/job-lifecycle.ts'
import { DIAGRAMS_PATH, withDiagrams } from '../../../shared/domain/state-diagram.ts'
import { TASK_TRANSITIONS } from '../../../shared/domain/task/lifecycle.ts'

test('the README of the rules shows every transition of the tables, and none besides', async () => {
  const text = await readFile(DIAGRAMS_PATH, 'utf8')
  const arrows = [...text.matchAll(/^ {2}(\w+) --> (\w+): (.+)$/gm)].flatMap(([, from, to, acts]) => (acts ?? '').split(', ').map((act) => `${from} ${act} ${to}`))
  const wanted = [JOB_TRANSITIONS, TASK_TRANSITIONS].flatMap((table) => Object.entries(table).flatMap(([act, { from, to }]) => from.map((state: string) => `${state} ${act} ${to}`)))
  expect(arrows.sort()).toEqual(wanted.sort())
  expect(text).toBe(withDiagrams(text))
})
