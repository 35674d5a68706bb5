/*
 * How a file becomes a scene of the farm: kind and facts are read, the bytes go under their hash into the object
 * store, and only then a record says that the scene is there. A second intake of the same bytes finds the record and
 * does nothing. Each step may be repeated, so a process that dies in between leaves at worst a blob without a record,
 * with which the next intake of the same file goes on.
 */
import type { FarmStore } from '../../ports/farm-store.ts'
import type { ObjectStore } from '../../ports/object-store.ts'
import type { SceneFinding, SceneReader } from '../../ports/scene-reader.ts'
import { refuse } from '../../protocol/errors.ts'
import type { Refusal } from '../../protocol/errors.ts'
import { Sha256 } from '../../protocol/ids.ts'
import { LIMITS } from '../../protocol/limits.ts'
import { forgetJournaledScene, journalScene } from '../journal/farm-journal.ts'
import { blobKey } from '../../protocol/object-keys.ts'
import type { SceneRecord } from '../../protocol/scene.ts'
import { filesInUse, readCondemned } from './unused-files.ts'

export interface SceneIntake {
  readonly store: FarmStore
  readonly objects: ObjectStore
  readonly scenes: SceneReader
}

/** A whole file on this machine's disk, already hashed, that nobody else can change; it is taken away if it is kept. */
export interface SceneFile {
  readonly filePath: string
  readonly bytes: number
  /** Of the bytes that are there. */
  readonly sha256: Sha256
  /** What its sender said the hash is. */
  readonly declaredSha256?: string
  /** As its sender called it; for people only. */
  readonly name: string
  readonly main?: string
  /** A folder that does not exist yet, for unpacking. */
  readonly scratchDir: string
}

export type TakenScene = { readonly ok: true; readonly scene: SceneRecord; readonly known: boolean }

/**
 * Takes a file in; `known` tells that it had been before. Refused with upload_hash_mismatch when the bytes are not the
 * declared ones, and with not_a_scene, blend_invalid or zip_invalid when they cannot be rendered; then nothing is kept.
 */
export async function takeScene(intake: SceneIntake, file: SceneFile): Promise<TakenScene | Refusal> {
  if (file.declaredSha256 !== undefined && file.declaredSha256 !== file.sha256) {
    return refuse(
      'upload_hash_mismatch',
      `the file was declared to have SHA-256 ${file.declaredSha256}, the ` +
        `${file.bytes} bytes that came have ${file.sha256}; send it again`,
    )
  }
  const key = blobKey(file.sha256)
  const blob = await intake.objects.head(key)
  const isCondemned = (await readCondemned(intake.objects)).has(file.sha256, blob?.modifiedAtMs)
  const blobIsHere = blob !== null && blob.bytes === file.bytes && !isCondemned
  const known = await intake.store.scene(file.sha256)
  if (known !== null && blobIsHere && (file.main === undefined || file.main === known.mainBlend))
    return { ok: true, scene: known, known: true }

  const found = await intake.scenes.inspect(file.filePath, {
    scratchDir: file.scratchDir,
    ...(file.main === undefined ? {} : { main: file.main }),
  })
  if (!found.ok) return found
  if (!blobIsHere) await intake.objects.takeFile(key, file.filePath, { contentType: contentTypeOf(found.kind) })
  const scene = await recordOf(intake.store, file, found)
  await journalScene(intake.objects, scene)
  await intake.store.putScene(scene)
  return { ok: true, scene, known: known !== null }
}

/**
 * Forgets a scene and its bytes, but for files that another scene has, too; those of a project go by and by (see
 * unused-files.ts). Refused with not_found, and with conflict while a job uses it, be it one that was
 * submitted at the same moment: the record goes first, and comes back when a job turns out to need it.
 */
export async function forgetScene(
  { store, objects }: Pick<SceneIntake, 'store' | 'objects'>,
  sha256: Sha256,
): Promise<{ readonly ok: true } | Refusal> {
  const scene = await store.scene(sha256)
  if (scene === null) return refuse('not_found', `there is no scene ${sha256}; GET /v1/scenes lists those there are`)
  const users = await store.jobsOfScene(sha256)
  if (users.length > 0) return inUse(sha256, users)
  await store.deleteScene(sha256)
  const late = await store.jobsOfScene(sha256)
  if (late.length > 0) {
    await store.putScene(scene)
    return inUse(sha256, late)
  }
  await forgetJournaledScene(objects, sha256)
  const used = await filesInUse({ store, objects })
  if (used?.has(sha256) === false) await objects.delete(blobKey(sha256))
  return { ok: true }
}

/** A file name for people: the last part of a path, without control characters, short enough to store. */
export function sceneName(proposed: string | undefined): string {
  const last = (proposed ?? '').split(/[\\/]/).at(-1) ?? ''
  const letters = [...last.replaceAll(/\p{C}/gu, '').trim()]
  while (letters.join('').length > LIMITS.nameLengthMax) letters.pop()
  return letters.join('') || 'scene'
}

function inUse(sha256: Sha256, users: readonly string[]): Refusal {
  return refuse(
    'conflict',
    `the scene ${sha256} is used by ` +
      `${users.length === 1 ? 'the job' : `${users.length} jobs, among them`} ${users[0]}; delete the jobs of it first`,
  )
}

async function recordOf(store: FarmStore, file: SceneFile, found: SceneFinding): Promise<SceneRecord> {
  return {
    sha256: file.sha256,
    kind: found.kind,
    bytes: file.bytes,
    name: sceneName(file.name),
    ...(found.mainBlend === undefined ? {} : { mainBlend: found.mainBlend }),
    facts: found.facts,
    missingFiles: found.missingFiles,
    ...(found.aliases === undefined ? {} : { aliases: found.aliases }),
    uploadedAt: await store.time(),
  }
}

function contentTypeOf(kind: SceneRecord['kind']): string {
  return kind === 'zip' ? 'application/zip' : 'application/x-blender'
}
