// What is on this machine: looked up in files, without starting anything, so that it takes milliseconds.
import { accessSync, constants, existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The folder of the project. */
export const ROOT = fileURLToPath(new URL('../../../', import.meta.url))

/** Folders for administrators, which a user's PATH may lack although what is in them can be run. */
const MORE_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin']

/** @param {string} command */
export function isThere(command) {
  return [...(process.env.PATH ?? '').split(delimiter), ...MORE_FOLDERS].some(
    (folder) => folder !== '' && isExecutable(join(folder, command)),
  )
}

/** The parsed file below the project's folder; null when there is none or it is no JSON. @param {string} path */
export function readJson(path) {
  try {
    return JSON.parse(readFileSync(join(ROOT, path), 'utf8'))
  } catch {
    return null
  }
}

/** When the youngest source was changed, in ms since 1970. */
export function newestSourceMs() {
  const trees = ['shared', 'services', 'blender-worker', 'test'].flatMap((folder) => sourcesBelow(join(ROOT, folder)))
  return Math.max(
    ...['package-lock.json', 'tsconfig.json'].map((name) => changedMs(join(ROOT, name))),
    ...trees.map(changedMs),
  )
}

/** When a file was changed, in ms since 1970; 0 when there is none. @param {string} path */
export function changedMs(path) {
  return existsSync(path) ? statSync(path).mtimeMs : 0
}

function sourcesBelow(folder) {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true })
    .filter((name) => /\.m?ts$/.test(name))
    .map((name) => join(folder, name))
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}
