/*
 * The schema converter writes each named schema twice, as `Job` for answers and `JobInput` for requests, and all that
 * were ever loaded, used or not. Ours read the same both ways, so one of each is enough; where they ever differ, this
 * says so instead of publishing half the truth.
 */
import { isDeepStrictEqual } from 'node:util'

const REF = '#/components/schemas/'

interface Described {
  readonly components?: { readonly schemas?: Readonly<Record<string, unknown>> }
  readonly paths?: unknown
}

/**
 * The same document with each used schema once, by name; throws if a schema reads differently in requests and answers.
 */
export function tidyComponents<T extends Described>(document: T): T {
  const schemas = document.components?.schemas ?? {}
  const names = new Map(
    Object.keys(schemas).map((name) => [
      name,
      name.endsWith('Input') && schemas[name.slice(0, -5)] !== undefined ? name.slice(0, -5) : name,
    ]),
  )
  const paths = nameWildcards(rename(document.paths, names))
  const used = new Map<string, unknown>()
  for (const waiting = refsIn(paths); waiting.length > 0;) {
    const name = waiting.pop()
    if (name === undefined || used.has(name)) continue
    const answer = rename(schemas[name], names)
    const request = rename(schemas[`${name}Input`], names)
    if (request !== undefined && !isDeepStrictEqual(request, answer))
      throw new Error(`the schema ${name} differs between requests and answers; give the two forms names of their own`)
    used.set(name, answer)
    waiting.push(...refsIn(answer))
  }
  const sorted = Object.fromEntries([...used].sort(([a], [b]) => (a < b ? -1 : 1)))
  return { ...document, paths, components: { ...document.components, schemas: sorted } }
}

// A wildcard has no name of its own; OpenAPI wants one.
function nameWildcards(paths: unknown): unknown {
  const text = JSON.stringify(paths ?? {})
    .replaceAll('{*}', '{path}')
    .replaceAll('"name":"*"', '"name":"path"')
  return JSON.parse(text)
}

function rename(value: unknown, names: ReadonlyMap<string, string>): unknown {
  if (Array.isArray(value)) return value.map((each) => rename(each, names))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      key === '$ref' && typeof inner === 'string' ? renameRef(inner, names) : rename(inner, names),
    ]),
  )
}

function renameRef(ref: string, names: ReadonlyMap<string, string>): string {
  if (!ref.startsWith(REF)) return ref
  const name = ref.slice(REF.length)
  return REF + (names.get(name) ?? name)
}

function refsIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(refsIn)
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) =>
    key === '$ref' && typeof inner === 'string' && inner.startsWith(REF) ? [inner.slice(REF.length)] : refsIn(inner),
  )
}
