// The table of a run: how many properties of each kind were tried and what came of them.

import type { Exception } from './exceptions.ts'
import type { Property } from './properties.ts'
import type { Finding } from './try-scene.ts'

/** Markdown: a row for each group of subjects, then each reason for an exception or a refusal with its number. */
export function keyedTable(
  version: string,
  properties: readonly Property[],
  findings: readonly Finding[],
  exceptions: readonly Exception[],
): string {
  const byName = new Map(findings.map((finding) => [finding.name, finding]))
  const groups = [...new Set(properties.map(({ name }) => groupOf(name)))]
  const rows = groups.map((group) => {
    const own = properties.filter(({ name }) => groupOf(name) === group)
    const tried = own.flatMap(({ name }) => byName.get(name) ?? [])
    const keyed = tried.filter(({ whole }) => whole !== 'no key')
    const count = (of: (finding: Finding) => boolean): number => keyed.filter(of).length
    return [
      group,
      own.length,
      keyed.length,
      count(({ whole }) => whole === 'exact'),
      count(({ tiles }) => tiles === 'exact'),
      count(({ tiles }) => tiles === 'refused'),
      count(({ whole, tiles }) => [whole, tiles].some((one) => one === 'different' || one === 'failed')),
      tried.length - keyed.length,
      own.length - tried.length,
    ]
  })
  const excepted = exceptions.map(({ pattern, reason }) => ({
    reason,
    count: properties.filter(({ name }) => pattern.test(name)).length,
  }))
  return [
    '',
    `Blender ${version}`,
    '',
    '| settings of | animatable | keyed | whole: exact | tiles: exact | tiles: ' +
      'refused | different or failed | cannot be keyed | not tried |',
    '|---|---:|---:|---:|---:|---:|---:|---:|---:|',
    ...rows.map((cells) => `| ${cells.join(' | ')} |`),
    '',
    ...excepted.filter(({ count }) => count > 0).map(({ reason, count }) => `not tried: ${count}, ${reason}`),
    ...tally(findings.filter(({ whole }) => whole === 'no key').map(({ why }) => why)).map(
      ([why, count]) => `cannot be keyed: ${count}, ${why}`,
    ),
    ...tally(findings.filter(({ tiles }) => tiles === 'refused').map(({ why }) => why)).map(
      ([why, count]) => `tiles refused: ${count}, ${why}`,
    ),
  ].join('\n')
}

function groupOf(name: string): string {
  const subject = name.split('/')[0] ?? ''
  if (subject.startsWith('node-')) return 'compositor nodes'
  if (subject.startsWith('strip-')) return 'strips'
  if (subject.startsWith('light-')) return 'lights'
  if (subject.startsWith('engine-')) return subject.slice('engine-'.length)
  if (subject !== 'scene') return subject
  const path = name.slice('scene/'.length)
  if (path.startsWith('view_layer.')) return 'view layers'
  const struct = /^scene\.(render|view_settings|display_settings|display|cycles|cycles_curves|eevee)\./.exec(path)?.[1]
  return struct === undefined ? 'scene' : `scene.${struct}`
}

function tally(all: readonly string[]): [string, number][] {
  const counts = new Map<string, number>()
  for (const one of all) counts.set(one, (counts.get(one) ?? 0) + 1)
  return [...counts].sort(([, a], [, b]) => b - a)
}
