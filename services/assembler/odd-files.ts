/**
 * Files that are not as most of them are, by what each must have in common with the others; none when all are alike.
 * Null when no kind is that of more than half: then nobody can tell which of them is right.
 */
export function oddFiles(layouts: readonly string[]): number[] | null {
  const counts = new Map<string, number>()
  for (const layout of layouts) counts.set(layout, (counts.get(layout) ?? 0) + 1)
  const usual = [...counts].find(([, count]) => count * 2 > layouts.length)?.[0]
  return usual === undefined ? null : layouts.flatMap((layout, index) => (layout === usual ? [] : [index]))
}
