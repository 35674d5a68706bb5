import { stat } from 'node:fs/promises'
import { uploadProject } from '../api/project-upload.ts'
import { openSceneFile } from '../api/scene-file.ts'
import { uploadScene } from '../api/upload.ts'
import { UnfinishedUploads, unfinishedUploadsFolder } from '../api/unfinished-uploads.ts'
import { bar } from '../progress/job-text.ts'
import type { Screen } from '../progress/screen.ts'
import { folderSource } from '../project/folder-source.ts'
import { readProject } from '../project/read-project.ts'
import type { ReadProject } from '../project/read-project.ts'
import type { ProjectSource } from '../project/source.ts'
import { isZip, zipSource } from '../project/zip-source.ts'
import { usageFailure } from '../exit-codes.ts'
import { formatBytes } from '../quantities.ts'
import type { FarmSession, Shell } from '../shell.ts'

const BAR_AFTER_MS = 1_000

/** Sends a file, a folder or an archive of one to the farm unless it has it, and gives the hash of the scene. */
export async function handInScene(
  session: FarmSession,
  path: string,
  main: string | undefined,
  shell: Shell,
): Promise<string> {
  return (await isProject(path))
    ? withProject(session, path, main, (project, source) => sendProject(session, project, source, shell))
    : sendFile(session, path, main, shell)
}

/** Tells what handing a project in would send; sends nothing. Throws a usage failure for a single .blend. */
export async function listWhatIsMissing(session: FarmSession, path: string, main: string | undefined): Promise<void> {
  if (!(await isProject(path)))
    throw usageFailure(`--dry-run is for project folders and .zip files; ${path} is neither`)
  await withProject(session, path, main, async (project, { ignored }) => {
    const { missing, missingBytes, ...found } = await session.client.missingOf(project.request)
    const lacking = new Set<string>(missing.map(({ sha256 }) => sha256))
    const files = project.request.files.flatMap(({ path: file, bytes, sha256 }) =>
      lacking.delete(sha256) ? [{ path: file, bytes, sha256 }] : [],
    )
    const of = project.request.files.length
    session.answer({ ...found, files, missingBytes, projectFiles: of, projectBytes: project.bytes, ignored }, [
      ...files.map((file) => `${formatBytes(file.bytes).padStart(10)}  ${file.path}`),
      `${files.length} of ${of} files would be sent, ${formatBytes(missingBytes)} of ${formatBytes(project.bytes)}; ` +
        ignoredText(ignored),
    ])
  })
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() === true
}

async function isProject(path: string): Promise<boolean> {
  return (await isFolder(path)) || (await isZip(path))
}

async function withProject<T>(
  { screen }: FarmSession,
  path: string,
  main: string | undefined,
  work: (project: ReadProject, source: ProjectSource) => Promise<T>,
): Promise<T> {
  const source = (await isFolder(path)) ? await folderSource(path) : await zipSource(path)
  try {
    return await work(await readProject(source, main, byteBar(screen, 'reading')), source)
  } finally {
    await source.close()
  }
}

async function sendProject(
  { client, screen }: FarmSession,
  project: ReadProject,
  { name, ignored }: ProjectSource,
  shell: Shell,
): Promise<string> {
  const { scene, filesSent, bytesSent } = await uploadProject(client, project, {
    unfinished: new UnfinishedUploads(unfinishedUploadsFolder(shell.env)),
    onProgress: byteBar(screen, 'sending'),
    onCut: (why) => screen.say(`the upload broke off, going on from there: ${why}`),
  })
  const of = project.request.files.length
  screen.say(
    filesSent === 0
      ? `${name}: all ${of} files are on the farm already; ${ignoredText(ignored)}`
      : `${name}: sent ${filesSent} of ${of} files, ${formatBytes(bytesSent)} of ${formatBytes(project.bytes)}; ` +
          ignoredText(ignored),
  )
  return scene.sha256
}

async function sendFile(
  { client, screen }: FarmSession,
  path: string,
  main: string | undefined,
  shell: Shell,
): Promise<string> {
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
  return scene.sha256
}

function ignoredText({ files, bytes }: ProjectSource['ignored']): string {
  return files === 0 ? 'none left out' : `${files} left out by ignore rules (${formatBytes(bytes)})`
}

// What is over in a second needs no bar.
function byteBar(screen: Screen, what: string): (done: number, of: number) => void {
  const startedAtMs = performance.now()
  return (done, of) => {
    const line = `${what} ${bar(done, of)} ${formatBytes(done)} of ${formatBytes(of)}`
    if (performance.now() - startedAtMs > BAR_AFTER_MS) screen.paint([line], line)
  }
}
