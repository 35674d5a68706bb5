/*
 * Names the lines of the sources that are wider than they may be. The formatter breaks code, but no string, title or
 * comment.
 */
import { readFileSync } from 'node:fs'
import { trackedFiles } from './tracked.mjs'

/** Columns, as in .oxfmtrc.json, .ruff.toml and .editorconfig. */
const WIDTH_MAX = 120

const wide = trackedFiles(/\.(ts|mts|mjs|py|lua|sh)$/).flatMap((path) =>
  readFileSync(path, 'utf8')
    .split('\n')
    .flatMap((line, index) =>
      [...line].length > WIDTH_MAX ? [`${path}:${index + 1} has ${[...line].length} columns`] : [],
    ),
)
for (const line of wide) process.stdout.write(`${line}\n`)
if (wide.length > 0) {
  process.stdout.write(
    `${wide.length} ${wide.length === 1 ? 'line has' : 'lines have'} more than ${WIDTH_MAX} columns\n`,
  )
  process.exitCode = 1
}
