/** Enough for a traceback and what led to it; Blender may print millions of lines about one bad material. */
const LINES_KEPT = 60
const LINE_LENGTH_MAX = 500

/** Cuts a stream of text into lines and remembers the last of them. */
export class OutputTail {
  readonly #lines: string[] = []
  readonly #onLine: (line: string) => void
  #unfinished = ''

  constructor(onLine: (line: string) => void = () => {}) {
    this.#onLine = onLine
  }

  write(text: string): void {
    const parts = (this.#unfinished + text).split(/\r?\n|\r/)
    this.#unfinished = (parts.pop() ?? '').slice(0, LINE_LENGTH_MAX)
    for (const part of parts) this.#keep(part)
  }

  /** Forgets what was said before, so that the next failure is not explained with it. */
  clear(): void {
    this.#lines.length = 0
  }

  /** The last lines, progress left out, at most `lengthMax` characters from the end. */
  text(lengthMax: number): string {
    return [...this.#lines, this.#unfinished]
      .filter((line) => line !== '')
      .join('\n')
      .slice(-lengthMax)
  }

  #keep(part: string): void {
    const line = part.slice(0, LINE_LENGTH_MAX).trimEnd()
    if (line === '') return
    this.#onLine(line)
    if (line.startsWith('Fra:')) return
    this.#lines.push(line)
    if (this.#lines.length > LINES_KEPT) this.#lines.shift()
  }
}
