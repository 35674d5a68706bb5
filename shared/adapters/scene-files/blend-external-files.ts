// Lists the files outside a .blend that it names.

import type { ExternalFile } from '../../protocol/scene-facts.ts'
import type { BlendDatablock } from './blend-datablock.ts'
import type { BlendRecord } from './blend-record.ts'
import { stripFiles } from './blend-strips.ts'

// How an image gets its pixels, as stored in `source`.
const IMAGE_SEQUENCE = 2
const IMAGE_GENERATED = 4
const IMAGE_VIEWER = 5
const IMAGE_TILED = 6
const CLIP_SEQUENCE = 1

/** The font inside Blender itself. */
const BUILT_IN_FONT = '<builtin>'

/** The external files that one data-block names, none for most. */
export function* externalFilesOf(datablock: BlendDatablock): Generator<ExternalFile> {
  if (datablock.code === 'SC') {
    yield* stripFiles(datablock)
    return
  }
  const named = describe(datablock)
  if (named === undefined || named.path === '') return
  yield { ...named, datablock: datablock.name }
}

function describe(datablock: BlendDatablock): Omit<ExternalFile, 'datablock'> | undefined {
  const { record } = datablock
  // Files keep the old field name "name"; a later Blender may write the new one.
  const path = record.text('name') ?? record.text('filepath') ?? ''
  const packed = (record.pointer('packedfile') ?? 0n) !== 0n || (record.pointer('packedfiles.first') ?? 0n) !== 0n
  switch (datablock.code) {
    case 'LI':
      return { kind: 'library', path, span: 'file', packed }
    case 'IM':
      return describeImage(record, path, packed)
    case 'SO':
      return { kind: 'sound', path, span: 'file', packed }
    case 'MC':
      return { kind: 'movieclip', path, span: record.integer('source') === CLIP_SEQUENCE ? 'sequence' : 'file', packed }
    case 'VF':
      return path === BUILT_IN_FONT ? undefined : { kind: 'font', path, span: 'file', packed }
    case 'CF':
      return { kind: 'cache', path, span: isSequence(record), packed }
    case 'VO':
      return { kind: 'volume', path, span: isSequence(record), packed }
    default:
      return undefined
  }
}

function describeImage(
  record: BlendRecord,
  path: string,
  packed: boolean,
): Omit<ExternalFile, 'datablock'> | undefined {
  const source = record.integer('source')
  if (source === IMAGE_GENERATED || source === IMAGE_VIEWER) return undefined
  const span = source === IMAGE_SEQUENCE ? 'sequence' : source === IMAGE_TILED ? 'tiles' : 'file'
  return { kind: 'image', path, span, packed }
}

function isSequence(record: BlendRecord): 'sequence' | 'file' {
  return (record.integer('is_sequence') ?? 0) !== 0 ? 'sequence' : 'file'
}
