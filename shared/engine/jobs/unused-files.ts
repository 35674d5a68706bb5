/*
 * Which files of the object store no scene needs any more. A file may belong to many projects, so none is removed with
 * its scene. Instead, from time to time, all files are compared with all scenes:
 *
 * 1. A file that no scene names, and that was not sent lately, is condemned: it is put on a list in the object store.
 *    From then on whoever hands a project in is told that the farm lacks it, and sends it again.
 * 2. A round later, an hour after, a condemned file is removed if still no scene names it and it was not sent again.
 *
 * A scene is noted in the object store before its files are looked for, so of a scene that comes between, either the
 * second round sees the note, or the scene sees that the file is condemned. Where any note or list of files cannot be
 * read, nothing is condemned and nothing is removed. A process that dies at it leaves files for the next round.
 */
import { z } from 'zod'
import { Sha256 } from '../../protocol/ids.ts'
import { SceneEntry } from '../../protocol/journal.ts'
import {
  BLOBS_PREFIX,
  blobKey,
  CONDEMNED_FILES_KEY,
  farmPrefix,
  type ObjectKey,
  parseBlobKey,
} from '../../protocol/object-keys.ts'
import { ProjectManifest } from '../../protocol/project.ts'
import type { SceneRecord } from '../../protocol/scene.ts'
import type { ObjectStore } from '../../ports/object-store.ts'
import type { Engine } from '../context.ts'
import { eachAtOnce } from '../each-at-once.ts'
import { everyObject, json, readText } from '../read-objects.ts'

/** How often files are compared with scenes, in ms. */
export const UNUSED_FILES_EVERY_MS = 3600_000
/** A file that was sent in this time may still become part of a scene, in ms: as long as an upload may take. */
export const SENT_LATELY_MS = 24 * 3600_000
/** Files condemned in one round: the list is held in memory and read by everybody who hands a project in. */
const CONDEMNED_MAX = 100_000

const Condemned = z.strictObject({ files: z.array(Sha256).max(CONDEMNED_MAX) })

/** Which files are about to be removed. */
export interface CondemnedFiles {
  /** False for one that was sent again since; `modifiedAtMs` is when what lies in the store was written. */
  has(sha256: string, modifiedAtMs: number | undefined): boolean
}

const NONE: CondemnedFiles = { has: () => false }

export async function readCondemned(objects: ObjectStore): Promise<CondemnedFiles> {
  const list = await listOfCondemned(objects)
  if (list === null) return NONE
  return { has: (sha256, modifiedAtMs) => list.files.has(sha256) && (modifiedAtMs ?? 0) <= list.condemnedAtMs }
}

async function listOfCondemned(
  objects: ObjectStore,
): Promise<{ condemnedAtMs: number; files: ReadonlySet<string> } | null> {
  const head = await objects.head(CONDEMNED_FILES_KEY)
  if (head === null) return null
  const text = await readText(objects, CONDEMNED_FILES_KEY)
  const list = Condemned.safeParse(json(text ?? ''))
  // The store's own clock tells both times; some tell whole seconds only.
  return list.success
    ? { condemnedAtMs: (head.modifiedAtMs ?? 0) + 999, files: new Set(list.data.files) }
    : { condemnedAtMs: 0, files: new Set() }
}

/** One round: removes what the last one condemned, and condemns what is unused now. Gives how many of each. */
export async function removeUnusedFiles({
  store,
  objects,
  clock,
  log,
}: Pick<Engine, 'store' | 'objects' | 'clock' | 'log'>): Promise<{ removed: number; condemned: number }> {
  const before = await listOfCondemned(objects)
  const used = await filesInUse({ store, objects })
  if (used === null) {
    log.warn('a scene or its list of files cannot be read, so no unused file is looked for; see farm/scenes/')
    return { removed: 0, condemned: 0 }
  }
  let removed = 0
  await eachAtOnce([...(before?.files ?? [])], async (sha256) => {
    const blob = await objects.head(blobKey(sha256))
    if (before === null || blob === null || used.has(sha256) || (blob.modifiedAtMs ?? 0) > before.condemnedAtMs) return
    await objects.delete(blobKey(sha256))
    removed += 1
  })
  const unused = await unusedSince(objects, used, clock.now() - SENT_LATELY_MS)
  if (unused.length === 0) await objects.delete(CONDEMNED_FILES_KEY)
  else
    await objects.put(CONDEMNED_FILES_KEY, Buffer.from(JSON.stringify({ files: unused })), {
      contentType: 'application/json',
    })
  if (removed + unused.length > 0) log.info({ removed, condemned: unused.length }, 'files that no scene needs')
  return { removed, condemned: unused.length }
}

async function unusedSince(objects: ObjectStore, used: ReadonlySet<string>, before: number): Promise<Sha256[]> {
  const unused: Sha256[] = []
  for await (const { key } of everyObject(objects, BLOBS_PREFIX)) {
    const sha256 = Sha256.safeParse(parseBlobKey(key)?.sha256)
    if (!sha256.success || used.has(sha256.data)) continue
    if (((await objects.head(key))?.modifiedAtMs ?? Infinity) < before) unused.push(sha256.data)
    if (unused.length === CONDEMNED_MAX) break
  }
  return unused
}

/** Every file that a scene needs, also the lists of projects; null when that cannot be told for sure. */
export async function filesInUse({ store, objects }: Pick<Engine, 'store' | 'objects'>): Promise<Set<string> | null> {
  const used = new Set<string>()
  const projects = new Set<Sha256>()
  const add = (scene: SceneRecord) => {
    used.add(scene.sha256)
    if (scene.kind === 'project') projects.add(scene.sha256)
  }
  const notes: ObjectKey[] = []
  for await (const { key } of everyObject(objects, farmPrefix('scenes'))) notes.push(key)
  let isSure = true
  await eachAtOnce(notes, async (key) => {
    const text = await readText(objects, key)
    const note = SceneEntry.safeParse(json(text ?? ''))
    if (note.success) add(note.data.scene)
    // One that went meanwhile was forgotten.
    else if (text !== null) isSure = false
  })
  for (let cursor: string | null = ''; cursor !== null;) {
    const page: Awaited<ReturnType<typeof store.listScenes>> = await store.listScenes({
      limit: 100,
      ...(cursor === '' ? {} : { cursor }),
    })
    page.items.forEach(add)
    cursor = page.next
  }
  await eachAtOnce([...projects], async (sha256) => {
    const manifest = await readManifest(objects, sha256)
    if (manifest === null && (await objects.head(blobKey(sha256))) !== null) isSure = false
    for (const file of manifest?.files ?? []) used.add(file.sha256)
  })
  return isSure ? used : null
}

/** The list of files of a project; null when it is not there or cannot be read. */
export async function readManifest(objects: ObjectStore, sha256: Sha256): Promise<ProjectManifest | null> {
  const text = await readText(objects, blobKey(sha256))
  return text === null ? null : (ProjectManifest.safeParse(json(text)).data ?? null)
}
