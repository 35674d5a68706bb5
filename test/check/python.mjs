/*
 * Holds the Python of this repository to .ruff.toml: its layout, and what ruff finds wrong in it. `--write` writes the
 * layout and sorts the imports.
 *
 * Ruff comes as WebAssembly from npm, so that neither pip nor a download is needed; an installed ruff reads the same
 * .ruff.toml.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { PositionEncoding, Workspace } from '@astral-sh/ruff-wasm-nodejs'
import { parse } from 'smol-toml'
import { trackedFiles } from './tracked.mjs'

/** Ruff's name for imports out of order, which is a matter of layout. */
const UNSORTED_IMPORTS = 'I001'

const write = process.argv.includes('--write')
const workspace = new Workspace(parse(readFileSync('.ruff.toml', 'utf8')), PositionEncoding.Utf16)
for (const path of trackedFiles(/\.py$/)) {
  const text = readFileSync(path, 'utf8')
  if (write) {
    const formatted = workspace.format(withSortedImports(text))
    if (formatted !== text) writeFileSync(path, formatted)
    continue
  }
  if (workspace.format(text) !== text) complain(`${path} is not formatted`)
  for (const { code, message, start_location: at } of workspace.check(text)) {
    complain(`${path}:${at.row}:${at.column} ${code} ${message}`)
  }
}

function complain(what) {
  process.stdout.write(`${what}\n`)
  process.exitCode = 1
}

function withSortedImports(text) {
  const edits = workspace.check(text).flatMap(({ code, fix }) => (code === UNSORTED_IMPORTS ? (fix?.edits ?? []) : []))
  // From the end, so that the places of those before still hold.
  const ordered = edits.toSorted((a, b) => offsetOf(text, b.location) - offsetOf(text, a.location))
  return ordered.reduce(
    (changed, { location, end_location: end, content }) =>
      changed.slice(0, offsetOf(text, location)) + (content ?? '') + changed.slice(offsetOf(text, end)),
    text,
  )
}

function offsetOf(text, { row, column }) {
  const before = text.split('\n').slice(0, row - 1)
  return before.reduce((sum, line) => sum + line.length + 1, 0) + column - 1
}
