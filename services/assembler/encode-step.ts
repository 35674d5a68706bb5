import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { displayPath, frameFileName } from '../../shared/domain/file-names.ts'
import { needsDisplay } from '../../shared/domain/task/expected-files.ts'
import { parseFrames } from '../../shared/domain/splitting/frames.ts'
import { reportEncoded, reportStepFailed } from '../../shared/engine/results/step-reports.ts'
import { type JobId, Sha256 } from '../../shared/protocol/ids.ts'
import type { JobRecord } from '../../shared/protocol/job.ts'
import { finalKey, finalManifestKey, type ObjectKey, workKey } from '../../shared/protocol/object-keys.ts'
import type { FinalFile } from '../../shared/protocol/task.ts'
import type { AssemblerContext } from './context.ts'
import { manifestText } from './manifest.ts'

const VIDEO_TYPES = { mp4: 'video/mp4', webm: 'video/webm' } as const

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
  container: 'mp4' | 'webm',
  dir: string,
  signal: AbortSignal,
): Promise<FinalFile | null> {
  const frames = parseFrames(job.plan.frames)
  if (!frames.ok) throw new Error(`job ${job.id}: stored frames do not parse: ${frames.detail}`)
  const images: string[] = []
  for (const frame of frames.frames) {
    const extension = needsDisplay(job.plan) ? 'png' : frameFileName(frame, job.plan.format).split('.').at(-1)
    const path = join(dir, `${String(images.length).padStart(6, '0')}.${extension}`)
    const key: ObjectKey = needsDisplay(job.plan)
      ? workKey(job.id, displayPath(frame))
      : finalKey(job.id, 'frames', frameFileName(frame, job.plan.format))
    const download = await engine.objects.download(key, path, { bytesMax: Number.MAX_SAFE_INTEGER, signal })
    if (!download.ok) throw new Error(`frame ${frame}: ${download.message}`)
    images.push(path)
  }
  const output = join(dir, `video.${container}`)
  const encoded = await video.encode({ images, fps: job.plan.fps, container, outputPath: output, signal })
  if (!encoded.ok) {
    await reportStepFailed(engine, job.id, encoded.code, encoded.message)
    return null
  }
  const name = `${fileNameOf(job.name)}.${container}`
  const put = await engine.objects.put(
    finalKey(job.id, 'video', name),
    { filePath: output },
    { contentType: VIDEO_TYPES[container] },
  )
  if (!put.ok) throw new Error(`the video was not stored: ${put.message}`)
  return {
    path: `video/${name}`,
    bytes: put.bytes,
    sha256: Sha256.parse(put.sha256),
    contentType: VIDEO_TYPES[container],
  }
}

/** A job's name as a file name: letters, digits, dash and underscore; `.blend` and `.zip` left out. */
function fileNameOf(name: string): string {
  const plain = name
    .replace(/\.(blend|zip)$/i, '')
    .replace(/[^A-Za-z0-9_-]+/g, '-')
    .replace(/^-+|-+$/g, '')
  return plain.slice(0, 60) || 'video'
}
