/*
 * `npm run build:addon`: writes the archive that a farm offers under /addon/ into .build/addon, for who wants it as a
 * file.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { packAddon } from '../wiring/addon-archive.ts'

const FOLDER = join('.build', 'addon')

const { name, bytes, sha256 } = await packAddon()
await mkdir(FOLDER, { recursive: true })
await writeFile(join(FOLDER, name), bytes)
console.log(`${join(FOLDER, name)}: ${bytes.length} bytes, sha256 ${sha256}`)
