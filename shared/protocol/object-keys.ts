/*
 * Every name under which something lies in the object store, made here and nowhere else.
 *
 *   blobs/sha256/ab/<hash>                     inputs by content, written once, shared by all jobs
 *   jobs/<job>/attempts/<task>/<epoch>/<file>  what a worker sent: untrusted, one folder per lease
 *   jobs/<job>/work/<path>                     between steps: stitched frames, written by the assembler
 *   jobs/<job>/final/frames|outputs|video|previews/…  the delivery, written by the assembler alone
 *   jobs/<job>/final/manifest.json             the record of who rendered what, written last
 *   jobs/<job>/journal/<path>                  records from which the job can be rebuilt
 *   farm/terms/<term>                          one for each time the farm was begun or recovered
 *   farm/scenes|tokens/<sha256>                what is known of a blob; whose a token is
 *   farm/workers.json                          workers and what is counted for them
 *   farm/condemned.json                        blobs that no scene needs, to be removed in the next round
 *   farm/deleted/<job>                         jobs that must not come back; kept until nothing of them can arrive any
 * more

 *   uploads/<upload>/sent/<path>               a resumable upload that is not whole yet
 *   uploads/<upload>/scene.json                which scene it became
 *   checks/<name>                              written, read and deleted by readiness checks
 *
 * No key is the folder of another one. The alphabet is the small one that every S3 server, file system and URL carries
 * unchanged, so that no adapter has to guess how a name is spelled on the other side.
 */
import { z } from 'zod'
import { Sha256, UploadId } from './ids.ts'

/** Characters in one part of a key: three times as many (all escaped) still fit a file name of 255. */
export const KEY_PART_CHARS_MAX = 80
/** Characters in a key: half of the 1,024 bytes that S3 allows, so that a path on disk stays short, too. */
const KEY_CHARS_MAX = 512

const PART = /^[A-Za-z0-9_-](?:[A-Za-z0-9._-]*[A-Za-z0-9_-])?$/
const PART_RULE = `1 to ${KEY_PART_CHARS_MAX} of A-Z a-z 0-9 . _ - and neither start nor end with a dot`

/** The full name of one object, for example `jobs/j1/final/manifest.json`. */
export const ObjectKey = z
  .string()
  .max(KEY_CHARS_MAX)
  .refine((key) => key.split('/').every(isKeyPart), {
    error: `every part of an object key must be ${PART_RULE}`,
  })
  .brand<'ObjectKey'>()
export type ObjectKey = z.infer<typeof ObjectKey>

/** The common start of several keys; always whole parts, so that job `1` never covers job `10`. */
export const ObjectPrefix = z
  .string()
  .max(KEY_CHARS_MAX)
  .refine((prefix) => prefix.endsWith('/') && prefix.slice(0, -1).split('/').every(isKeyPart), {
    error: `an object prefix must end with "/" and every part must be ${PART_RULE}`,
  })
  .brand<'ObjectPrefix'>()
export type ObjectPrefix = z.infer<typeof ObjectPrefix>

/** Name of one file within an attempt, as a worker may propose it: a single part of a key, so that each has one. */
export const AttemptFileName = z.string().max(KEY_PART_CHARS_MAX).regex(PART, `a file name must be ${PART_RULE}`)

/** The parts of a delivery. */
export const FINAL_FOLDERS = ['frames', 'outputs', 'video', 'previews'] as const
export type FinalFolder = (typeof FINAL_FOLDERS)[number]

/** Thrown when a key is asked for with a part that cannot be in one: a bug, or unchecked input. */
export class InvalidKeyPart extends Error {
  override readonly name = 'InvalidKeyPart'
  constructor(role: string, part: string) {
    super(`${role} ${JSON.stringify(part.slice(0, 120))} cannot be part of an object key: it must be ${PART_RULE}`)
  }
}

/** All that readiness checks wrote and did not delete. */
export const CHECKS_PREFIX = ObjectPrefix.parse('checks/')
/** All jobs, all blobs, and all resumable uploads. */
export const JOBS_PREFIX = ObjectPrefix.parse('jobs/')
export const BLOBS_PREFIX = ObjectPrefix.parse('blobs/sha256/')
export const UPLOADS_PREFIX = ObjectPrefix.parse('uploads/')

/** Key of an input by its SHA-256 in lower-case hex. Throws InvalidKeyPart when it is not one. */
export function blobKey(sha256: string): ObjectKey {
  if (!Sha256.safeParse(sha256).success) throw new InvalidKeyPart('the SHA-256', sha256)
  return key(`blobs/sha256/${sha256.slice(0, 2)}/${sha256}`)
}

/** The SHA-256 that a blob key names, or null when the key is not a blob's. */
export function parseBlobKey(text: string): { sha256: string } | null {
  const match = /^blobs\/sha256\/([0-9a-f]{2})\/([0-9a-f]{64})$/.exec(text)
  const sha256 = match?.[2]
  return sha256 !== undefined && sha256.startsWith(match?.[1] ?? '-') ? { sha256 } : null
}

/** What a readiness check writes, reads and deletes; `name` is one part of a key. */
export function checkKey(name: string): ObjectKey {
  return key(`checks/${checkedPart('name', name)}`)
}

/** Everything of one job. */
export function jobPrefix(jobId: string): ObjectPrefix {
  return prefix(`jobs/${checkedPart('job id', jobId)}/`)
}

/** The job that a key belongs to, or null when it belongs to none. */
export function parseJobOfKey(text: string): { jobId: string } | null {
  const [root, jobId, ...rest] = text.split('/')
  if (root !== 'jobs' || jobId === undefined || rest.length === 0) return null
  return ObjectKey.safeParse(text).success ? { jobId } : null
}

/** All that workers sent for one job. */
export function attemptsPrefix(jobId: string): ObjectPrefix {
  return prefix(`${jobPrefix(jobId)}attempts/`)
}

/** All that one lease may write: one task at one epoch (a whole number from 0). */
export function attemptPrefix(jobId: string, taskId: string, epoch: number): ObjectPrefix {
  if (!Number.isSafeInteger(epoch) || epoch < 0) throw new InvalidKeyPart('epoch', String(epoch))
  return prefix(`${attemptsPrefix(jobId)}${checkedPart('task id', taskId)}/${epoch}/`)
}

/** One file of one attempt. Throws InvalidKeyPart when a part is not allowed in a key. */
export function attemptKey(jobId: string, taskId: string, epoch: number, file: string): ObjectKey {
  return key(attemptPrefix(jobId, taskId, epoch) + checkedPart('file name', file))
}

/** The parts of an attempt's key, or null when the key is not an attempt's. */
export function parseAttemptKey(text: string): { jobId: string; taskId: string; epoch: number; file: string } | null {
  const [root, jobId, folder, taskId, epochText, file, ...rest] = text.split('/')
  if (root !== 'jobs' || folder !== 'attempts' || rest.length > 0) return null
  if (jobId === undefined || taskId === undefined || epochText === undefined || file === undefined) return null
  if (!/^(0|[1-9][0-9]{0,15})$/.test(epochText) || !ObjectKey.safeParse(text).success) return null
  const epoch = Number(epochText)
  return Number.isSafeInteger(epoch) ? { jobId, taskId, epoch, file } : null
}

/** What the artist gets of one job. */
export function finalPrefix(jobId: string): ObjectPrefix {
  return prefix(`${jobPrefix(jobId)}final/`)
}

/** One delivered file; `path` may have folders, for example `Layer/0001.png`. */
export function finalKey(jobId: string, folder: FinalFolder, path: string): ObjectKey {
  return key(`${finalPrefix(jobId)}${folder}/${checkedPath(path)}`)
}

/** The folder and path of a delivered file, or null when the key is not one (the manifest is not). */
export function parseFinalKey(text: string): { jobId: string; folder: FinalFolder; path: string } | null {
  const [root, jobId, final, folderText, ...rest] = text.split('/')
  const folder = FINAL_FOLDERS.find((name) => name === folderText)
  if (root !== 'jobs' || jobId === undefined || final !== 'final') return null
  if (folder === undefined || rest.length === 0 || !ObjectKey.safeParse(text).success) return null
  return { jobId, folder, path: rest.join('/') }
}

/** The manifest of one job's delivery. */
export function finalManifestKey(jobId: string): ObjectKey {
  return key(`${finalPrefix(jobId)}manifest.json`)
}

/** All intermediate files of one job, and one of them; `path` may have folders. */
export function workPrefix(jobId: string): ObjectPrefix {
  return prefix(`${jobPrefix(jobId)}work/`)
}
export function workKey(jobId: string, path: string): ObjectKey {
  return key(workPrefix(jobId) + checkedPath(path))
}

/** All records from which one job can be rebuilt, and one of them; `path` may have folders. */
export function journalPrefix(jobId: string): ObjectPrefix {
  return prefix(`${jobPrefix(jobId)}journal/`)
}
export function journalKey(jobId: string, path: string): ObjectKey {
  return key(journalPrefix(jobId) + checkedPath(path))
}

/** The path of a journal record, or null when the key is not one. */
export function parseJournalKey(text: string): { jobId: string; path: string } | null {
  const [root, jobId, folder, ...rest] = text.split('/')
  if (root !== 'jobs' || jobId === undefined || folder !== 'journal' || rest.length === 0) return null
  return ObjectKey.safeParse(text).success ? { jobId, path: rest.join('/') } : null
}

/** What of the farm itself is written down, by the folder it lies in. */
const FARM_FOLDERS = ['terms', 'scenes', 'tokens', 'deleted', 'ended'] as const
export type FarmFolder = (typeof FARM_FOLDERS)[number]

export function farmPrefix(folder: FarmFolder): ObjectPrefix {
  return prefix(`farm/${folder}/`)
}
export function farmKey(folder: FarmFolder, name: string): ObjectKey {
  return key(farmPrefix(folder) + checkedPart('name', name))
}

/** The name below its folder, or null when the key is not of this one. */
export function parseFarmKey(folder: FarmFolder, text: string): string | null {
  const start = farmPrefix(folder)
  return text.startsWith(start) && ObjectKey.safeParse(text).success ? text.slice(start.length) : null
}

export const FARM_WORKERS_KEY: ObjectKey = key('farm/workers.json')
export const CONDEMNED_FILES_KEY: ObjectKey = key('farm/condemned.json')

/** Behind every key of a job and before those of the next: where to go on listing when only the jobs matter. */
export function behindJob(jobId: string): string {
  return `${jobPrefix(jobId)}~`
}

/** Everything of one resumable upload, what of it goes when it is a scene, and one object of it. */
export function uploadPrefix(uploadId: string): ObjectPrefix {
  return prefix(`${UPLOADS_PREFIX}${checkedPart('upload id', uploadId)}/`)
}
export function uploadSentPrefix(uploadId: string): ObjectPrefix {
  return prefix(`${uploadPrefix(uploadId)}sent/`)
}
export function uploadKey(uploadId: string, path: string): ObjectKey {
  return key(uploadPrefix(uploadId) + checkedPath(path))
}

/** The upload and the path of an object of one, or null when the key is not one. */
export function parseUploadKey(text: string): { id: UploadId; name: string } | null {
  const [root, uploadId, ...rest] = text.split('/')
  const id = UploadId.safeParse(uploadId)
  return root === 'uploads' && id.success && rest.length > 0 ? { id: id.data, name: rest.join('/') } : null
}

function key(text: string): ObjectKey {
  return ObjectKey.parse(text)
}

function prefix(text: string): ObjectPrefix {
  return ObjectPrefix.parse(text)
}

function isKeyPart(part: string): boolean {
  return part.length <= KEY_PART_CHARS_MAX && PART.test(part)
}

function checkedPart(role: string, part: string): string {
  if (!isKeyPart(part)) throw new InvalidKeyPart(role, part)
  return part
}

function checkedPath(path: string): string {
  for (const part of path.split('/')) checkedPart('path', part)
  return path
}
