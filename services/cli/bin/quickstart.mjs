#!/usr/bin/env node
// `npm run quickstart`: sets this machine up, then runs a whole farm on the sample scene.
import { parseArgs } from 'node:util'
import { setUp, SetUpFailed } from '../setup/set-up.mjs'

const HELP = `npm run quickstart [-- options]

Sets this machine up (npm packages, Redis, Blender, FFmpeg, build), starts a farm with two workers,
renders the sample scene, checks every file that comes out, and stops what it started.

  --yes             do not ask before something is installed
  --frames <ranges> frames to render, such as 1-4; all 24 when left out
  --keep            leave the farm and its workers running
  --stop            stop what an earlier run with --keep left running
  --data-dir <dir>  where everything is kept (.tilework/quickstart)
  --port <n>        port of the farm; a free one when left out
  --help            show this
`

let values
try {
  values = parseArgs({
    options: {
      yes: { type: 'boolean', default: false },
      frames: { type: 'string' },
      keep: { type: 'boolean', default: false },
      stop: { type: 'boolean', default: false },
      'data-dir': { type: 'string' },
      port: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  }).values
} catch (error) {
  process.stderr.write(`${error.message}\n\n${HELP}`)
  process.exit(2)
}
if (values.help) {
  process.stdout.write(HELP)
  process.exit(0)
}

const startedMs = performance.now()
try {
  const seconds = await setUp({ yes: values.yes })
  const { quickstart } = await import(
    new URL('../../../.build/services/cli/quickstart/quickstart.js', import.meta.url).href
  )
  process.exitCode = await quickstart({ ...values, startedMs, seconds })
} catch (error) {
  if (!(error instanceof SetUpFailed)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 1
}
