import { ERROR_CODES, ERRORS } from '../../shared/protocol/errors.ts'
import { EVENT_TYPES } from '../../shared/protocol/event-types.ts'

/** The file that holds the tables, from the root of the repository. */
export const TABLES_PATH = 'services/coordinator/README.md'

/** The same text with the tables of errors and events between their marks; throws if a mark is missing. */
export function withTables(text: string): string {
  return withTable(withTable(text, 'errors', errorTable()), 'events', eventTable())
}

function withTable(text: string, name: string, table: string): string {
  const [first, last] = [`<!-- ${name}: begin, written by generate-openapi.ts -->`, `<!-- ${name}: end -->`]
  const begin = text.indexOf(first)
  const end = text.indexOf(last)
  if (begin < 0 || end < begin) throw new Error(`${TABLES_PATH} must have the lines "${first}" and "${last}"`)
  return `${text.slice(0, begin)}${first}\n${table}\n${text.slice(end)}`
}

function errorTable(): string {
  const rows = ERROR_CODES.map(
    (code) => `| \`${code}\` | ${ERRORS[code].status} | ${ERRORS[code].retry ? 'yes' : 'no'} | ${ERRORS[code].title} |`,
  )
  return ['| code | status | try again | meaning |', '| --- | --- | --- | --- |', ...rows].join('\n')
}

function eventTable(): string {
  const rows = Object.entries(EVENT_TYPES).map(([type, meaning]) => `| \`${type}\` | ${meaning} |`)
  return ['| type | meaning |', '| --- | --- |', ...rows].join('\n')
}
