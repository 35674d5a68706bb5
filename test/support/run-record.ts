// What a run over many scenes showed so far, written after each: one that is cut off goes on where it stopped.

import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { z } from 'zod'

/** What is run, and a row of its table. */
export interface RecordKind<Row> {
  readonly what: string
  readonly row: z.ZodType<Row>
}

interface Scene<Row> {
  readonly name: string
  readonly seconds: number
  readonly rows: readonly Row[]
}

const Content = z.strictObject({
  what: z.string(),
  /** What tells one run from another. */
  run: z.unknown(),
  scenes: z.array(z.strictObject({ name: z.string(), seconds: z.number(), rows: z.array(z.unknown()) })),
})

/** Rows of two runs do not belong in one table. */
export class RunRecord<Row> {
  readonly path: string
  readonly #head: { readonly what: string; readonly run: object }
  readonly #scenes: Scene<Row>[]

  private constructor(path: string, head: { what: string; run: object }, scenes: Scene<Row>[]) {
    this.path = path
    this.#head = head
    this.#scenes = scenes
  }

  /** An empty record, or with `resume` the one at `path`, if there is one. Throws if that is of another run. */
  static async open<Row>(
    { what, row }: RecordKind<Row>,
    { path, run, resume }: { path: string; run: object; resume: boolean },
  ): Promise<RunRecord<Row>> {
    await mkdir(dirname(path), { recursive: true })
    if (!resume || !existsSync(path)) return new RunRecord<Row>(path, { what, run }, [])
    const found = Content.parse(JSON.parse(await readFile(path, 'utf8')))
    const [was, is] = [`${found.what} ${JSON.stringify(found.run)}`, `${what} ${JSON.stringify(run)}`]
    if (was !== is)
      throw new Error(`${path} is of ${was}, and this is ${is}: begin anew, without --resume, or name another file`)
    const scenes = found.scenes.map((scene) => ({ ...scene, rows: z.array(row).parse(scene.rows) }))
    return new RunRecord(path, { what, run }, scenes)
  }

  has(name: string): boolean {
    return this.#scenes.some((scene) => scene.name === name)
  }

  get rows(): Row[] {
    return this.#scenes.flatMap((scene) => scene.rows)
  }

  async add(name: string, seconds: number, rows: Row[]): Promise<void> {
    this.#scenes.push({ name, seconds, rows })
    await writeFile(`${this.path}.new`, `${JSON.stringify({ ...this.#head, scenes: this.#scenes }, null, 1)}\n`)
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
