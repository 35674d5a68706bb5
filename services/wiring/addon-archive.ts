/*
 * The add-on for Blender as the archive that artists install: an extension for Blender 4.2 and later and, by the same
 * folder in it, an add-on for 3.4 to 4.1. The same sources give the same bytes, so that a farm of many coordinators
 * tells one hash. What it judges scenes with is the driver of the workers, copied in.
 */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile, readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { storedZip } from './stored-zip.ts'

const ADDON = 'services/blender-addon/tilework'
const DRIVER = 'blender-worker/driver'
/** The parts of the driver that the add-on asks; what these import comes along. */
const DRIVER_PARTS = ['file_outputs', 'history', 'inspect_scene', 'output_paths', 'tiling']
const LICENCE = 'LICENSE'

export interface AddonArchive {
  /** `tilework-0.1.0.zip` */
  readonly name: string
  readonly bytes: Buffer
  readonly sha256: string
  /** The fields of `blender_manifest.toml`. */
  readonly manifest: Readonly<Record<string, unknown>>
}

/** Reads the add-on's sources below `root`, the root of the repository, and packs them. */
export async function packAddon(root: string = repositoryRoot()): Promise<AddonArchive> {
  const files = new Map<string, string>()
  for (const path of await sourcesBelow(join(root, ADDON)))
    files.set(path, await readFile(join(root, ADDON, path), 'utf8'))
  for (const [name, text] of await driverParts(join(root, DRIVER))) files.set(`driver/${name}.py`, text)
  files.set(LICENCE, await readFile(join(root, LICENCE), 'utf8'))
  const manifest = parseManifest(files.get('blender_manifest.toml') ?? '')
  const bytes = storedZip(
    [...files].sort(([a], [b]) => (a < b ? -1 : 1)).map(([path, text]) => ({ path: `tilework/${path}`, text })),
  )
  return {
    name: `tilework-${String(manifest['version'])}.zip`,
    bytes,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    manifest,
  }
}

async function sourcesBelow(folder: string): Promise<string[]> {
  const found = await readdir(folder, { recursive: true })
  return found.map((path) => path.replaceAll('\\', '/')).filter((path) => /\.(py|toml)$/.test(path))
}

/** The parts by name, with imports that lead to their neighbours: no path of an artist's Python is touched. */
async function driverParts(folder: string): Promise<Map<string, string>> {
  const parts = new Map([['__init__', '"""Copied from the worker: what it finds out about a scene."""\n']])
  const open = [...DRIVER_PARTS]
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (parts.has(name)) continue
    const text = await readFile(join(folder, `${name}.py`), 'utf8')
    const beside = text.replaceAll(/^from driver import /gm, 'from . import ').replaceAll(/^from driver\./gm, 'from .')
    parts.set(name, beside)
    open.push(...neighboursIn(beside))
  }
  return parts
}

function neighboursIn(text: string): string[] {
  const named = [...text.matchAll(/^from \.(\w+) import/gm)].map(([, name]) => name ?? '')
  const together = [...text.matchAll(/^from \. import (?:\(([^)]*)\)|(.*))$/gm)].flatMap(([, many, few]) =>
    (many ?? few ?? '')
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== ''),
  )
  return [...named, ...together]
}

/** Strings, lists of strings and one level of tables: all that the manifest of an extension has. */
function parseManifest(text: string): Record<string, unknown> {
  const manifest: Record<string, unknown> = {}
  let table = manifest
  for (const line of text.split('\n')) {
    const head = /^\[(\w+)\]$/.exec(line.trim())
    const pair = /^(\w+) = (".*"|\[.*\])$/.exec(line.trim())
    if (head !== null) manifest[head[1] ?? ''] = table = {}
    else if (pair !== null) table[pair[1] ?? ''] = JSON.parse(pair[2] ?? '')
    else if (line.trim() !== '') throw new Error(`blender_manifest.toml: ${JSON.stringify(line)} cannot be read`)
  }
  return manifest
}

function repositoryRoot(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    if (existsSync(join(folder, ADDON, 'blender_manifest.toml'))) return folder
    if (folder === dirname(folder)) throw new Error(`${ADDON} is not among the files of this installation`)
  }
}
