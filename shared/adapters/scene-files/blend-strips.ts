// Strips of the video sequencer: what a scene shows instead of a render, and files it takes in.

import type { ExternalFile } from '../../protocol/scene-facts.ts'
import type { BlendDatablock } from './blend-datablock.ts'
import { BlendFault } from './blend-fault.ts'
import type { BlendRecord } from './blend-record.ts'

/** Meta strips in meta strips; deeper is not made by hand. */
const META_DEPTH_MAX = 64

const IMAGE_STRIP = 0
const META_STRIP = 1
const MOVIE_STRIP = 3

/** All strips of a scene, those inside meta strips too. */
export function* sequencerStrips(scene: BlendDatablock): Generator<BlendRecord> {
  const editing = scene.at(scene.record.pointer('ed'))
  if (editing !== undefined) yield* stripsFrom(scene, editing.pointer('seqbase.first'), 0)
}

/** Images and movies that strips name. Sounds are data-blocks and are listed as such. */
export function* stripFiles(scene: BlendDatablock): Generator<ExternalFile> {
  for (const strip of sequencerStrips(scene)) {
    const type = strip.integer('type')
    if (type !== IMAGE_STRIP && type !== MOVIE_STRIP) continue
    const source = scene.at(strip.pointer('strip') ?? strip.pointer('data'))
    const namesAddress = source?.pointer('stripdata')
    const folder = source?.text('dir') ?? source?.text('dirpath')
    const name = scene.at(namesAddress)
    const fileName = name?.text('name') ?? name?.text('filename')
    if (folder === undefined || fileName === undefined || fileName === '') continue
    yield {
      kind: type === MOVIE_STRIP ? 'movie' : 'image',
      path: folder === '' || /[/\\]$/.test(folder) ? `${folder}${fileName}` : `${folder}/${fileName}`,
      span: type === IMAGE_STRIP && scene.countAt(namesAddress) > 1 ? 'sequence' : 'file',
      packed: false,
      // Names of strips carry the two-letter prefix of data-blocks.
      datablock: (strip.text('name') ?? '').slice(2),
    }
  }
}

function* stripsFrom(scene: BlendDatablock, first: bigint | undefined, depth: number): Generator<BlendRecord> {
  if (depth > META_DEPTH_MAX) throw new BlendFault('blend_corrupt', `meta strips in "${scene.name}" are nested more than ${META_DEPTH_MAX} deep`)
  for (const strip of scene.list(first)) {
    yield strip
    if (strip.integer('type') === META_STRIP) yield* stripsFrom(scene, strip.pointer('seqbase.first'), depth + 1)
  }
}
