import type { Tally } from '../tally.mjs'
import type { Step } from './steps.mjs'

export function runSteps(
  steps: readonly Step[],
  options: { atOnce: number; say: (text: string) => void },
): Promise<Tally>
