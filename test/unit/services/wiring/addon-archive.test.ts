import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execFileSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { packAddon } from '../../../../services/wiring/addon-archive.ts'
import { VERSION } from '../../../../shared/protocol/version.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tilework-addon-'))
})
afterAll(async () => rm(folder, { recursive: true, force: true }))

/** What Python, which unpacks it in Blender, reads in the archive. */
async function contents(): Promise<Record<string, string>> {
  const { bytes } = await packAddon()
  const path = join(folder, 'addon.zip')
  await writeFile(path, bytes)
  const script = `
import json, sys, zipfile
archive = zipfile.ZipFile(sys.argv[1])
assert archive.testzip() is None
print(json.dumps({name: archive.read(name).decode() for name in archive.namelist()}))`
  return JSON.parse(execFileSync('python3', ['-c', script, path], { encoding: 'utf8', maxBuffer: 1 << 26 }))
}

describe('the archive of the add-on', () => {
  it('has the same bytes each time', async () => {
    expect((await packAddon()).bytes.equals((await packAddon()).bytes)).toBe(true)
  })

  it('has all in one folder, which is an extension and an add-on of older Blenders, of this version', async () => {
    const files = await contents()
    expect(Object.keys(files).every((name) => name.startsWith('tilework/'))).toBe(true)
    expect(files['tilework/blender_manifest.toml']).toContain(`version = "${VERSION}"`)
    expect(files['tilework/__init__.py']).toContain(`"version": (${VERSION.split('.').join(', ')})`)
    expect((await packAddon()).manifest).toMatchObject({ id: 'tilework', permissions: { network: expect.any(String) } })
  })

  it('has what the driver needs to judge a scene, and no import that leads out of the add-on', async () => {
    const files = await contents()
    const parts = Object.keys(files).filter((name) => name.startsWith('tilework/driver/'))
    expect(parts).toContain('tilework/driver/inspect_scene.py')
    for (const name of parts) {
      expect(files[name], name).not.toMatch(/^\s*(from|import) driver\b/m)
      for (const [, part] of (files[name] ?? '').matchAll(/^from \.(\w+) import/gm))
        expect(parts, name).toContain(`tilework/driver/${part}.py`)
    }
  })

  it('keeps to the published rules of a manifest', async () => {
    const { manifest } = await packAddon()
    expect(manifest['schema_version']).toBe('1.0.0')
    expect(manifest['id']).toMatch(/^[a-z][a-z0-9_]*$/)
    expect(manifest['version']).toMatch(/^\d+\.\d+\.\d+$/)
    expect(manifest['type']).toBe('add-on')
    expect(manifest['blender_version_min']).toBe('4.2.0')
    expect(String(manifest['tagline']).length).toBeLessThanOrEqual(64)
    expect(manifest['tagline']).not.toMatch(/[.!?]$/)
    for (const reason of Object.values(manifest['permissions'] as object)) {
      expect(String(reason).length).toBeLessThanOrEqual(64)
      expect(reason).not.toMatch(/[.!?]$/)
    }
    expect(Object.keys(manifest['permissions'] as object)).toEqual(['network', 'files'])
    expect(manifest['license']).toEqual(['SPDX:Apache-2.0'])
  })
})
