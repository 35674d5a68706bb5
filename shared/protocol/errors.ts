/**
 * The error catalogue: every refusal that leaves the farm has one of these codes. `status` is the HTTP status of
 * its `application/problem+json`; `retry` says whether the same request may succeed later.
 */
export const ERRORS = {
  // what was asked for
  bad_request: { status: 400, retry: false, title: 'The request is not of the form this route takes' },
  unauthorized: { status: 401, retry: false, title: 'No token, or one this farm does not know' },
  forbidden: { status: 403, retry: false, title: 'The token does not allow this' },
  not_found: { status: 404, retry: false, title: 'Not found' },
  conflict: { status: 409, retry: false, title: 'Not possible in its present state' },
  idempotency_mismatch: { status: 422, retry: false, title: 'The Idempotency-Key was used for another request' },
  too_large: { status: 413, retry: false, title: 'More bytes than the limit allows' },
  unsupported_media_type: { status: 415, retry: false, title: 'The body is of a type this route does not take' },
  rate_limited: { status: 429, retry: true, title: 'Too many requests from this address' },
  // scenes
  upload_hash_mismatch: { status: 422, retry: true, title: 'The bytes that came do not have the declared hash' },
  upload_cut: { status: 422, retry: true, title: 'Fewer bytes came than were declared' },
  not_a_scene: { status: 422, retry: false, title: 'The file is neither a .blend nor a .zip' },
  blend_invalid: { status: 422, retry: false, title: 'The .blend cannot be read' },
  zip_invalid: { status: 422, retry: false, title: 'The project archive was refused' },
  project_incomplete: { status: 422, retry: false, title: 'Files of the project were not sent yet' },
  // jobs
  scene_unknown: { status: 422, retry: false, title: 'No scene with this hash was uploaded' },
  scene_missing_files: { status: 422, retry: false, title: 'The scene links to files that are not there' },
  scene_color_unknown: {
    status: 422,
    retry: false,
    title: 'The scene has a view, look, display or color space that Blender does not know',
  },
  scene_no_camera: { status: 422, retry: false, title: 'The scene has no camera' },
  scene_not_in_file: { status: 422, retry: false, title: 'The file has no scene of this name' },
  camera_unknown: { status: 422, retry: false, title: 'The scene has no camera of this name' },
  view_layer_unknown: { status: 422, retry: false, title: 'The scene has no view layer of this name' },
  engine_unknown: { status: 422, retry: false, title: 'Blender has no render engine as the scene names it' },
  ocio_invalid: { status: 422, retry: false, title: 'The OpenColorIO configuration cannot be used' },
  blender_too_old: { status: 422, retry: false, title: 'The job allows no Blender that may render the scene' },
  frames_invalid: { status: 422, retry: false, title: 'The frame range cannot be understood' },
  frames_empty: { status: 422, retry: false, title: 'The frame range holds no frame' },
  frames_too_many: { status: 422, retry: false, title: 'More frames than one job may have' },
  tiles_invalid: { status: 422, retry: false, title: 'The frame cannot be cut into these tiles' },
  tiles_not_exact: { status: 422, retry: false, title: 'Tiles of this scene would not give the same pixels' },
  samples_invalid: { status: 422, retry: false, title: 'The samples cannot be split into these ranges' },
  samples_not_splittable: { status: 422, retry: false, title: 'The samples of this scene cannot be split' },
  frames_not_apart: {
    status: 422,
    retry: false,
    title: 'The frames depend on one another and cannot be rendered apart',
  },
  resolution_invalid: { status: 422, retry: false, title: 'The resolution cannot be rendered' },
  format_invalid: { status: 422, retry: false, title: 'The output format cannot hold what was asked for' },
  too_many_tasks: { status: 422, retry: false, title: 'The job would have more tasks than the limit' },
  files_too_many: { status: 422, retry: false, title: 'File Output nodes write more files than the limit' },
  too_many_jobs: { status: 429, retry: true, title: 'Too many jobs are open, on this farm or of this owner' },
  // while a job runs
  poison_scene: { status: 422, retry: false, title: 'Blender cannot render this scene, whichever worker tries' },
  tries_exhausted: { status: 422, retry: false, title: 'A task failed too many times' },
  result_disputed: { status: 422, retry: false, title: 'Workers disagree about a result and nobody could settle it' },
  scene_not_repeatable: { status: 422, retry: false, title: 'The scene comes out otherwise each time it is rendered' },
  comparison_failed: { status: 500, retry: true, title: 'Two renderings of a task could not be compared' },
  assembly_failed: { status: 500, retry: true, title: 'A frame could not be put together' },
  encode_failed: { status: 500, retry: true, title: 'The video could not be made' },
  // workers
  lease_stale: {
    status: 409,
    retry: false,
    title: 'The lease is over; the task belongs to somebody else or to nobody',
  },
  lease_unknown: { status: 409, retry: false, title: 'This task was never leased to this worker' },
  bad_message: { status: 400, retry: false, title: 'Not a message of this protocol' },
  protocol_version: { status: 426, retry: false, title: 'The worker speaks another version of the protocol' },
  result_invalid: { status: 422, retry: false, title: 'The result does not have the files that the task asked for' },
  upload_incomplete: {
    status: 422,
    retry: true,
    title: 'A file of the result is not in the store with the declared length',
  },
  // the farm
  redis_unavailable: { status: 503, retry: true, title: 'The farm state cannot be reached' },
  farm_state_lost: {
    status: 503,
    retry: true,
    title: 'Redis was emptied; the farm state must be recovered from the object store',
  },
  store_unavailable: { status: 503, retry: true, title: 'The object store cannot be reached' },
  ffmpeg_missing: { status: 500, retry: false, title: 'ffmpeg is not installed' },
  internal: { status: 500, retry: true, title: 'Something broke here; it was logged' },
} as const satisfies Record<string, { status: number; retry: boolean; title: string }>

export type ErrorCode = keyof typeof ERRORS
export const ERROR_CODES = Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]]

/**
 * A refusal as a value: an expected "no" that the caller handles. `code` is one of the catalogue wherever it may leave
 * the farm; `detail` says what is wrong, where, and what to do about it.
 */
export interface Refusal<Code extends string = ErrorCode> {
  readonly ok: false
  readonly code: Code
  readonly detail: string
}

/** What a function gives that can be refused: the value, or a refusal. Outages are thrown instead. */
export type Result<T, Code extends string = ErrorCode> = { readonly ok: true; readonly value: T } | Refusal<Code>

/** Wraps a value as a granted result. */
export function ok<T>(value: T): { readonly ok: true; readonly value: T } {
  return { ok: true, value }
}

/** Makes a refusal; the detail says what is wrong, where, and what to do about it. */
export function refuse<Code extends string>(code: Code, detail: string): Refusal<Code> {
  return { ok: false, code, detail }
}

/** A refusal on its way through code that can only throw; turned back into problem+json at the rim. */
export class RefusalError extends Error {
  readonly code: ErrorCode
  constructor(code: ErrorCode, detail: string) {
    super(detail)
    this.name = 'RefusalError'
    this.code = code
  }
}
