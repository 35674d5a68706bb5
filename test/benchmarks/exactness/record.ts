// What the matrix showed so far, written after each scene: a run that is cut off goes on where it stopped.

import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { z } from 'zod'

/** One line of the matrix. */
const rowSchema = z.strictObject({
  scene: z.string(),
  split: z.string(),
  /** As Blender names the format: `PNG 8`, `OPEN_EXR 16`. */
  output: z.string(),
  promised: z.boolean(),
  /** Why nothing is promised. */
  reasons: z.array(z.string()),
  /** Of the files that the artist gets, the worst; words where they cannot be compared or there are none. */
  pixels: z.union([z.number(), z.string()]),
  /** Of all passes as 32-bit floats, against those of the whole frame; absent where there is nothing to compare. */
  passPixels: z.union([z.number(), z.string()]).exactOptional(),
  /** How far the bytes of the files agree (`file-bytes.ts`). */
  bytes: z.string(),
})
export type Row = Readonly<z.infer<typeof rowSchema>>

/** Rows of two of these do not belong in one table. */
const runSchema = z.strictObject({ commit: z.string(), blender: z.string(), cores: z.int() })
export type Run = z.infer<typeof runSchema>

const recordSchema = z.strictObject({
  benchmark: z.literal('exactness'),
  run: runSchema,
  scenes: z.array(z.strictObject({ name: z.string(), seconds: z.number(), rows: z.array(rowSchema) })),
})

export class RunRecord {
  readonly path: string
  #record: z.infer<typeof recordSchema>

  private constructor(path: string, record: z.infer<typeof recordSchema>) {
    this.path = path
    this.#record = record
  }

  /** An empty record, or with `resume` the one at `path`, if there is one. Throws if that is of another run. */
  static async open(path: string, run: Run, resume: boolean): Promise<RunRecord> {
    if (!resume || !existsSync(path)) return new RunRecord(path, { benchmark: 'exactness', run, scenes: [] })
    const found = recordSchema.parse(JSON.parse(await readFile(path, 'utf8')))
    const [was, is] = [JSON.stringify(found.run), JSON.stringify(run)]
    if (was !== is) throw new Error(`${path} is of ${was}, and this is ${is}: begin anew, without --resume`)
    return new RunRecord(path, found)
  }

  has(name: string): boolean {
    return this.#record.scenes.some((scene) => scene.name === name)
  }

  get rows(): Row[] {
    return this.#record.scenes.flatMap((scene) => scene.rows)
  }

  async add(name: string, seconds: number, rows: Row[]): Promise<void> {
    this.#record.scenes.push({ name, seconds, rows })
    await writeFile(`${this.path}.new`, `${JSON.stringify(this.#record, null, 1)}\n`)
    await rename(`${this.path}.new`, this.path)
  }
}

/** The commit that is checked out, with `+` if files were changed since; `unknown` outside of a repository. */
export function commitHere(): string {
  const git = (...words: string[]): string =>
    execFileSync('git', words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  try {
    return git('rev-parse', '--short=10', 'HEAD') + (git('status', '--porcelain') === '' ? '' : '+')
  } catch {
    return 'unknown'
  }
}
