/*
 * A scene as a multipart form: for curl and for everything that has no tus. The file goes straight to disk, hashed on
 * its way, and never more of it than the limit.
 */
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { MultipartFile } from '@fastify/multipart'
import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import { RefusalError } from '../../../shared/protocol/errors.ts'
import { Sha256 } from '../../../shared/protocol/ids.ts'
import { LIMITS } from '../../../shared/protocol/limits.ts'
import { diskOutage } from './disk-outage.ts'
import { HashingStream } from './file-hash.ts'

/** The fields of the form besides the file. */
export const SceneFields = z.strictObject({
  sha256: z.string().toLowerCase().pipe(Sha256).optional(),
  name: z.string().min(1).max(LIMITS.nameLengthMax).optional(),
  main: z.string().min(1).max(LIMITS.pathLengthMax).optional(),
})

export interface ReceivedFile {
  readonly filePath: string
  readonly bytes: number
  readonly sha256: Sha256
  readonly fileName: string
}

/** What multipart framing and the other fields may add to the file: field values of some KiB and headers. */
const FORM_OVERHEAD_BYTES = 64 * 1024
const FIELDS_MAX = 8

/**
 * Takes the form apart into `folder`. Throws a RefusalError: too_large, upload_cut when the sender went away, or
 * bad_request when a field is missing, unknown or not of its form. What it wrote is the caller's to remove.
 */
export async function receiveForm(
  request: FastifyRequest,
  folder: string,
  sceneBytesMax: number,
): Promise<{ file: ReceivedFile; fields: z.infer<typeof SceneFields> }> {
  if (!request.isMultipart())
    throw new RefusalError(
      'unsupported_media_type',
      'send the scene as multipart/form-data, for example: curl -F scene=@file.blend',
    )
  if (Number(request.headers['content-length'] ?? 0) > sceneBytesMax + FORM_OVERHEAD_BYTES)
    throw tooLarge(sceneBytesMax)
  const values: Record<string, unknown> = {}
  let file: ReceivedFile | undefined
  try {
    const limits = {
      fileSize: sceneBytesMax,
      files: 1,
      fields: FIELDS_MAX,
      fieldSize: LIMITS.pathLengthMax * 4,
      parts: FIELDS_MAX + 1,
    }
    for await (const part of request.parts({ limits })) {
      if (part.type === 'field') {
        if (part.fieldname === 'scene')
          throw new RefusalError(
            'bad_request',
            'body.scene: must be a file, not a value; with curl: -F scene=@file.blend',
          )
        if (Object.hasOwn(values, part.fieldname))
          throw new RefusalError('bad_request', `body.${part.fieldname}: was sent twice`)
        values[part.fieldname] = part.value
      } else if (part.fieldname === 'scene') {
        file = await keep(part, join(folder, 'scene'))
      } else {
        throw new RefusalError(
          'bad_request',
          `body.${part.fieldname.slice(0, 100)}: the form takes one file, in the field "scene"`,
        )
      }
    }
  } catch (error) {
    throw refusalOf(error, request, sceneBytesMax)
  }
  if (file === undefined)
    throw new RefusalError('bad_request', 'body.scene: is missing; send the file with curl -F scene=@file.blend')
  const fields = SceneFields.safeParse(values)
  if (!fields.success)
    throw new RefusalError(
      'bad_request',
      fields.error.issues
        .map((issue) => `body.${issue.path.join('.')}: ${issue.message}`)
        .join('; ')
        .slice(0, 1_000),
    )
  return { file, fields: fields.data }
}

async function keep(part: MultipartFile, filePath: string): Promise<ReceivedFile> {
  const hashing = new HashingStream()
  await pipeline(part.file, hashing, createWriteStream(filePath, { flags: 'wx' }))
  return { filePath, bytes: hashing.bytes, sha256: hashing.sha256(), fileName: part.filename }
}

function tooLarge(sceneBytesMax: number): RefusalError {
  return new RefusalError(
    'too_large',
    `a scene may have at most ${sceneBytesMax} bytes; take out what the render does not need, or ask the operator`,
  )
}

/** The parser's own errors by their code, in words for the sender. */
function refusalOf(error: unknown, request: FastifyRequest, sceneBytesMax: number): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  switch (code) {
    case 'FST_REQ_FILE_TOO_LARGE':
      return tooLarge(sceneBytesMax)
    case 'FST_FILES_LIMIT':
      return new RefusalError(
        'bad_request',
        'body.scene: the form takes one file; pack a project of several into a .zip',
      )
    case 'FST_FIELDS_LIMIT':
    case 'FST_PARTS_LIMIT':
      return new RefusalError(
        'bad_request',
        `body: the form has more than ${FIELDS_MAX} fields; it takes scene, sha256, name and main`,
      )
    case 'FST_PROTO_VIOLATION':
      return new RefusalError('bad_request', 'body: a field has a name that is not allowed')
  }
  if (error instanceof RefusalError) return error
  const translated = diskOutage(error)
  if (translated !== error) return translated
  if (request.raw.destroyed && !request.raw.complete)
    return new RefusalError(
      'upload_cut',
      'the connection ended before the whole file had arrived; send it again, or use /v1/uploads, which can go on',
    )
  // Of the parser only: whatever it cannot follow is not a form.
  return new RefusalError(
    'bad_request',
    `body: the form is incomplete or damaged (${error instanceof Error ? error.message : 'unknown'})`,
  )
}
