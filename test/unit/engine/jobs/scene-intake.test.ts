import { expect, test } from 'vitest'
import { MemoryFarmStore } from '../../../../shared/adapters/memory/farm-store.ts'
import { MemoryObjectStore } from '../../../../shared/adapters/memory/object-store.ts'
import { forgetScene, sceneName } from '../../../../shared/engine/jobs/scene-intake.ts'
import { JobId, Sha256 } from '../../../../shared/protocol/ids.ts'
import { blobKey } from '../../../../shared/protocol/object-keys.ts'
import { SceneRecord } from '../../../../shared/protocol/scene.ts'

const HASH = Sha256.parse('a'.repeat(64))
const JOB = JobId.parse('job_00000000000000000000000000')

/** A store whose scene is used by the jobs that `answers` gives, one answer for each time it is asked. */
class UsedSceneStore extends MemoryFarmStore {
  readonly deleted: string[] = []
  private readonly answers: JobId[][]
  constructor(answers: JobId[][]) {
    super()
    this.answers = answers
  }
  override async jobsOfScene(): Promise<JobId[]> {
    return this.answers.shift() ?? []
  }
  override async deleteScene(sha256: string): Promise<void> {
    this.deleted.push(sha256)
    await super.deleteScene(sha256)
  }
}

async function withScene(answers: JobId[][]): Promise<{ store: UsedSceneStore; objects: MemoryObjectStore }> {
  const store = new UsedSceneStore(answers)
  const objects = new MemoryObjectStore({ nowMs: () => 0 })
  await objects.put(blobKey(HASH), Buffer.from('bytes'), { contentType: 'application/x-blender' })
  const scene = {
    name: 'Scene',
    frameStart: 1,
    frameEnd: 1,
    frameStep: 1,
    fps: 24,
    resolutionX: 1,
    resolutionY: 1,
    resolutionPercentage: 100,
    engine: 'CYCLES',
    hasCamera: true,
    useCompositing: false,
    hasNodeTree: false,
    useSequencer: false,
    hasSequencerStrips: false,
    cycles: {},
    eeveeSamples: null,
    output: { fileFormat: 'PNG', colorDepth: 8, colorMode: 'RGB', path: '//', quality: 90 },
    border: { used: false, crop: false, xMin: 0, xMax: 1, yMin: 0, yMax: 1 },
  }
  const facts = {
    version: { major: 4, minor: 2, subversion: null, text: '4.2' },
    compression: 'none',
    scenes: [scene],
    activeScene: 'Scene',
    externalFiles: [],
  }
  await store.putScene(
    SceneRecord.parse({ sha256: HASH, kind: 'blend', bytes: 5, name: 'a', facts, missingFiles: [], uploadedAt: 1 }),
  )
  return { store, objects }
}

test('a scene that a job uses is not touched', async () => {
  const { store, objects } = await withScene([[JOB]])
  expect(await forgetScene({ store, objects }, HASH)).toMatchObject({ ok: false, code: 'conflict' })
  expect(store.deleted).toEqual([])
})

test('a scene that a job began to use while it was forgotten comes back whole', async () => {
  const { store, objects } = await withScene([[], [JOB]])
  expect(await forgetScene({ store, objects }, HASH)).toMatchObject({ ok: false, code: 'conflict' })
  expect((await store.scene(HASH))?.bytes).toBe(5)
  expect((await objects.head(blobKey(HASH)))?.bytes).toBe(5)
})

test.each([
  ['folder/shot 1.blend', 'shot 1.blend'],
  ['C:\\scenes\\shot.blend', 'shot.blend'],
  ['a\u0000b\n\u202ec.blend', 'abc.blend'],
  ['', 'scene'],
  ['x/', 'scene'],
  [undefined, 'scene'],
  ['😀'.repeat(300), '😀'.repeat(100)],
])('the file name %j is kept as %j', (proposed, kept) => {
  expect(sceneName(proposed)).toBe(kept)
})
