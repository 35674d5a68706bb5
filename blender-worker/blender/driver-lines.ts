import { DriverLine } from './answers.ts'

/** An inspection of a scene with 100,000 files is about this long. */
export const ANSWER_CHARACTERS_MAX = 32 * 1024 * 1024

/** What becomes of what the driver says. */
export interface DriverEars {
  /** A line of the protocol, and all that it said. */
  onLine(said: DriverLine, line: unknown): void
  /** A line that is none of the protocol. */
  onUnreadable(text: string): void
  /** A line that is longer than `ANSWER_CHARACTERS_MAX`; it is forgotten. */
  onEndless(): void
}

/** Cuts what the driver says into lines, and parses each. */
export class DriverLines {
  readonly #ears: DriverEars
  #unfinished = ''

  constructor(ears: DriverEars) {
    this.#ears = ears
  }

  write(text: string): void {
    const lines = (this.#unfinished + text).split('\n')
    this.#unfinished = lines.pop() ?? ''
    if (this.#unfinished.length > ANSWER_CHARACTERS_MAX) {
      this.#unfinished = ''
      this.#ears.onEndless()
    }
    for (const line of lines) this.#take(line)
  }

  #take(text: string): void {
    const line = parseJson(text)
    const said = DriverLine.safeParse(line)
    if (said.success) this.#ears.onLine(said.data, line)
    else this.#ears.onUnreadable(text)
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
