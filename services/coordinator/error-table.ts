import { ERROR_CODES, ERRORS } from '../../shared/protocol/errors.ts'

/** The file that holds the table, from the root of the repository. */
export const ERROR_TABLE_PATH = 'services/coordinator/README.md'

const BEGIN = '<!-- errors: begin, written by generate-openapi.ts -->'
const END = '<!-- errors: end -->'

/** The same text with the table of the error catalogue between its marks; throws if a mark is missing. */
export function withErrorTable(text: string): string {
  const begin = text.indexOf(BEGIN)
  const end = text.indexOf(END)
  if (begin < 0 || end < begin) throw new Error(`${ERROR_TABLE_PATH} must have the lines "${BEGIN}" and "${END}"`)
  return `${text.slice(0, begin)}${BEGIN}\n${errorTable()}\n${text.slice(end)}`
}

function errorTable(): string {
  const rows = ERROR_CODES.map(
    (code) => `| \`${code}\` | ${ERRORS[code].status} | ${ERRORS[code].retry ? 'yes' : 'no'} | ${ERRORS[code].title} |`,
  )
  return ['| code | status | try again | meaning |', '| --- | --- | --- | --- |', ...rows].join('\n')
}
