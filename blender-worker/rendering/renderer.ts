import type { Inspection } from '../../shared/protocol/inspection.ts'
import type { PixelRectangle, RenderSettings } from '../../shared/protocol/render-settings.ts'
import type { FileRole } from '../../shared/protocol/task.ts'
import type { DeviceKind } from '../../shared/protocol/worker.ts'

export interface ProbedBlender {
  readonly version: string
  readonly buildHash: string
  readonly path: string
  readonly engines: readonly string[]
  readonly hasDenoiser: boolean
  readonly devices: readonly { readonly kind: DeviceKind; readonly name: string }[]
}

export interface RenderedFile {
  readonly role: FileRole
  readonly path: string
  /** Of an extra file: its path as the artist knows it, and which node and input wrote it, empty where none did. */
  readonly place?: { readonly path: string; readonly node: string; readonly slot: string }
}

/** What one frame came to. */
export interface Rendered {
  readonly files: readonly RenderedFile[]
  readonly renderSeconds: number
  readonly peakMemoryBytes: number
}

export interface RenderProgress {
  readonly samplesDone: number
  readonly samplesTotal: number
  readonly secondsLeft?: number | undefined
}

interface FrameRequest {
  readonly frame: number
  readonly settings: RenderSettings
  /** Undefined leaves the choice to the scene. */
  readonly device: DeviceKind | undefined
  /** CPU threads; undefined for all. */
  readonly threads: number | undefined
  /** An empty folder that takes what is written. */
  readonly folder: string
  /** The scene's sound is mixed over these frames, too. */
  readonly sound?: { readonly first: number; readonly last: number } | undefined
}

export interface RenderRequest extends FrameRequest {
  /** The first frame of a task: what this Blender simulated before must not show. */
  readonly startsAnew: boolean
  /** A tile (only the raw file, compositor off); undefined for the whole frame. */
  readonly window: PixelRectangle | undefined
  /** Of a tile: only these of its samples; undefined for all. */
  readonly sampleRange: { readonly offset: number; readonly count: number } | undefined
  /** Also write an 8-bit view of the final image. */
  readonly display: boolean
}

export interface FinishRequest extends FrameRequest {
  readonly stitchedPath: string
  readonly display: boolean
}

/** Called with each sign of life; without figures where Blender only says that it is busy. */
export type OnProgress = (progress?: RenderProgress) => void

/**
 * One Blender, one command at a time. Commands throw WorkFailure. `close` may come at any time, kills what runs, and
 * makes a pending command reject; a closed renderer stays closed.
 */
export interface Renderer {
  probe(): Promise<ProbedBlender>
  /** Loads a scene for the commands that follow; cheap when it is loaded already. */
  open(blendPath: string, onProgress: OnProgress): Promise<void>
  /** What Blender says of the open scene; renders nothing. */
  inspect(settings: RenderSettings, frames: string | undefined, onProgress: OnProgress): Promise<Inspection>
  render(request: RenderRequest, onProgress: OnProgress): Promise<Rendered>
  finish(request: FinishRequest, onProgress: OnProgress): Promise<Rendered>
  close(): Promise<void>
}

/** Makes a renderer that writes only below `scratchFolder`; Blender itself starts with the first command. */
/** `ocio`: path of the OpenColorIO configuration that its Blender uses instead of its own. */
export type NewRenderer = (scratchFolder: string, ocio?: string) => Renderer
