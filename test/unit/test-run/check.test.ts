import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { runSteps } from '../../check/run-steps.mjs'
import { projectFile } from '../../support/project-file.ts'

const step = (name: string, script: string) => ({ name, args: ['--eval', script], advice: `see ${name}` })

describe('the steps of the check', () => {
  test('are counted as one passed or failed each, and only those that failed say what they found', async () => {
    let said = ''
    const steps = [
      step('good', 'console.log("nothing to see")'),
      step('bad', 'console.error("line 3 is wrong"); process.exitCode = 1'),
      step('killed', 'process.kill(process.pid, "SIGKILL")'),
    ]
    const tally = await runSteps(steps, { atOnce: 2, say: (text) => (said += text) })
    expect(tally).toEqual({ passed: 1, failed: 2, skipped: 0 })
    expect(said).toMatch(/^ok {4} good \(\d/m)
    expect(said).toContain('line 3 is wrong\nThe check "bad" failed: see bad.\n')
    expect(said).not.toContain('nothing to see')
  })
})

describe('the width of lines', () => {
  test('is 120 columns, counted in characters, in sources of every language', () => {
    const folder = mkdtempSync(join(tmpdir(), 'tilework-width-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    mkdirSync(join(folder, 'check'))
    for (const name of ['width.mjs', 'tracked.mjs'])
      copyFileSync(projectFile(`test/check/${name}`), join(folder, 'check', name))
    spawnSync('git', ['init', '--quiet'], { cwd: folder })
    writeFileSync(join(folder, 'fits.ts'), `${'é'.repeat(120)}\n`)
    const check = () => spawnSync(process.execPath, ['check/width.mjs'], { cwd: folder, encoding: 'utf8' })
    expect(check()).toMatchObject({ status: 0, stdout: '' })
    writeFileSync(join(folder, 'wide.py'), `\n${'#'.repeat(121)}\n`)
    expect(check()).toMatchObject({
      status: 1,
      stdout: 'wide.py:2 has 121 columns\n1 line has more than 120 columns\n',
    })
  })
})
