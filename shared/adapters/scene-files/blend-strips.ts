// Strips of the video sequencer: what a scene shows instead of a render, and files it takes in.

import type { ExternalFile } from '../../protocol/scene-facts.ts'
import type { BlendDatablock } from './blend-datablock.ts'
import { BlendFault } from './blend-fault.ts'
import type { BlendRecord } from './blend-record.ts'

const IMAGE_STRIP = 0
const SOUND_STRIP = 4
const META_STRIP = 1
const MOVIE_STRIP = 3

/** All strips of a scene, those inside meta strips too; throws a BlendFault if metas hold each other. */
function* sequencerStrips(scene: BlendDatablock): Generator<BlendRecord> {
  const editing = scene.at(scene.record.pointer('ed'))
  const lists = [editing?.pointer('seqbase.first')]
  let visited = 0
  while (lists.length > 0) {
    for (const strip of scene.list(lists.pop())) {
      // Each strip is in one list, so a second visit means that the lists are not those of a scene.
      visited++
      if (visited > scene.ownedCount)
        throw new BlendFault(
          'blend_corrupt',
          `strips in "${scene.name}" hold each other; save the file again in Blender`,
        )
      yield strip
      if (strip.integer('type') === META_STRIP) lists.push(strip.pointer('seqbase.first'))
    }
  }
}

/** Whether a scene has strips that show something; those of sound alone leave the picture to the render. */
export function showsStrips(scene: BlendDatablock): boolean {
  for (const strip of sequencerStrips(scene)) if (strip.integer('type') !== SOUND_STRIP) return true
  return false
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
