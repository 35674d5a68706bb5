import type { Row } from './record.ts'

export type Verdict = 'exact' | 'exact, not promised' | 'not exact, not promised' | 'NOT EXACT'

/** What a row means: equal pixels in every file, and in every pass where those were compared. */
export function verdictOf(row: Row): Verdict {
  const exact = row.pixels === 0 && (row.passPixels === undefined || row.passPixels === 0)
  if (row.promised) return exact ? 'exact' : 'NOT EXACT'
  return exact ? 'exact, not promised' : 'not exact, not promised'
}

/** The matrix as a Markdown table, a row each, promises that were broken first. */
export function markdown(rows: readonly Row[]): string {
  const lines = rows.map((row) => {
    const pixels =
      row.passPixels === undefined || row.passPixels === row.pixels
        ? String(row.pixels)
        : `${row.pixels} (passes: ${row.passPixels})`
    return [
      row.scene,
      row.split,
      row.output,
      row.promised ? 'yes' : `no: ${row.reasons.join('; ')}`,
      pixels,
      row.bytes,
      verdictOf(row),
    ]
  })
  const broken = lines.filter((line) => line[6] === 'NOT EXACT')
  const rest = lines.filter((line) => line[6] !== 'NOT EXACT')
  return [
    ['scene', 'split', 'output', 'promised', 'pixels that differ', 'file bytes', 'verdict'],
    Array.from({ length: 7 }, () => '---'),
    ...broken,
    ...rest,
  ]
    .map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '/').replaceAll('\n', ' ')).join(' | ')} |`)
    .join('\n')
}

/** The matrix for readers in a hurry: a row for each scene and output, its splits in one cell. */
export function summary(rows: readonly Row[]): string {
  const lines = [...new Set(rows.map((row) => row.scene))].map((scene) => {
    const own = rows.filter((row) => row.scene === scene)
    const tiled = own.filter((row) => row.split !== 'frame' && !row.split.startsWith('frames '))
    const of = (some: readonly Row[]): string =>
      some.length === 0 ? '' : String(some.reduce<number | string>((worst, row) => worstOf(worst, row), 0))
    const whole = own.filter((row) => row.split === 'frame' || row.split.startsWith('frames '))
    return [
      scene,
      own[0]?.output ?? '',
      of(whole),
      worstBytes(whole),
      of(tiled),
      worstBytes(tiled),
      tiled.every((row) => row.promised) ? 'yes' : 'no',
      tiled.map((row) => row.split).join(', '),
    ]
  })
  return [
    [
      'scene',
      'output',
      'whole: pixels that differ',
      'whole: file bytes',
      'split: pixels that differ',
      'split: file bytes',
      'split promised',
      'splits',
    ],
    Array.from({ length: 8 }, () => '---'),
    ...lines,
  ]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n')
}

/** From the best to the worst, as `compareBytes` tells them; a list of metadata comes before the last two. */
const BYTES = ['equal', 'equal but for date and time', 'differ', 'none']

function worstBytes(rows: readonly Row[]): string {
  const rank = ({ bytes }: Row): number => (BYTES.includes(bytes) ? BYTES.indexOf(bytes) : 1.5)
  return rows.toSorted((one, other) => rank(other) - rank(one))[0]?.bytes ?? ''
}

function worstOf(worst: number | string, row: Row): number | string {
  for (const found of [row.pixels, row.passPixels ?? 0]) {
    if (typeof worst === 'string') return worst
    worst = typeof found === 'string' ? found : Math.max(worst, found)
  }
  return worst
}
