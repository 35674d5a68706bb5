import { refuse, type Refusal } from './errors.ts'
import { collisionKey } from './project-path.ts'

/** Candidates named in a refusal; enough to see the point. */
const CANDIDATES_SHOWN = 20

/** Why a project has no main .blend that is clear. */
export type MainRefusalCode = 'main_missing' | 'no_blend' | 'ambiguous_blend'

/**
 * The .blend of a project that is rendered: the one that is asked for, also where it is spelled with other case or
 * accents made of other parts, if only one file can be meant; else the only one at the shallowest level that has any.
 */
export function chooseMain(
  paths: readonly string[],
  wanted: string | undefined,
): { readonly ok: true; readonly path: string } | Refusal<MainRefusalCode> {
  const blends = paths.filter((path) => /\.blend$/i.test(path))
  if (wanted !== undefined) {
    if (paths.includes(wanted)) return { ok: true, path: wanted }
    const alike = paths.filter((path) => collisionKey(path) === collisionKey(wanted))
    if (alike.length === 1 && alike[0] !== undefined) return { ok: true, path: alike[0] }
    const instead = blends.length === 0 ? 'no .blend at all' : list(blends)
    return refuse('main_missing', `there is no file ${JSON.stringify(wanted)} in the project; it has ${instead}`)
  }
  if (blends.length === 0)
    return refuse('no_blend', 'the project has no .blend; hand in the folder with its main .blend')
  const depthOf = (path: string): number => path.split('/').length
  const shallowest = Math.min(...blends.map(depthOf))
  const candidates = blends.filter((path) => depthOf(path) === shallowest)
  const [only, second] = candidates
  if (only !== undefined && second === undefined) return { ok: true, path: only }
  return refuse(
    'ambiguous_blend',
    `several .blend files could be the main one: ${list(candidates)}; say which to render`,
  )
}

function list(paths: readonly string[]): string {
  const shown = paths
    .slice(0, CANDIDATES_SHOWN)
    .map((path) => JSON.stringify(path))
    .join(', ')
  return paths.length > CANDIDATES_SHOWN ? `${shown} and ${paths.length - CANDIDATES_SHOWN} more` : shown
}
