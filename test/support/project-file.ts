import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * The path of a file of the project that the compiler does not copy (.py, .mjs), from the sources and from the build
 * alike.
 */
export function projectFile(path: string): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return join(folder, path)
    if (folder === dirname(folder)) throw new Error(`there is no package.json above ${fileURLToPath(import.meta.url)}`)
  }
}
