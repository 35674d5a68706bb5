// What a scanline OpenEXR file is made of, and how much of it we are ready to read.
// The files come from machines that nobody trusts, so every limit here is checked before memory is
// taken for what the file claims.

export const EXR_MAGIC = 20000630
export const EXR_VERSION = 2

/** Bits of the version field above the version number. */
export const EXR_FLAG = { tiled: 0x200, longNames: 0x400, deep: 0x800, multipart: 0x1000 } as const

/** Bytes of an attribute or channel name: 31, or 255 where the file says that it has long names. */
export const EXR_NAME_BYTES_MAX = { short: 31, long: 255 } as const

/** Blender renders at most 65,536 px a side; nothing that it writes is larger. */
export const EXR_SIDE_PX_MAX = 65_536

/** Pixels of one image: 32,768 x 32,768, four times the largest still that the farm promises to stitch. */
export const EXR_PIXELS_MAX = 2 ** 30

/** Channels of one image. The fullest Blender scene (all passes, several view layers) has a few hundred. */
export const EXR_CHANNELS_MAX = 1024

/** Bytes of the header. Cryptomatte manifests name every object of a scene: a few MiB in large ones. */
export const EXR_HEADER_BYTES_MAX = 32 * 1024 * 1024

/** Parts of one file. Blender 5 writes one for each pass of each layer and view; each has at least one channel. */
export const EXR_PARTS_MAX = 1024

/** Attributes of all parts together: the first has those of the file, each of the others about fifteen. */
export const EXR_ATTRIBUTES_OF_PARTS_MAX = 32 * EXR_PARTS_MAX

/** Blocks of all parts together, whose places are kept while the file is open: 32 MiB of them. */
export const EXR_BLOCKS_MAX = 2 ** 22

/** Attributes of one header. Blender writes about twenty, and three per Cryptomatte layer. */
export const EXR_ATTRIBUTES_MAX = 4096

/** Bytes of one decoded block (16 rows under ZIP): 64 float channels at the widest side. */
export const EXR_BLOCK_BYTES_MAX = 256 * 1024 * 1024

export type ExrSampleType = 'uint' | 'half' | 'float'
export const EXR_SAMPLE_BYTES: Readonly<Record<ExrSampleType, number>> = { uint: 4, half: 2, float: 4 }

export type ExrCompression = 'none' | 'rle' | 'zips' | 'zip'
export const EXR_ROWS_PER_BLOCK: Readonly<Record<ExrCompression, number>> = { none: 1, rle: 1, zips: 1, zip: 16 }

/** The order in which the blocks lie in the file; the offset table always goes from top to bottom. */
export type ExrLineOrder = 'increasing' | 'decreasing'

/** One header attribute, its value as the very bytes of the file. */
export interface ExrAttribute {
  readonly name: string
  readonly type: string
  readonly value: Buffer
}

export interface ExrChannel {
  readonly name: string
  readonly type: ExrSampleType
}

/** A window with both corners inside it, as the format stores it; y grows downwards. */
export interface ExrBox {
  readonly xMin: number
  readonly yMin: number
  readonly xMax: number
  readonly yMax: number
}

/** A header: the attributes as they are in the file, and what follows from them. */
export interface ExrHeader {
  readonly longNames: boolean
  readonly attributes: readonly ExrAttribute[]
  readonly channels: readonly ExrChannel[]
  readonly compression: ExrCompression
  readonly lineOrder: ExrLineOrder
  readonly dataWindow: ExrBox
  readonly displayWindow: ExrBox
  /** Pixels of the data window. */
  readonly width: number
  readonly height: number
  /** Bytes of one pixel, all channels together. */
  readonly pixelBytes: number
  readonly rowBytes: number
  readonly rowsPerBlock: number
  readonly blockCount: number
}

/**
 * Why a file is not read. `not_exr`: it is something else. `unsupported`: sound, but of a kind that we
 * do not read (tiled, deep, parts that are not one image, other compressions). `truncated`: it ends too early or was
 * never finished. `corrupt`: it contradicts itself. `too_large`: it claims more than a limit allows.
 */
export type ExrRefusalCode = 'not_exr' | 'unsupported' | 'truncated' | 'corrupt' | 'too_large'

export interface ExrRefusal {
  readonly ok: false
  readonly code: ExrRefusalCode
  readonly message: string
}

/** A refusal as a value; the message says what is wrong and where. */
export function refuseExr(code: ExrRefusalCode, message: string): ExrRefusal {
  return { ok: false, code, message }
}

/** Rows held by block `index`: a full block's worth, fewer in the last one. */
export function rowsInBlock(header: ExrHeader, index: number): number {
  return Math.min(header.rowsPerBlock, header.height - index * header.rowsPerBlock)
}

/** Bytes of block `index` when decoded. */
export function decodedBlockBytes(header: ExrHeader, index: number): number {
  return rowsInBlock(header, index) * header.rowBytes
}
