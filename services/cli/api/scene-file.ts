import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { Sha256 } from '../../../shared/protocol/ids.ts'
import { LIMITS } from '../../../shared/protocol/limits.ts'
import { CommandFailure, EXIT_CODES, usageFailure } from '../exit-codes.ts'

/** A .blend or .zip on this machine. */
export interface SceneFile {
  readonly path: string
  readonly name: string
  readonly bytes: number
  readonly sha256: Sha256
}

/**
 * Reads a whole file for its hash. Throws a usage failure when there is no such file, and a failure when it cannot be a
 * scene.
 */
export async function openSceneFile(
  path: string,
  onRead: (bytes: number, of: number) => void = () => {},
): Promise<SceneFile> {
  const bytes = await sizeOf(path)
  const hash = createHash('sha256')
  let read = 0
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) {
    hash.update(chunk)
    read += chunk.length
    onRead(read, bytes)
  }
  return {
    path,
    name: basename(path).slice(-LIMITS.nameLengthMax),
    bytes: read,
    sha256: Sha256.parse(hash.digest('hex')),
  }
}

async function sizeOf(path: string): Promise<number> {
  const found = await stat(path).catch((error: unknown) => {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'ENOENT' || code === 'ENOTDIR') throw usageFailure(`there is no file ${path}`)
    throw usageFailure(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  })
  if (!found.isFile()) throw usageFailure(`${path} is not a file`)
  if (found.size === 0) throw new CommandFailure(EXIT_CODES.failed, 'not_a_scene', `${path} is empty`)
  if (found.size > LIMITS.sceneBytesMax)
    throw new CommandFailure(
      EXIT_CODES.failed,
      'too_large',
      `${path} has ${found.size} bytes; a scene may have ${LIMITS.sceneBytesMax}`,
    )
  return found.size
}
