/*
 * Where the command says something to a person: standard error, so that standard output holds the answer and nothing
 * else. On a terminal a block of lines is painted over itself; elsewhere each paint is a line of its own, and seldom.
 */
/** Lines in a log: often enough to see that it goes on, seldom enough to read. */
const PLAIN_PAUSE_MS = 5_000

export interface ScreenOutput {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

export class Screen {
  private readonly output: ScreenOutput
  private readonly quiet: boolean
  private readonly nowMs: () => number
  private painted = 0
  private saidAtMs = -Infinity
  private saidText = ''

  constructor(
    output: ScreenOutput,
    { quiet = false, nowMs = () => performance.now() }: { quiet?: boolean; nowMs?: () => number } = {},
  ) {
    this.output = output
    this.quiet = quiet
    this.nowMs = nowMs
  }

  get columns(): number {
    return this.output.columns ?? 100
  }

  /** A line that stays. */
  say(line: string): void {
    if (this.quiet) return
    this.clear()
    this.output.write(`${line}\n`)
  }

  /** What goes on right now: `block` on a terminal, in place of the last one; `line` in a log, now and then. */
  paint(block: readonly string[], line: string): void {
    if (this.quiet) return
    if (this.output.isTTY !== true) {
      if (this.nowMs() - this.saidAtMs < PLAIN_PAUSE_MS || line === this.saidText) return
      this.saidAtMs = this.nowMs()
      this.saidText = line
      this.output.write(`${line}\n`)
      return
    }
    this.output.write(`${this.upAndClear()}${block.map((each) => `${each}\n`).join('')}`)
    this.painted = block.length
  }

  /** Removes what was painted last. */
  clear(): void {
    if (this.painted > 0) this.output.write(this.upAndClear())
    this.painted = 0
  }

  /** Lets what was painted last stand. */
  keep(): void {
    this.painted = 0
  }

  private upAndClear(): string {
    return this.painted === 0 ? '' : `\u001b[${this.painted}A\u001b[0J`
  }
}
