import { FRAME_TRANSITIONS } from './frame.ts'
import { JOB_TRANSITIONS } from './job.ts'
import { TASK_TRANSITIONS } from './task.ts'

/** The file that shows the diagrams, from the root of the repository. */
export const DIAGRAMS_PATH = 'shared/domain/README.md'

const BEGIN = '<!-- diagrams: begin, drawn from the transition tables by npm run generate -->'
const END = '<!-- diagrams: end -->'

/** The same text with the state diagrams of jobs, tasks and frames between its marks; throws if a mark is missing. */
export function withDiagrams(text: string): string {
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)]
  if (begin < 0 || end < begin) throw new Error(`${DIAGRAMS_PATH} must have the lines "${BEGIN}" and "${END}"`)
  const drawn =
    `## A job\n\n${diagram(JOB_TRANSITIONS)}\n\n## A task\n\n${diagram(TASK_TRANSITIONS)}\n\n## ` +
    `A frame\n\n${diagram(FRAME_TRANSITIONS)}`
  return `${text.slice(0, begin)}${BEGIN}\n\n${drawn}\n\n${text.slice(end)}`
}

/**
 * A transition table as a Mermaid state diagram: one arrow for each pair of states, named by the acts that lead along
 * it.
 */
function diagram(table: Readonly<Record<string, { readonly from: readonly string[]; readonly to: string }>>): string {
  const arrows = new Map<string, string[]>()
  for (const [act, { from, to }] of Object.entries(table))
    for (const state of from) arrows.set(`${state} --> ${to}`, [...(arrows.get(`${state} --> ${to}`) ?? []), act])
  return [
    '```mermaid',
    'stateDiagram-v2',
    ...[...arrows].map(([arrow, acts]) => `  ${arrow}: ${acts.join(', ')}`),
    '```',
  ].join('\n')
}
