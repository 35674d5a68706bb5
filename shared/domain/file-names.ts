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
