import { nameForFile } from '../protocol/final-path.ts'
import type { ResultFile } from '../protocol/task.ts'
import { IMAGE_EXTENSIONS, type ImageFormat } from '../protocol/render-settings.ts'

/** `0012`, `m0012` for frame -12: at least four digits, so that names sort as frames do. */
export function frameName(frame: number): string {
  return `${frame < 0 ? 'm' : ''}${String(Math.abs(frame)).padStart(4, '0')}`
}

/** The delivered image of a frame, below `final/frames/`. */
export function frameFileName(frame: number, format: ImageFormat): string {
  return `${frameName(frame)}.${IMAGE_EXTENSIONS[format]}`
}

/**
 * Where an extra file is delivered: what File Output nodes wrote below `outputs/`, other views and previews
 * beside their frame.
 */
export function extraPath({ name, place }: Pick<ResultFile, 'name' | 'place'>): string {
  if (place === undefined) return `frames/${name}`
  return `${place.node === undefined ? 'frames' : 'outputs'}/${place.path}`
}

/** The stitched float image of a frame, below `work/`. */
export function stitchedPath(frame: number): string {
  return `stitched/${frameName(frame)}.exr`
}

/** The 8-bit view of a float frame, below `work/`: what the video is made of. */
export function displayPath(frame: number): string {
  return `display/${frameName(frame)}.png`
}

/** The sound of the whole movie, below `work/`. */
export const SOUND_PATH = 'sound.wav'

/** Bytes of a video's name before its ending; a browser or a folder in the way may want some of the 255. */
const VIDEO_NAME_BYTES_MAX = 200

/** The video of a job, below `final/video/`: the job's name in its own letters, `.blend` and `.zip` left out. */
export function videoName(jobName: string, ending: string): string {
  const stem = nameForFile(jobName.replace(/\.(blend|zip)$/i, '').trim(), VIDEO_NAME_BYTES_MAX)
  return `${/^[._ ]*$/.test(stem) ? 'video' : stem}.${ending}`
}
