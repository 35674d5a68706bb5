import type { Engine } from '../../shared/engine/context.ts'
import type { Imaging, VideoEncoder } from '../../shared/ports/imaging.ts'

export interface AssemblerContext {
  readonly engine: Engine
  readonly imaging: Imaging
  readonly video: VideoEncoder
  /** A folder for intermediate files; every step removes its own. */
  readonly scratchDir: string
}
