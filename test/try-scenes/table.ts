import { type Row, VERDICTS } from './record.ts'

/** The worst first, a line of Markdown for each row. */
export function markdown(rows: readonly Row[]): string {
  const lines = rows
    .toSorted((one, other) => VERDICTS.indexOf(one.verdict) - VERDICTS.indexOf(other.verdict))
    .map((row) => [
      row.scene,
      row.blender,
      row.split,
      row.verdict,
      row.frames.join(', '),
      howFar(row),
      row.words.join('; '),
    ])
  return [
    ['scene', 'Blender', 'split', 'verdict', 'frames', 'pixels that differ', 'words'],
    Array.from({ length: 7 }, () => '---'),
    ...lines,
  ]
    .map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '/').replaceAll(/\s+/g, ' ')).join(' | ')} |`)
    .join('\n')
}

/** `12 exact, 1 different` */
export function counts(rows: readonly Row[]): string {
  const found = VERDICTS.toReversed()
    .map((verdict) => [rows.filter((row) => row.verdict === verdict).length, verdict] as const)
    .filter(([count]) => count > 0)
  return found.length === 0 ? 'nothing was tried' : found.map(([count, verdict]) => `${count} ${verdict}`).join(', ')
}

/** `351 in 3 files, by 0.02` */
export function howFar({ pixels, files, largest }: Row): string {
  if (files === 0) return ''
  return pixels === 0
    ? `0 in ${files} ${files === 1 ? 'file' : 'files'}`
    : `${pixels} in ${files} ${files === 1 ? 'file' : 'files'}, by ${largest.toPrecision(2)}`
}
