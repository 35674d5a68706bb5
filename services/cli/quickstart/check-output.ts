/*
 * Looks at what a job delivered as an artist would: every file that the manifest names is there with its hash, every
 * image and the video decode to the last pixel and frame, and all agree about sizes and numbers.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { promisify } from 'node:util'
import sharp from 'sharp'
import { Manifest } from '../../../shared/protocol/manifest.ts'
import { CommandFailure, EXIT_CODES } from '../exit-codes.ts'

/** What was found to be good. */
export interface CheckedOutput {
  readonly manifest: Manifest
  readonly frames: number
  readonly files: number
  /** Path of the video below the folder; null when the job has none. */
  readonly video: string | null
}

interface Expected {
  readonly frames: number
  readonly environment: NodeJS.ProcessEnv
}

/** Throws a failure that names the first file that is not as it should be. */
export async function checkOutput(folder: string, { frames, environment }: Expected): Promise<CheckedOutput> {
  const manifest = await readManifest(join(folder, 'manifest.json'))
  const { plan } = manifest
  if (manifest.frames.length !== frames)
    throw bad('manifest.json', `tells of ${manifest.frames.length} frames, ${frames} were asked for`)
  const files = [...manifest.files, ...manifest.frames.flatMap((frame) => frame.files)]
  for (const { path, bytes, sha256 } of files) {
    const content = await readFile(join(folder, path)).catch(() => null)
    if (content === null) throw bad(path, 'is not there')
    if (content.length !== bytes || createHash('sha256').update(content).digest('hex') !== sha256)
      throw bad(path, 'is not what the manifest says')
  }
  for (const frame of manifest.frames) {
    const image = frame.files.find(({ path }) => path.startsWith('frames/'))
    if (image === undefined) throw bad('manifest.json', `names no image for frame ${frame.number}`)
    await checkImage(folder, image.path, plan)
  }
  for (const { path } of files.filter((file) => file.path.startsWith('previews/'))) await checkImage(folder, path, null)
  const video = manifest.files.find(({ path }) => path.startsWith('video/'))?.path ?? null
  if (plan.video !== 'none' && video === null)
    throw bad('manifest.json', `names no video, though ${plan.video} was asked for`)
  if (video !== null) await checkVideo(folder, video, frames, environment)
  return { manifest, frames, files: files.length + 1, video }
}

async function readManifest(path: string): Promise<Manifest> {
  const text = await readFile(path, 'utf8').catch(() => null)
  if (text === null) throw bad('manifest.json', 'is not there')
  const parsed = Manifest.safeParse(JSON.parse(text))
  if (parsed.success) return parsed.data
  throw bad(
    'manifest.json',
    `is not a valid manifest: ${parsed.error.issues[0]?.path.join('.')}: ${parsed.error.issues[0]?.message}`,
  )
}

async function checkImage(folder: string, path: string, size: { width: number; height: number } | null): Promise<void> {
  try {
    const { data, info } = await sharp(join(folder, path), { failOn: 'warning' })
      .raw()
      .toBuffer({ resolveWithObject: true })
    if (size !== null && (info.width !== size.width || info.height !== size.height))
      throw new Error(`it has ${info.width} x ${info.height} pixels instead of ${size.width} x ${size.height}`)
    if (data.every((value) => value === data[0])) throw new Error('all of its pixels have the same color')
  } catch (error) {
    throw bad(path, `is not a usable image: ${error instanceof Error ? error.message : String(error)}`)
  }
}

// One line for each decoded frame, and an error for each that does not decode.
async function checkVideo(folder: string, path: string, frames: number, environment: NodeJS.ProcessEnv): Promise<void> {
  const { stdout, stderr } = await promisify(execFile)(
    findFfmpeg(environment),
    ['-v', 'error', '-i', join(folder, path), '-map', '0:v:0', '-f', 'framecrc', '-'],
    { maxBuffer: 64 * 1024 * 1024 },
  ).catch((error: unknown) => {
    throw bad(path, `does not decode: ${error instanceof Error ? error.message : String(error)}`)
  })
  if (stderr.trim() !== '') throw bad(path, `does not decode cleanly: ${stderr.trim()}`)
  const decoded = stdout.split('\n').filter((line) => line.startsWith('0,')).length
  if (decoded !== frames) throw bad(path, `has ${decoded} frames, ${frames} were rendered`)
}

function findFfmpeg(environment: NodeJS.ProcessEnv): string {
  if (environment['TILEWORK_FFMPEG'] !== undefined && environment['TILEWORK_FFMPEG'] !== '')
    return environment['TILEWORK_FFMPEG']
  const packaged: unknown = createRequire(import.meta.url)('ffmpeg-static')
  return typeof packaged === 'string' && existsSync(packaged) ? packaged : 'ffmpeg'
}

function bad(path: string, what: string): CommandFailure {
  return new CommandFailure(EXIT_CODES.failed, 'output_invalid', `${path} ${what}`)
}
