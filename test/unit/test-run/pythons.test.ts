import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { findPython, pythonFor } from '../../blender-versions/pythons.ts'

describe('the Python for a version of bpy', () => {
  test.each([
    ['4.2.0', '3.11'],
    ['4.5.15', '3.11'],
    ['5.0.1', '3.11'],
    ['5.1.2', '3.13'],
    ['5.3.0', '3.13'],
    ['6.0.0', '3.13'],
  ])('%s runs on %s', (version, python) => {
    expect(pythonFor(version)).toBe(python)
  })
})

describe('finding a Python', () => {
  let folder: string

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pythons-'))
    vi.stubEnv('PATH', `${join(folder, 'bin')}:/usr/bin:/bin`)
    vi.stubEnv('PYENV_ROOT', join(folder, 'pyenv'))
  })

  afterEach(async () => {
    vi.unstubAllEnvs()
    await rm(folder, { recursive: true })
  })

  /** A program that answers as a Python of this version would. */
  async function put(path: string, answer: string): Promise<void> {
    await mkdir(join(path, '..'), { recursive: true })
    await writeFile(path, `#!/bin/sh\n${answer}\n`)
    await chmod(path, 0o755)
  }

  test('takes one in the PATH', async () => {
    await put(join(folder, 'bin', 'python3.99'), 'echo 3.99')
    expect(await findPython('3.99')).toBe('python3.99')
  })

  test('takes one of pyenv where its stand-in in the PATH does not run', async () => {
    await put(join(folder, 'bin', 'python3.99'), 'exit 127')
    const python = join(folder, 'pyenv', 'versions', '3.99.4', 'bin', 'python3.99')
    await put(python, 'echo 3.99')
    await put(join(folder, 'pyenv', 'versions', '3.9.1', 'bin', 'python3.9'), 'echo 3.9')
    expect(await findPython('3.99')).toBe(python)
  })

  test('finds none where there is none', async () => {
    expect(await findPython('3.99')).toBeUndefined()
  })
})
