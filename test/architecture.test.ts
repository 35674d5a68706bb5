import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..')
const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: ROOT,
  encoding: 'utf8',
})
  .trim()
  .split('\n')
const sources = tracked.filter((path) => /\.(ts|tsx|mjs)$/.test(path) && !path.startsWith('test/'))

/** Which parts of the house a part may import, itself left out. Imports point down only. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'shared/protocol': [],
  'shared/domain': ['shared/protocol'],
  'shared/ports': ['shared/domain', 'shared/protocol'],
  'shared/engine': ['shared/ports', 'shared/domain', 'shared/protocol'],
  'shared/adapters': ['shared/ports', 'shared/domain', 'shared/protocol'],
  services: ['shared/engine', 'shared/ports', 'shared/domain', 'shared/protocol'],
  'services/cli': ['shared/protocol'],
  'services/dashboard': ['shared/protocol'],
  'blender-worker': ['shared/protocol'],
}

/** Where adapters meet the rest: the main.ts of each process, and the wiring they share. */
const WIRES = /^services\/([a-z-]+\/main\.ts|wiring\/[a-z-]+\.ts)$/
/** The one place in which the command starts services and the worker instead of speaking to them. */
const STARTS = /^services\/cli\/(commands\/(services|worker)|start-[a-z-]+|services)\.ts$/

function partOf(path: string): string {
  const parts = Object.keys(MAY_IMPORT).filter((part) => path.startsWith(`${part}/`))
  return parts.sort((a, b) => b.length - a.length)[0] ?? path
}

/** `import … from 'x'` and `export … from 'x'`, `import('x')`, and `import 'x'`. */
const IMPORTS = new RegExp(
  [
    String.raw`(?:^|\n)\s*(?:import|export)\b[^'"\n]*?(?:\n[^'"]*?)?from\s+['"]([^'"]+)['"]`,
    String.raw`import\(\s*['"]([^'"]+)['"]\s*\)`,
    String.raw`(?:^|\n)import\s+['"]([^'"]+)['"]`,
  ].join('|'),
  'g',
)

function importsOf(path: string): string[] {
  const text = readFileSync(join(ROOT, path), 'utf8')
  return [...text.matchAll(IMPORTS)].map((match) => match[1] ?? match[2] ?? match[3] ?? '')
}

const localImports = sources.flatMap((from) =>
  importsOf(from)
    .filter((target) => target.startsWith('.'))
    .map((target) => ({ from, to: normalize(join(dirname(from), target)) })),
)

interface Import {
  readonly from: string
  readonly to: string
}

/** Groups that import one another in a circle, each as a sorted list. */
function circlesOf(imports: readonly Import[]): string[] {
  const targets = new Map<string, Set<string>>()
  for (const { from, to } of imports) targets.set(from, (targets.get(from) ?? new Set()).add(to))
  const reached = new Map(
    [...targets.keys()].map((start) => {
      const seen = new Set<string>()
      const open = [start]
      for (let next = open.pop(); next !== undefined; next = open.pop())
        for (const to of targets.get(next) ?? []) {
          if (seen.has(to)) continue
          seen.add(to)
          open.push(to)
        }
      return [start, seen] as const
    }),
  )
  const circles = [...reached]
    .filter(([start, seen]) => seen.has(start))
    .map(([start, seen]) =>
      [...seen]
        .filter((each) => reached.get(each)?.has(start) === true)
        .sort()
        .join(', '),
    )
  return [...new Set(circles)].sort()
}

/** Circles among what lies side by side in a folder, each subfolder taken as a whole. */
function circlesBeside(imports: readonly Import[]): string[] {
  const beside = imports.flatMap(({ from, to }): Import[] => {
    const [own, other] = [from.split('/'), to.split('/')]
    const fork = own.findIndex((part, depth) => part !== other[depth])
    return fork < 0 ? [] : [{ from: own.slice(0, fork + 1).join('/'), to: other.slice(0, fork + 1).join('/') }]
  })
  return circlesOf(beside)
}

describe('the house', () => {
  it('has imports that point down only', () => {
    const wrong = localImports.filter(({ from, to }) => {
      const [own, other] = [partOf(from), partOf(to)]
      if (own === other || (MAY_IMPORT[own] ?? []).includes(other)) return false
      if (other === 'shared/adapters' && WIRES.test(from)) return false
      if (own === 'services/cli' && STARTS.test(from)) return false
      return true
    })
    expect(wrong.map(({ from, to }) => `${from} imports ${to}`)).toEqual([])
    expect(localImports.length).toBeGreaterThan(100)
  })

  it('has files without circles of imports', () => {
    expect(circlesOf(localImports)).toEqual([])
  })

  it('has folders without circles of imports, so that each can be read after those it uses', () => {
    expect(circlesBeside(localImports)).toEqual([])
    expect(
      circlesBeside([
        { from: 'a/b/x.ts', to: 'a/c/y.ts' },
        { from: 'a/c/d/z.ts', to: 'a/b/w.ts' },
      ]),
    ).toEqual(['a/b, a/c'])
    expect(
      circlesBeside([
        { from: 'a/b/x.ts', to: 'a/y.ts' },
        { from: 'a/z.ts', to: 'a/b/x.ts' },
      ]),
    ).toEqual([])
  })

  it('has services that do not reach into one another, but for the farm that is all of them', () => {
    const serviceOf = (path: string) => /^services\/([a-z-]+)\//.exec(path)?.[1]
    const wrong = localImports.filter(({ from, to }) => {
      const [own, other] = [serviceOf(from), serviceOf(to)]
      return (
        own !== undefined &&
        other !== undefined &&
        own !== other &&
        other !== 'wiring' &&
        own !== 'farm' &&
        !STARTS.test(from)
      )
    })
    expect(wrong).toEqual([])
  })

  it('has a domain without clock, chance, waiting or Node', () => {
    const domain = sources.filter((path) => path.startsWith('shared/domain/'))
    const impure = domain.filter((path) =>
      /\bnode:|\bDate\.now|new Date\(|Math\.random|\basync\b|\bawait\b|setTimeout|process\./.test(
        readFileSync(join(ROOT, path), 'utf8'),
      ),
    )
    expect(impure).toEqual([])
    expect(domain.length).toBeGreaterThan(10)
  })

  it('asks the clock and chance only where they may be asked', () => {
    const inside = sources.filter((path) => /^shared\/(engine|ports|protocol)\//.test(path))
    const wrong = inside.filter((path) =>
      /\bDate\.now|Math\.random|randomUUID/.test(readFileSync(join(ROOT, path), 'utf8')),
    )
    expect(wrong).toEqual([])
  })

  it('makes object keys in one file', () => {
    const makers = sources.filter((path) =>
      /[`'"](blobs\/sha256\/|jobs\/\$\{)/.test(readFileSync(join(ROOT, path), 'utf8')),
    )
    expect(makers).toEqual(['shared/protocol/object-keys.ts'])
  })

  it('makes Redis keys in one file', () => {
    // A key has the prefix of the farm before its first colon, and that of a job its id in braces.
    const makers = sources.filter((path) =>
      /[`'"](tw:|\$\{\w*prefix\w*\}:|[\w:]*\{\$\{)/i.test(readFileSync(join(ROOT, path), 'utf8')),
    )
    expect(makers).toEqual(['shared/adapters/redis/keys.ts'])
    // A script is handed its keys: no call names one by itself.
    const scripts = tracked.filter((path) => path.endsWith('.lua'))
    expect(scripts.filter((path) => /redis\.call\('\w+',\s*['"]/.test(readFileSync(join(ROOT, path), 'utf8')))).toEqual(
      [],
    )
    expect(scripts.length).toBeGreaterThan(10)
  })

  it('has no other top-level folder than the layout names', () => {
    const top = [...new Set(tracked.filter((path) => path.includes('/')).map((path) => path.split('/')[0] ?? ''))]
    expect(top.filter((name) => !name.startsWith('.')).sort()).toEqual([
      'blender-worker',
      'docker',
      'services',
      'shared',
      'test',
    ])
  })

  it('names no download host in the lock file', () => {
    expect(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')).not.toMatch(/"resolved": "https?:/)
  })
})
