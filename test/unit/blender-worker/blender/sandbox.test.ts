import { expect, it } from 'vitest'
import { bubblewrapArguments, programFolders, sandboxObstacle } from '../../../../blender-worker/blender/sandbox.ts'

const FOLDERS = { writable: ['/work/scratch'], readable: ['/cache/scene'] }

it('cuts the network, binds the scene read-only and the scratch folder writable', () => {
  const text = bubblewrapArguments(FOLDERS, () => true).join(' ')
  expect(text).toContain('--unshare-net')
  expect(text).toContain('--die-with-parent')
  expect(text).toContain('--ro-bind /cache/scene /cache/scene')
  expect(text).toContain('--bind /work/scratch /work/scratch')
  expect(text).not.toMatch(/ (\/root|\/home|\/var|\/run|\/etc|\/) /)
})

it('mounts folders below /tmp after the empty /tmp, or they would be hidden', () => {
  const all = bubblewrapArguments({ writable: ['/tmp/scratch'], readable: ['/tmp/scene'] }, () => true)
  expect(all.indexOf('--tmpfs')).toBeLessThan(all.indexOf('/tmp/scene'))
  expect(all.indexOf('--tmpfs')).toBeLessThan(all.indexOf('/tmp/scratch'))
})

it('leaves out what is not on this machine', () => {
  expect(bubblewrapArguments(FOLDERS, () => false)).not.toContain('/usr')
})

it('adds the folder of a program that is not part of the system', () => {
  expect(programFolders('/usr/bin/blender')).toEqual([])
  expect(programFolders('/opt/blender-4.2/blender')).toEqual(['/opt/blender-4.2'])
})

it('says why it cannot be used when the program is missing', async () => {
  expect(await sandboxObstacle(FOLDERS, '/nowhere/bwrap')).toMatch(/bubblewrap/)
})
