/*
 * How a list of files becomes a scene of the farm. The files come first, each under its hash; then the list is stored
 * under the hash of its own text, the main .blend is read, and a record says that the scene is there. Whether all files
 * are there is looked at after the scene was noted in the object store: from then on nobody takes a file of it for
 * unused.
 */
import { createHash } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { refuse, type Refusal } from '../../protocol/errors.ts'
import { Sha256 } from '../../protocol/ids.ts'
import { blobKey } from '../../protocol/object-keys.ts'
import { manifestText, projectBytes } from '../../protocol/project.ts'
import type { ProjectFile, ProjectManifest, ProjectMissing } from '../../protocol/project.ts'
import type { SceneRecord } from '../../protocol/scene.ts'
import { eachAtOnce } from '../each-at-once.ts'
import { forgetJournaledScene, journalScene } from '../journal/farm-journal.ts'
import { sceneName } from './scene-intake.ts'
import type { SceneIntake, TakenScene } from './scene-intake.ts'
import { readCondemned } from './unused-files.ts'

/** Files named in a refusal; the whole list is what `missing` answers. */
const NAMED = 5

/** What the farm lacks of a project. Writes nothing. */
export async function missingOf(
  { store, objects }: Pick<SceneIntake, 'store' | 'objects'>,
  manifest: ProjectManifest,
): Promise<ProjectMissing> {
  const { sha256 } = identityOf(manifest)
  const missing = await lackingFiles(objects, manifest.files)
  return {
    sha256,
    known: missing.length === 0 && (await store.scene(sha256)) !== null,
    missing: missing.map(({ sha256: file, bytes }) => ({ sha256: file, bytes })),
    missingBytes: missing.reduce((sum, { bytes }) => sum + bytes, 0),
  }
}

/**
 * Takes a project in whose files are all there; `known` tells that it had been before. Refused with project_incomplete
 * when some are not, and with not_a_scene or blend_invalid when its main .blend cannot be rendered. `scratchDir` is a
 * folder that does not exist yet; it is the caller's to remove.
 */
export async function takeProject(
  intake: SceneIntake,
  manifest: ProjectManifest,
  name: string | undefined,
  scratchDir: string,
): Promise<TakenScene | Refusal> {
  const { store, objects } = intake
  const { sha256, text } = identityOf(manifest)
  const known = await store.scene(sha256)
  if (known !== null) {
    const lacking = await lackingFiles(objects, manifest.files)
    return lacking.length === 0 && (await objects.head(blobKey(sha256))) !== null
      ? { ok: true, scene: known, known: true }
      : incomplete(lacking)
  }
  const main = manifest.files.find(({ path }) => path === manifest.main)
  if (main === undefined) throw new Error('a manifest without its main file passed its schema')
  const found = await readMain(intake, main, manifest, scratchDir)
  if (!found.ok) return found
  await objects.put(blobKey(sha256), text, { contentType: 'application/json', bytes: text.length, sha256 })
  const scene: SceneRecord = {
    sha256,
    kind: found.kind,
    bytes: projectBytes(manifest),
    project: { manifestBytes: text.length, files: manifest.files.length },
    name: sceneName(name ?? manifest.main),
    mainBlend: manifest.main,
    facts: found.facts,
    missingFiles: found.missingFiles,
    ...(found.aliases === undefined ? {} : { aliases: found.aliases }),
    uploadedAt: await store.time(),
  }
  await journalScene(objects, scene)
  const lacking = await lackingFiles(objects, manifest.files)
  if (lacking.length > 0) {
    await forgetJournaledScene(objects, sha256)
    return incomplete(lacking)
  }
  await store.putScene(scene)
  return { ok: true, scene, known: false }
}

/** The canonical text of a manifest, and the hash that names the scene. */
function identityOf(manifest: ProjectManifest): { sha256: Sha256; text: Buffer } {
  const text = Buffer.from(manifestText(manifest), 'utf8')
  return { text, sha256: Sha256.parse(createHash('sha256').update(text).digest('hex')) }
}

async function readMain(
  { objects, scenes }: SceneIntake,
  main: ProjectFile,
  manifest: ProjectManifest,
  scratchDir: string,
): ReturnType<SceneIntake['scenes']['inspectProject']> {
  await mkdir(scratchDir, { recursive: true })
  const blendPath = join(scratchDir, 'main.blend')
  const { bytes, sha256 } = main
  const copied = await objects.download(blobKey(sha256), blendPath, { bytesMax: bytes, bytes, sha256 })
  if (!copied.ok) return incomplete([main])
  return scenes.inspectProject(blendPath, {
    mainBlendPath: manifest.main,
    filePaths: manifest.files.map(({ path }) => path),
  })
}

/** Files of which the store does not have the bytes, each content once, in their order. */
async function lackingFiles(objects: SceneIntake['objects'], files: readonly ProjectFile[]): Promise<ProjectFile[]> {
  const condemned = await readCondemned(objects)
  const lacking = new Set<string>()
  const each = [...new Map(files.map((file) => [file.sha256, file])).values()]
  await eachAtOnce(each, async ({ sha256, bytes }) => {
    const blob = await objects.head(blobKey(sha256))
    if (blob === null || blob.bytes !== bytes || condemned.has(sha256, blob.modifiedAtMs)) lacking.add(sha256)
  })
  return each.filter(({ sha256 }) => lacking.has(sha256))
}

function incomplete(files: readonly ProjectFile[]): Refusal {
  const named = files.slice(0, NAMED).map(({ path }) => JSON.stringify(path))
  const more = files.length > named.length ? ` and ${files.length - named.length} more` : ''
  return refuse(
    'project_incomplete',
    `the farm does not have ${named.join(', ') || 'the list of files'}${more}; ` +
      'POST /v1/projects/missing tells what to send, PUT /v1/blobs/<sha256> takes a file',
  )
}
