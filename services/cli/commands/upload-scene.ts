import { openSceneFile } from '../api/scene-file.ts'
import type { SceneFile } from '../api/scene-file.ts'
import { uploadScene } from '../api/upload.ts'
import { UnfinishedUploads, unfinishedUploadsFolder } from '../api/unfinished-uploads.ts'
import { bar } from '../progress/job-text.ts'
import type { Screen } from '../progress/screen.ts'
import { formatBytes } from '../quantities.ts'
import type { FarmSession, Shell } from '../shell.ts'

const BAR_AFTER_MS = 1_000

/** Sends a scene to the farm unless it has it, going on where an earlier upload stopped. */
export async function uploadSceneFile(
  { client, screen }: FarmSession,
  path: string,
  main: string | undefined,
  shell: Shell,
): Promise<SceneFile> {
  const scene = await openSceneFile(path, byteBar(screen, 'reading'))
  const uploaded = await uploadScene(client, scene, {
    main,
    unfinished: new UnfinishedUploads(unfinishedUploadsFolder(shell.env)),
    onProgress: byteBar(screen, 'sending'),
    onCut: (why, atBytes) => screen.say(`the upload broke off at ${formatBytes(atBytes)}, going on from there: ${why}`),
  })
  const before = uploaded.resumedAt
  const already = before > 0 ? `, the first ${formatBytes(before)} were already there` : ''
  screen.say(
    uploaded.known
      ? `${scene.name}: already on the farm`
      : `${scene.name}: sent ${formatBytes(scene.bytes - uploaded.resumedAt)}${already}`,
  )
  return scene
}

// What is over in a second needs no bar.
function byteBar(screen: Screen, what: string): (done: number, of: number) => void {
  const startedAtMs = performance.now()
  return (done, of) => {
    const line = `${what} ${bar(done, of)} ${formatBytes(done)} of ${formatBytes(of)}`
    if (performance.now() - startedAtMs > BAR_AFTER_MS) screen.paint([line], line)
  }
}
