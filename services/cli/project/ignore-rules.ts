import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import ignore from 'ignore'

/** In the project folder; by the rules of .gitignore. */
const IGNORE_FILE = '.tileworkignore'

/**
 * What no render needs: older saves and crash files of Blender, what file managers, version control and Tilework leave
 * behind. A line such as `!kept.blend1` in .tileworkignore brings a file back.
 */
const NEEDED_BY_NO_RENDER = [
  '*.blend[0-9]',
  '*.blend[0-9][0-9]',
  '*.blend@',
  '*.crash.txt',
  '__MACOSX/',
  '._*',
  '.DS_Store',
  'Thumbs.db',
  'desktop.ini',
  '.git',
  '.svn/',
  '.hg/',
  '.tilework/',
  IGNORE_FILE,
]

/** Tells what is left out. A folder that is left out is left out with all that it holds. */
export interface IgnoreRules {
  ignores(path: string, kind: 'file' | 'folder'): boolean
}

/** The rules for a project: what no render needs, and the lines of its own .tileworkignore. */
function ignoreRules(ownLines: string): IgnoreRules {
  const rules = ignore({ allowRelativePaths: true }).add(NEEDED_BY_NO_RENDER).add(ownLines)
  return { ignores: (path, kind) => rules.ignores(kind === 'folder' ? `${path}/` : path) }
}

/** What no render needs, and no more: for a project without a folder. */
export function noRenderNeeds(): IgnoreRules {
  return ignoreRules('')
}

/** The rules of a project folder. */
export async function ignoreRulesOf(folder: string): Promise<IgnoreRules> {
  const own = await readFile(join(folder, IGNORE_FILE), 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return ''
    throw error
  })
  return ignoreRules(own)
}
