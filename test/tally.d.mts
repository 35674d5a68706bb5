export interface Tally {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}
export function readVitestReport(report: string, exitCode: number): Tally
export function readPythonReport(said: string, exitCode: number): Tally
export function tallyLine(tally: Tally): string
