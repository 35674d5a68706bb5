import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { displayPath, frameFileName, SOUND_PATH, videoName } from '../../shared/domain/file-names.ts'
import { needsDisplay } from '../../shared/domain/task/expected-files.ts'
import { parseFrames } from '../../shared/domain/splitting/frames.ts'
import { reportEncoded, reportStepFailed } from '../../shared/engine/results/step-reports.ts'
import { contentTypeOfKey } from '../../shared/protocol/content-types.ts'
import { finalPathKey } from '../../shared/protocol/final-path.ts'
import { type JobId, Sha256 } from '../../shared/protocol/ids.ts'
import type { JobRecord } from '../../shared/protocol/job.ts'
import { MOVIE_ENDINGS } from '../../shared/protocol/movie.ts'
import { finalKey, finalManifestKey, type ObjectKey, workKey } from '../../shared/protocol/object-keys.ts'
import type { FinalFile } from '../../shared/protocol/task.ts'
import type { AssemblerContext } from './context.ts'
import { manifestText } from './manifest.ts'

/** Makes the video of a job and its manifest, the last file to appear in `final/`; then the job is completed. */
export async function encodeJob(context: AssemblerContext, jobId: JobId, signal: AbortSignal): Promise<void> {
  const { engine, scratchDir } = context
  const versioned = await engine.store.job(jobId)
  if (versioned === null || versioned.value.state !== 'encoding') return
  const job = versioned.value
  const dir = await mkdtemp(join(scratchDir, 'encode-'))
  try {
    const files: FinalFile[] = []
    if (job.plan.video !== 'none') {
      const video = await makeVideo(context, job, job.plan.video, dir, signal)
      if (video === null) return
      files.push(video)
    }
    const manifest = join(dir, 'manifest.json')
    await pipeline(manifestText(engine, job, files), createWriteStream(manifest), { signal })
    const put = await engine.objects.put(
      finalManifestKey(jobId),
      { filePath: manifest },
      { contentType: 'application/json' },
    )
    if (!put.ok) throw new Error(`the manifest was not stored: ${put.message}`)
    files.push({
      path: 'manifest.json',
      bytes: put.bytes,
      sha256: Sha256.parse(put.sha256),
      contentType: 'application/json',
    })
    await reportEncoded(engine, jobId, files)
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

/** Null when the job was stopped because the video cannot be made. */
async function makeVideo(
  { engine, video }: AssemblerContext,
  job: JobRecord,
  kind: 'mp4' | 'webm' | 'scene',
  dir: string,
  signal: AbortSignal,
): Promise<FinalFile | null> {
  const { plan } = job
  const frames = parseFrames(plan.frames)
  if (!frames.ok) throw new Error(`job ${job.id}: stored frames do not parse: ${frames.detail}`)
  const fetch = async (key: ObjectKey, path: string, what: string): Promise<void> => {
    const download = await engine.objects.download(key, path, { bytesMax: Number.MAX_SAFE_INTEGER, signal })
    if (!download.ok) throw new Error(`${what}: ${download.message}`)
  }
  const images: string[] = []
  for (const frame of frames.frames) {
    const extension = needsDisplay(plan) ? 'png' : frameFileName(frame, plan.format).split('.').at(-1)
    const path = join(dir, `${String(images.length).padStart(6, '0')}.${extension}`)
    const key: ObjectKey = needsDisplay(plan)
      ? workKey(job.id, displayPath(frame))
      : finalKey(job.id, 'frames', frameFileName(frame, plan.format))
    await fetch(key, path, `frame ${frame}`)
    images.push(path)
  }
  const mixed = join(dir, 'mixed.wav')
  if (plan.sound !== undefined) await fetch(workKey(job.id, SOUND_PATH), mixed, 'the sound')
  const as = kind === 'scene' ? (plan.movie ?? 'mp4') : kind
  const ending = typeof as === 'string' ? as : MOVIE_ENDINGS[as.container]
  const output = join(dir, `video.${ending}`)
  const encoded = await video.encode({
    images,
    rate: plan.movie?.rate ?? fractionOf(plan.fps),
    as,
    ...(plan.sound === undefined ? {} : { sound: { ...plan.sound, path: mixed, frames: frames.frames } }),
    outputPath: output,
    signal,
  })
  if (!encoded.ok) {
    await reportStepFailed(engine, job.id, encoded.code, encoded.message)
    return null
  }
  const path = `video/${videoName(job.name, ending)}`
  const [key, contentType] = [finalPathKey(job.id, path), contentTypeOfKey(path)]
  if (key === null) throw new Error(`${path} is no path of a delivered file`)
  const put = await engine.objects.put(key, { filePath: output }, { contentType })
  if (!put.ok) throw new Error(`the video was not stored: ${put.message}`)
  return { path, bytes: put.bytes, sha256: Sha256.parse(put.sha256), contentType }
}

/** Frames per second as a fraction: the rates of film and television that are a thousandth slower, else decimals. */
function fractionOf(fps: number): { numerator: number; denominator: number } {
  const slower = Math.round(fps * 1.001)
  if (Math.abs(slower / 1.001 - fps) < 1e-4 && !Number.isInteger(fps))
    return { numerator: slower * 1_000, denominator: 1_001 }
  return Number.isInteger(fps)
    ? { numerator: fps, denominator: 1 }
    : { numerator: Math.round(fps * 100_000), denominator: 100_000 }
}
