// Reads what a .blend says about itself without running Blender, from bytes that nobody vouches for.

import { ok, refuse, type Result } from '../../protocol/errors.ts'
import { EXTERNAL_FILES_MAX, SCENES_MAX, SceneFacts } from '../../protocol/scene-facts.ts'
import type { BlenderFileVersion, ExternalFile } from '../../protocol/scene-facts.ts'
import { BlendBlockWalk } from './blend-blocks.ts'
import { BLEND_LIMITS, walkBlendFile } from './blend-bytes.ts'
import type { BlendLimits } from './blend-bytes.ts'
import { BlendDatablock } from './blend-datablock.ts'
import { externalFilesOf } from './blend-external-files.ts'
import { BlendFault } from './blend-fault.ts'
import type { BlendRefusalCode } from './blend-fault.ts'
import { readScene } from './blend-scene.ts'
import { parseStructTable } from './blend-struct-table.ts'

/**
 * The facts of a .blend written by Blender 2.8 to 5.x, plain or compressed. Refused when the bytes are
 * not a .blend (not_a_blend), not whole (blend_truncated), contradict themselves (blend_corrupt),
 * exceed a limit (blend_too_large), are of a kind not read (blend_big_endian,
 * blend_unsupported_format), or hold no scene (blend_no_scene). Throws the system's error if the file
 * cannot be opened or read.
 */
export async function readBlend(
  path: string,
  limits: BlendLimits = BLEND_LIMITS,
): Promise<Result<SceneFacts, BlendRefusalCode>> {
  try {
    const walk = new BlendBlockWalk()
    const compression = await walkBlendFile(path, walk, limits)
    return ok(gatherFacts(walk, compression))
  } catch (error) {
    if (error instanceof BlendFault) return refuse(error.code, error.message)
    throw error
  }
}

function gatherFacts(walk: BlendBlockWalk, compression: SceneFacts['compression']): SceneFacts {
  if (walk.header === undefined) throw new Error('a finished walk has a header')
  if (walk.structTable === undefined)
    throw new BlendFault('blend_corrupt', 'the file has no struct table (DNA1); save it again in Blender')
  const table = parseStructTable(walk.structTable, walk.header.pointerBytes)
  const datablocks = walk.datablocks.map((owned) => new BlendDatablock(table, owned))
  const sceneBlocks = datablocks.filter(({ code }) => code === 'SC')
  const globals = datablocks.find(({ code }) => code === 'GLOB')?.record
  const { major, minor } = walk.header

  if (sceneBlocks.length === 0)
    throw new BlendFault(
      'blend_no_scene',
      'the file has no scene of its own (an asset library?); hand in the file that is rendered',
    )
  if (sceneBlocks.length > SCENES_MAX)
    throw new BlendFault('blend_too_large', `the file has ${sceneBlocks.length} scenes, at most ${SCENES_MAX} are read`)
  const scenes = sceneBlocks.map(readScene)
  const activeAddress = globals?.pointer('curscene')
  const active = sceneBlocks.find(({ address }) => address === activeAddress) ?? sceneBlocks[0]

  return checked({
    version: fileVersion(major, minor, globals?.integer('subversion') ?? null),
    compression,
    scenes,
    activeScene: active?.name ?? '',
    externalFiles: gatherExternalFiles(datablocks),
  })
}

function gatherExternalFiles(datablocks: readonly BlendDatablock[]): ExternalFile[] {
  const files: ExternalFile[] = []
  const held = heldLibraries(datablocks)
  for (const datablock of datablocks) {
    if (held.has(datablock.address)) continue
    for (const file of externalFilesOf(datablock)) {
      if (files.length === EXTERNAL_FILES_MAX)
        throw new BlendFault('blend_too_large', `the file names more than ${EXTERNAL_FILES_MAX} external files`)
      files.push(file)
    }
  }
  return files
}

/**
 * The addresses of libraries of which the file itself holds all that it links (Blender 5.0 and later), and of those
 * that this came from: neither is looked for on a disk.
 */
function heldLibraries(datablocks: readonly BlendDatablock[]): ReadonlySet<bigint> {
  return new Set(
    datablocks.flatMap(({ code, address, record }) => {
      const parent = code === 'LI' ? (record.pointer('archive_parent_library') ?? 0n) : 0n
      return parent === 0n ? [] : [address, parent]
    }),
  )
}

function fileVersion(major: number, minor: number, subversion: number | null): BlenderFileVersion {
  const short = `${major}.${minor}`
  return { major, minor, subversion, text: subversion === null ? short : `${short} (file subversion ${subversion})` }
}

// Damaged bytes can still parse; values that no Blender writes are caught by the schema.
function checked(facts: SceneFacts): SceneFacts {
  const parsed = SceneFacts.safeParse(facts)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  const where = issue?.path.join('.') ?? 'its facts'
  throw new BlendFault(
    'blend_corrupt',
    `the file stores an impossible value at ${where} (${issue?.message ?? ''}); save it again in Blender`,
  )
}
