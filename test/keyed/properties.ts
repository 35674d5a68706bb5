// The properties that Blender lets one animate, scenes in which one of them is keyed, and what bare Blender makes of
// those: runs properties.py, which does all three inside Blender.

import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { z } from 'zod'
import { type Lab, sourceFile } from '../fixtures/driver/lab.ts'

const SCRIPT = sourceFile('test/keyed/properties.py')
const OUTPUT_BYTES_MAX = 256 * 1024 * 1024
/** Forty scenes of one sample; a Blender that compiles shaders first takes minutes. */
const BATCH_TIMEOUT_MS = 20 * 60_000

const Property = z.object({ name: z.string(), kind: z.string(), type: z.string() })
/** `name` is the subject and the path in it; `kind` the RNA type of the owner. */
export type Property = z.infer<typeof Property>

const Done = z.object({ why: z.string().nullable() })

/** A scene with one keyed property: its file and what bare Blender rendered of frames 1 and 2, or why there is none. */
export type KeyedScene =
  | { readonly name: string; readonly file: string; readonly bare: readonly [string, string] }
  | { readonly name: string; readonly why: string }

/** All that RNA shows on what a scene renders with, in this Blender. */
export async function listProperties(lab: Lab): Promise<Property[]> {
  return (await runScript(lab, ['list'], 'PROPERTY')).map((line) => Property.parse(line))
}

/** Builds a scene for each name into `folder` and renders frames 1 and 2 of it with bare Blender, as `-a` does. */
export async function makeScenes(lab: Lab, names: readonly string[], folder: string): Promise<KeyedScene[]> {
  const made = await eachOf(names, async (rest) => {
    const numbered = rest.map((name) => ({
      name,
      file: join(folder, `${String(names.indexOf(name) + 1).padStart(4, '0')}.blend`),
    }))
    return (await runScript(lab, ['make', ...numbered.flatMap(({ name, file }) => [name, file])], 'MADE')).map((line) =>
      Done.parse(line),
    )
  })
  const files = names.map((name, index) => ({
    name,
    file: join(folder, `${String(index + 1).padStart(4, '0')}.blend`),
    why: made[index] ?? null,
  }))
  const sound = files.filter(({ why }) => why === null).map(({ file }) => file)
  const bare = await eachOf(sound, async (rest) =>
    (await runScript(lab, ['bare', folder, ...rest], 'BARE')).map((line) => Done.parse(line)),
  )
  return files.map(({ name, file, why }) => {
    const failed = why ?? bare[sound.indexOf(file)]
    if (failed !== undefined && failed !== null) return { name, why: failed }
    const image = (frame: number): string => file.replace('.blend', `-${String(frame).padStart(4, '0')}.png`)
    if (![1, 2].every((frame) => existsSync(image(frame)))) return { name, why: 'bare Blender wrote no image' }
    return { name, file, bare: [image(1), image(2)] }
  })
}

/** Runs a batch, and again what is left of it where Blender died; answers for each why it failed, or null. */
async function eachOf(
  all: readonly string[],
  call: (rest: readonly string[]) => Promise<{ readonly why: string | null }[]>,
): Promise<(string | null)[]> {
  const outcomes: (string | null)[] = []
  while (outcomes.length < all.length) {
    const done = await call(all.slice(outcomes.length))
    outcomes.push(...done.map(({ why }) => why))
    if (outcomes.length < all.length) outcomes.push('bare Blender ended in the middle of it')
  }
  return outcomes
}

/** What a verb of the script printed, line by line; a Blender that ends early leaves fewer lines. */
async function runScript(lab: Lab, args: readonly string[], mark: string): Promise<unknown[]> {
  const options =
    lab.launch === 'module'
      ? [SCRIPT, ...args]
      : ['--background', '--factory-startup', '-noaudio', '--python', SCRIPT, '--', ...args]
  const printed = await promisify(execFile)(lab.executable, options, {
    maxBuffer: OUTPUT_BYTES_MAX,
    timeout: BATCH_TIMEOUT_MS,
  }).then(
    ({ stdout }) => stdout,
    (error: unknown) => (error instanceof Error && 'stdout' in error ? String(error.stdout) : ''),
  )
  const lines = printed.split('\n').filter((line) => line.startsWith(`${mark} `))
  return lines.map((line): unknown => JSON.parse(line.slice(mark.length + 1)))
}
