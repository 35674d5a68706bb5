import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { seededRandom } from '../simulation/random.ts'
import type { Target } from './target.ts'

/** Processor time of one input, in ms: all of them are small, and an honest one takes a few. */
const CPU_MS_MAX = 3_000
/** Inputs that once failed; all are given to their target again by `npm test`. */
const CORPUS = join(
  import.meta.dirname,
  '..',
  '..',
  ...(import.meta.dirname.includes('.build') ? ['..'] : []),
  'test',
  'fuzz',
  'corpus',
)

export interface Failure {
  readonly target: string
  readonly n: number
  readonly input: Buffer
  readonly why: string
}

/** Gives input `n` of a seed to a target: the word for what became of it, or a failure. */
export async function tryInput(target: Target, seed: number, n: number): Promise<string | Failure> {
  return take(target, n, target.input(seededRandom(`${seed} ${target.name} ${n}`)))
}

/** An input of the corpus, or any other. */
export async function take(target: Target, n: number, input: Buffer): Promise<string | Failure> {
  const before = process.cpuUsage()
  try {
    const word = await target.take(input)
    const { user, system } = process.cpuUsage(before)
    if ((user + system) / 1000 > CPU_MS_MAX)
      return { target: target.name, n, input, why: `it took ${Math.round((user + system) / 1000)} ms of processor` }
    return word
  } catch (error) {
    return {
      target: target.name,
      n,
      input,
      why: error instanceof Error ? (error.stack ?? error.message) : String(error),
    }
  }
}

/** The inputs kept for a target, by file name. */
export function corpusOf(target: Target): { name: string; input: Buffer }[] {
  const names = readdirSync(CORPUS)
    .filter((name) => name.startsWith(`${target.name}.`))
    .sort()
  return names.map((name) => ({ name, input: readFileSync(join(CORPUS, name)) }))
}
