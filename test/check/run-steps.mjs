import { spawn } from 'node:child_process'

/** @typedef {import('./steps.mjs').Step} Step */
/** @typedef {import('../tally.mjs').Tally} Tally */

/**
 * Runs the steps, `atOnce` of them at a time, and says of each how it went as soon as it is known.
 *
 * @param {readonly Step[]} steps
 * @param {{ atOnce: number, say: (text: string) => void }} options
 * @returns {Promise<Tally>} one passed or failed for each step
 */
export async function runSteps(steps, { atOnce, say }) {
  const waiting = [...steps]
  const tally = { passed: 0, failed: 0, skipped: 0 }
  const workOff = async () => {
    for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) {
      const { ok, seconds, output } = await run(step)
      if (ok) tally.passed++
      else tally.failed++
      say(`${ok ? 'ok    ' : 'FAILED'} ${step.name} (${seconds.toFixed(1)} s)\n`)
      if (!ok) say(`${output.trimEnd()}\nThe check "${step.name}" failed: ${step.advice}.\n`)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, workOff))
  return tally
}

/** A step that cannot be started at all failed too. */
async function run({ args }) {
  const startedMs = performance.now()
  let output = ''
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text))
  const ok = await new Promise((resolve) => {
    child.once('error', (error) => {
      output += error.message
      resolve(false)
    })
    child.once('close', (code) => resolve(code === 0))
  })
  return { ok, seconds: (performance.now() - startedMs) / 1000, output }
}
