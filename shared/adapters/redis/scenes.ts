/*
 * Scenes by their hash, listed by time of upload, newest first.
 */
import type { FarmStore } from '../../ports/farm-store.ts'
import { SceneRecord } from '../../protocol/scene.ts'
import { cut, placeAfter } from './cursors.ts'
import { idInMember, timedMember } from './keys.ts'
import type { Link } from './link.ts'
import { loadScript } from './scripts.ts'
import { checkScene } from '../../ports/storable.ts'
import { parsed } from './stored.ts'

const PUT_SCENE = loadScript('put-scene')

export function scenes(link: Link): Pick<FarmStore, 'scene' | 'putScene' | 'deleteScene' | 'listScenes'> {
  const { keys } = link
  const sceneKeys = [keys.scenes, keys.sceneOrder]
  const sceneOf = (text: string) => parsed(SceneRecord, text.slice(text.indexOf('\n') + 1), keys.scenes)
  return {
    async scene(sha256) {
      const text = await link.believed((redis) => redis.hget(keys.scenes, sha256))
      return text === null ? null : sceneOf(text)
    },
    async putScene(scene) {
      checkScene(scene)
      await link.run(PUT_SCENE, sceneKeys, [
        scene.sha256,
        timedMember(scene.uploadedAt, scene.sha256),
        JSON.stringify(scene),
      ])
    },
    async deleteScene(sha256) {
      await link.run(PUT_SCENE, sceneKeys, [sha256, '', ''])
    },
    async listScenes({ cursor, limit }) {
      const start = placeAfter('scenes', cursor, '+')
      const { places, next } = cut(
        await link.believed((redis) => redis.zrevrangebylex(keys.sceneOrder, start, '-', 'LIMIT', 0, limit + 1)),
        limit,
      )
      if (places.length === 0) return { items: [], next: null }
      const stored = await link.reach((redis) => redis.hmget(keys.scenes, ...places.map(idInMember)))
      return { items: stored.flatMap((text) => (text === null ? [] : [sceneOf(text)])), next }
    },
  }
}
