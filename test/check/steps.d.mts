export interface Step {
  readonly name: string
  readonly args: readonly string[]
  readonly advice: string
}
export const AT_ONCE: number
export const STEPS: readonly Step[]
