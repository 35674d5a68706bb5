import type { SeededRandom } from '../simulation/random.ts'

/** Something that takes bytes from strangers. */
export interface Target {
  readonly name: string
  /** Input number `n` of a seed; the same each time. */
  input(random: SeededRandom): Buffer
  /** Gives a word for what became of it (the code of a refusal). Throws for what must never happen. */
  take(input: Buffer): Promise<string>
  /** Now and then: lets go of what is kept over inputs, so that what grows then is a leak. */
  settle?(): Promise<void>
  close(): Promise<void>
}
