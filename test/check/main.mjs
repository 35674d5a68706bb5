/*
 * `npm run check`: types, lint, layout, dead code and imports, in a few seconds. It is the first thing that `npm test`
 * runs. Arguments name the steps to run, by the beginning of their names: npm run check -- format lint
 */
import { fileURLToPath } from 'node:url'
import { tallyLine } from '../tally.mjs'
import { runSteps } from './run-steps.mjs'
import { AT_ONCE, STEPS } from './steps.mjs'

process.chdir(fileURLToPath(new URL('../..', import.meta.url)))
const wanted = process.argv.slice(2)
const steps = wanted.length === 0 ? STEPS : STEPS.filter(({ name }) => wanted.some((word) => name.startsWith(word)))
if (steps.length === 0) {
  process.stderr.write(
    `No check begins with ${wanted.join(' or ')}. There are: ${STEPS.map(({ name }) => name).join('; ')}.\n`,
  )
  process.exit(2)
}
const tally = await runSteps(steps, { atOnce: AT_ONCE, say: (text) => process.stdout.write(text) })
process.stdout.write(`${tallyLine(tally)}\n`)
process.exitCode = tally.failed === 0 ? 0 : 1
