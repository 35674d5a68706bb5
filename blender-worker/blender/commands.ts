import type { PixelRectangle } from '../../shared/protocol/render-settings.ts'

/** What a job changes in the scene; absent means as the artist set it. Formats by the protocol's names or Blender's. */
export interface DriverSettings {
  readonly scene?: string | undefined
  readonly camera?: string | undefined
  readonly viewLayer?: string | undefined
  readonly engine?: string | undefined
  readonly samples?: number | undefined
  readonly resolution?:
    | { readonly width: number; readonly height: number }
    | { readonly percentage: number }
    | undefined
  readonly format?:
    | {
        readonly file: string
        readonly colorDepth?: string | undefined
        readonly colorMode?: string | undefined
        readonly quality?: number | undefined
      }
    | undefined
  readonly seed?: number | undefined
  /** Tiles only: renders samples `offset` up to, not including, `offset + count` of the scene's. */
  readonly sampleRange?: { readonly offset: number; readonly count: number } | undefined
}

/** Where the driver writes: absolute paths inside the scratch folder. */
export interface DriverOutputs {
  readonly final?: string
  /** 32-bit float multilayer EXR with all passes. */
  readonly raw?: string
  /** 8-bit PNG with the view transform. */
  readonly display?: string
  /** WAV of 16 bits: the scene's sound over the frames of `sound`. */
  readonly sound?: string
  /** Folder for what File Output nodes write; without it they are muted and named in the answer. */
  readonly extraDir?: string
}

/** Sound is mixed from the beginning of one frame to the end of another. */
interface MixedFrames {
  readonly first: number
  readonly last: number
}

/** The parameters of each command. */
export interface Commands {
  readonly probe: Record<never, never>
  readonly open: { readonly path: string }
  readonly inspect: {
    readonly settings?: DriverSettings
    /** First, last and step: frames whose files are looked at besides those of the scene's own range. */
    readonly frames?: readonly (readonly [number, number, number])[]
  }
  readonly render: {
    readonly mode: 'frame' | 'tile'
    readonly frame: number
    /** Begins from the file as it was saved where frames depend on one another. */
    readonly fresh?: boolean
    readonly settings?: DriverSettings
    readonly window?: PixelRectangle
    readonly outputs: DriverOutputs
    readonly sound?: MixedFrames
    readonly device?: string
    readonly threads?: number
  }
  readonly finish: {
    readonly frame: number
    readonly stitched: string
    readonly settings?: DriverSettings
    readonly outputs: DriverOutputs
    readonly sound?: MixedFrames
    readonly threads?: number
  }
  readonly quit: Record<never, never>
}
