/** Why a .blend cannot be read; stable, shown to whoever handed the file in. */
export type BlendRefusalCode =
  | 'not_a_blend'
  | 'blend_truncated'
  | 'blend_corrupt'
  | 'blend_too_large'
  | 'blend_big_endian'
  | 'blend_unsupported_format'
  | 'blend_no_scene'

/**
 * Leaves the reader from any depth; readBlend turns it into a refusal, so it never reaches a caller.
 * A value would have to be passed up through every push and every field read.
 */
export class BlendFault extends Error {
  readonly code: BlendRefusalCode

  constructor(code: BlendRefusalCode, message: string) {
    super(message)
    this.name = 'BlendFault'
    this.code = code
  }
}
