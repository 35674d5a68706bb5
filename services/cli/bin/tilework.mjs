#!/usr/bin/env node
// The `tilework` command: runs what was built.
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const built = new URL('../../../.build/services/cli/main.js', import.meta.url)
if (!existsSync(built)) {
  process.stderr.write(
    `Tilework is not built yet: run "npm run build" in ${fileURLToPath(new URL('../../..', import.meta.url))}\n`,
  )
  process.exit(1)
}

// Whoever reads no further (`tilework jobs | head`) is no reason to complain.
process.stdout.on('error', (error) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})
// The S3 library says at each start that Node 20 will not be supported for ever; package.json holds the version that
// is.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true'

let interruption = null
const shell = {
  env: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
  interruption: () => (interruption ??= abortOnInterrupt()).signal,
}

const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'))
const { runCommand } = await import(built.href)
process.exitCode = await runCommand(process.argv.slice(2), shell, version)

function abortOnInterrupt() {
  const controller = new AbortController()
  process.once('SIGINT', () => controller.abort())
  return controller
}
