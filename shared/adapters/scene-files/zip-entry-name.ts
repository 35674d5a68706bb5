import { type Refusal, refuse } from '../../protocol/errors.ts'
import { problemWithPath } from '../../protocol/project-path.ts'

/** Refuses a name in an archive that could leave the folder or mean something else on another system. */
export function checkEntryName(name: string): Refusal<'zip_unsafe_path'> | undefined {
  const problem = problemWithPath(name)
  if (problem === undefined) return undefined
  const shown = JSON.stringify(name.slice(0, 200))
  return refuse(
    'zip_unsafe_path',
    `the archive has an entry ${shown} whose name ${problem}; pack the project folder again with plain relative names`,
  )
}
