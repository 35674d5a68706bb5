// What is known so far, written after each scene, so that a run that is cut off goes on.

import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { z } from 'zod'

export const VERDICTS = ['failed', 'different', 'refused', 'left out', 'exact'] as const

const rowSchema = z.strictObject({
  scene: z.string(),
  /** `whole`, `tiles 2x2`, `in one go`; empty where it did not come to that. */
  split: z.string(),
  verdict: z.enum(VERDICTS),
  /** Version of the Blender that the farm chose; empty where none was asked. */
  blender: z.string(),
  /** In the order in which they were rendered. */
  frames: z.array(z.int()),
  pixels: z.int(),
  files: z.int(),
  /** Largest difference of a value, 1 being white. */
  largest: z.number(),
  /** Why it was refused, what failed, what should be known. */
  words: z.array(z.string()),
})
export type Row = z.infer<typeof rowSchema>

/** Rows of two of these do not belong in one table. */
const runSchema = z.strictObject({
  folder: z.string(),
  commit: z.string(),
  blenders: z.array(z.string()),
  pixels: z.int(),
  samples: z.int(),
  strict: z.boolean(),
})
export type Run = z.infer<typeof runSchema>

const recordSchema = z.strictObject({
  trial: z.literal('scenes'),
  run: runSchema,
  scenes: z.array(z.strictObject({ name: z.string(), seconds: z.number(), rows: z.array(rowSchema) })),
})

export class Record {
  readonly path: string
  readonly #record: z.infer<typeof recordSchema>

  private constructor(path: string, record: z.infer<typeof recordSchema>) {
    this.path = path
    this.#record = record
  }

  /** An empty record, or with `resume` the one at `path`, if there is one. Throws if that is of another run. */
  static async open(path: string, run: Run, resume: boolean): Promise<Record> {
    await mkdir(dirname(path), { recursive: true })
    if (!resume || !existsSync(path)) return new Record(path, { trial: 'scenes', run, scenes: [] })
    const found = recordSchema.parse(JSON.parse(await readFile(path, 'utf8')))
    const [was, is] = [JSON.stringify(found.run), JSON.stringify(run)]
    if (was !== is)
      throw new Error(`${path} is of ${was}, and this is ${is}: begin anew, without --resume, or name another --json`)
    return new Record(path, found)
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
