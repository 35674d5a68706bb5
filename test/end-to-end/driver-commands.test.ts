// How the driver behaves between and besides renders: state, order, failures, crashes, the sandbox.

import { existsSync } from 'node:fs'
import { readFile, truncate, writeFile } from 'node:fs/promises'
import sharp from 'sharp'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { BlenderProcess } from '../../blender-worker/blender/process.ts'
import type { RenderProgress } from '../../blender-worker/blender/progress.ts'
import { readWave } from '../../shared/adapters/imaging/wave.ts'
import { Lab, differences } from '../fixtures/driver/lab.ts'

/** Seconds on idle cores; a Blender that compiles its shaders on busy ones takes minutes. */
const TIMEOUT_MS = 480_000

let lab: Lab
let blender: BlenderProcess

beforeAll(async () => {
  lab = await Lab.open()
  blender = await lab.start()
}, TIMEOUT_MS)

afterEach(async () => {
  if (!blender.alive) blender = await lab.start()
}, TIMEOUT_MS)

afterAll(async () => {
  await blender.stop()
  await lab.close()
})

async function open(features: string): Promise<string> {
  const path = await lab.scene(features)
  expect(await blender.run('open', { path })).toMatchObject({ ok: true })
  return path
}

describe('probe', () => {
  it('tells version, engines and at least the processor as a device', async () => {
    const probed = await blender.run('probe', {})
    expect(probed).toMatchObject({
      ok: true,
      value: { blenderVersion: expect.stringMatching(/^\d+\.\d+\.\d+$/), engines: expect.arrayContaining(['CYCLES']) },
    })
    expect(probed.ok && probed.value.devices.map((device) => device.kind)).toContain('CPU')
  })
})

describe('state between commands', () => {
  it('opens an unchanged file once, and again when its content changed', { timeout: TIMEOUT_MS }, async () => {
    const path = await open('plain')
    expect(await blender.run('open', { path })).toMatchObject({ value: { loaded: false } })
    await writeFile(path, await readFile(path))
    expect(await blender.run('open', { path })).toMatchObject({ value: { loaded: true } })
  })

  it('gives the same pixels whatever was rendered before', { timeout: TIMEOUT_MS }, async () => {
    await open('adaptive,compositor,motion')
    const fresh = new Map<number, string>()
    for (const frame of [1, 2, 3]) {
      const alone = await lab.start()
      await alone.run('open', { path: await lab.scene('adaptive,compositor,motion') })
      fresh.set(frame, lab.path(`order-fresh-${frame}.exr`))
      expect(
        await alone.run('render', { mode: 'frame', frame, outputs: { raw: lab.path(`order-fresh-${frame}.exr`) } }),
      ).toMatchObject({ ok: true })
      await alone.stop()
    }
    const others = [
      {
        mode: 'tile',
        frame: 9,
        window: { x: 3, y: 4, width: 20, height: 10 },
        settings: { samples: 3, seed: 77, format: { file: 'JPEG', quality: 5 } },
        outputs: { raw: lab.path('other.exr') },
      },
      {
        mode: 'frame',
        frame: 7,
        settings: { resolution: { width: 31, height: 17 }, format: { file: 'exr', colorDepth: '16' } },
        outputs: { final: lab.path('other2.exr'), display: lab.path('other2.png') },
        threads: 1,
      },
    ] as const
    for (const frame of [1, 3, 2]) {
      for (const other of others) expect(await blender.run('render', other)).toMatchObject({ ok: true })
      const raw = lab.path(`order-mixed-${frame}.exr`)
      expect(await blender.run('render', { mode: 'frame', frame, outputs: { raw } })).toMatchObject({ ok: true })
      expect(await differences(fresh.get(frame) ?? '', raw)).toBe('')
    }
  })

  it('tells the same facts after renders and failures as before', { timeout: TIMEOUT_MS }, async () => {
    await open('animated-settings,border,file-output')
    const before = await blender.run('inspect', {})
    expect(before).toMatchObject({ ok: true })
    await blender.run('render', {
      mode: 'tile',
      frame: 2,
      window: { x: 20, y: 13, width: 5, height: 5 },
      settings: { samples: 1, seed: 3, resolution: { percentage: 100 }, format: { file: 'PNG' } },
      outputs: { raw: lab.path('facts.exr') },
    })
    await blender.run('render', {
      mode: 'tile',
      frame: 3,
      window: { x: 0, y: 0, width: 5, height: 5 },
      outputs: { raw: lab.path('facts.exr') },
    })
    await blender.run('render', {
      mode: 'frame',
      frame: 3,
      settings: { format: { file: 'JPEG', colorDepth: '32' } },
      outputs: { final: lab.path('facts.jpg') },
    })
    expect(await blender.run('inspect', {})).toEqual(before)
  })
})

describe('a scene whose frames depend on earlier ones', () => {
  it(
    'is told by inspect, is not to be tiled, and renders a jump as from a fresh file',
    { timeout: TIMEOUT_MS },
    async () => {
      const path = await open('cloth')
      expect(await blender.run('inspect', {})).toMatchObject({
        ok: true,
        value: { history: [{ kind: 'cloth' }], tiling: { exact: false } },
      })
      const bare = await lab.bare(path, 4, 'cloth-bare')
      for (const frame of [1, 2, 3]) {
        expect(
          await blender.run('render', { mode: 'frame', frame, outputs: { final: lab.path(`cloth-${frame}.png`) } }),
        ).toMatchObject({ ok: true })
      }
      const inOrder = { final: lab.path('cloth-in-order.png') }
      expect(await blender.run('render', { mode: 'frame', frame: 4, outputs: inOrder })).toMatchObject({ ok: true })
      const jumped = { final: lab.path('cloth-jumped.png') }
      expect(await blender.run('render', { mode: 'frame', frame: 1, outputs: jumped })).toMatchObject({ ok: true })
      expect(await blender.run('render', { mode: 'frame', frame: 4, outputs: jumped })).toMatchObject({ ok: true })
      expect(await differences(bare, jumped.final)).toBe('')
      expect(await differences(jumped.final, inOrder.final)).not.toBe('')
    },
  )
})

describe('a frame', () => {
  it('reports progress and the sizes of what it wrote', { timeout: TIMEOUT_MS }, async () => {
    await open('plain')
    const seen: RenderProgress[] = []
    const rendered = await blender.run(
      'render',
      {
        mode: 'frame',
        frame: 1,
        settings: { samples: 64, resolution: { percentage: 200 } },
        outputs: { final: lab.path('p.png'), raw: lab.path('p.exr'), display: lab.path('pd.png') },
      },
      { onProgress: (progress) => seen.push(progress) },
    )
    expect(rendered).toMatchObject({ ok: true, value: { size: { width: 192, height: 108 } } })
    expect(rendered.ok && Object.keys(rendered.value.files).sort()).toEqual(['display', 'final', 'raw'])
    expect(rendered.ok && rendered.value.peakMemoryBytes).toBeGreaterThan(10_000_000)
    expect(seen.length).toBeGreaterThan(0)
  })

  it('becomes a PNG when the scene is set up to write a video', { timeout: TIMEOUT_MS }, async () => {
    await open('video')
    const final = lab.path('video-frame')
    expect(await blender.run('render', { mode: 'frame', frame: 1, outputs: { final } })).toMatchObject({ ok: true })
    expect((await readFile(final)).subarray(1, 4).toString('latin1')).toBe('PNG')
  })

  it('keeps the alpha of a film in each of its frames, and mixes its sound', { timeout: TIMEOUT_MS }, async () => {
    await open('film')
    expect(await blender.run('inspect', {})).toMatchObject({
      ok: true,
      value: {
        // A strip of sound shows nothing.
        tiling: { exact: true },
        movie: {
          ...{ container: 'QUICKTIME', codec: 'PNG', colorMode: 'RGBA', crf: 20, hasSound: true },
          rate: { numerator: 24_000, denominator: 1_001 },
          audio: { codec: 'PCM', rate: 48_000, channels: 'MONO' },
        },
      },
    })
    const sound = lab.path('mixed')
    for (const frame of [1, 2, 3]) {
      const final = lab.path(`film-${frame}`)
      const rendered = await blender.run('render', {
        ...{ mode: 'frame', frame, settings: { format: { file: 'png', colorDepth: '8' } } },
        ...(frame === 2 ? { outputs: { final, sound }, sound: { first: 1, last: 3 } } : { outputs: { final } }),
      })
      expect(rendered).toMatchObject({ ok: true })
      expect((await sharp(final).metadata()).hasAlpha, `frame ${frame}`).toBe(true)
    }
    const wave = await readWave(sound)
    if (!wave.ok) throw new Error(wave.message)
    expect(wave).toMatchObject({ rate: 48_000, channels: 1 })
    const bytes = await readFile(sound)
    const samples = Array.from({ length: wave.bytes / 2 }, (_, at) => bytes.readInt16LE(wave.start + 2 * at))
    const begin = samples.findIndex((sample) => sample !== 0)
    // Nothing in frame 1, which has 2,002 samples; Blender fades a sound in over some.
    expect(Math.abs(begin - 2_002)).toBeLessThan(40)
  })

  it('sends File Output nodes into the extra folder and never out of it', { timeout: TIMEOUT_MS }, async () => {
    await open('file-output')
    const extraDir = lab.path('extra')
    expect(await blender.run('inspect', {})).toMatchObject({
      ok: true,
      value: { compositor: { fileOutputs: ['File Output'], extraFiles: 1 } },
    })
    const rendered = await blender.run('render', {
      mode: 'frame',
      frame: 2,
      outputs: { final: lab.path('fo.png'), extraDir },
    })
    expect(rendered).toMatchObject({ ok: true, value: { notHonoured: [], extra: [{ node: 'File Output' }] } })
    expect(rendered.ok && rendered.value.extra[0]?.path.startsWith(`${extraDir}/`)).toBe(true)
  })

  it('names File Output nodes that it kept from writing', { timeout: TIMEOUT_MS }, async () => {
    await open('file-output')
    expect(
      await blender.run('render', { mode: 'frame', frame: 2, outputs: { final: lab.path('fo2.png') } }),
    ).toMatchObject({ ok: true, value: { notHonoured: ['File Output'], extra: [] } })
  })
})

describe('failures are typed', () => {
  it('blames the scene for a missing camera', { timeout: TIMEOUT_MS }, async () => {
    await open('no-camera')
    expect(await blender.run('inspect', {})).toMatchObject({ ok: true, value: { hasCamera: false } })
    expect(
      await blender.run('render', { mode: 'frame', frame: 1, outputs: { final: lab.path('nc.png') } }),
    ).toMatchObject({ ok: false, code: 'no_camera', blame: 'scene' })
  })

  it(
    'blames the scene for a file that is not a .blend or is cut short, and goes on afterwards',
    { timeout: TIMEOUT_MS },
    async () => {
      await writeFile(lab.path('text.blend'), 'hello')
      expect(await blender.run('open', { path: lab.path('text.blend') })).toMatchObject({
        ok: false,
        code: 'blend_unreadable',
        blame: 'scene',
        lastWords: expect.stringContaining('text.blend'),
      })
      const whole = await lab.scene('plain')
      await writeFile(lab.path('cut.blend'), await readFile(whole))
      await truncate(lab.path('cut.blend'), 5_000)
      expect(await blender.run('open', { path: lab.path('cut.blend') })).toMatchObject({
        ok: false,
        code: 'blend_unreadable',
        blame: 'scene',
      })
      expect(await blender.run('open', { path: lab.path('nowhere.blend') })).toMatchObject({
        ok: false,
        code: 'blend_missing',
        blame: 'farm',
      })
      await open('plain')
    },
  )

  it(
    'refuses a window outside the rendered region, a wrong command and a stitched file of the wrong size',
    { timeout: TIMEOUT_MS },
    async () => {
      await open('border')
      const outputs = { raw: lab.path('w.exr') }
      expect(
        await blender.run('render', { mode: 'tile', frame: 1, window: { x: 0, y: 0, width: 30, height: 30 }, outputs }),
      ).toMatchObject({ ok: false, code: 'window_outside_region', blame: 'farm' })
      expect(await blender.run('render', { mode: 'tile', frame: 1, outputs })).toMatchObject({
        ok: false,
        code: 'bad_command',
      })
      expect(
        await blender.run('render', { mode: 'tile', frame: 1, window: { x: 30, y: 20, width: 8, height: 8 }, outputs }),
      ).toMatchObject({ ok: true })
      expect(
        await blender.run('finish', { frame: 1, stitched: lab.path('w.exr'), outputs: { final: lab.path('w.png') } }),
      ).toMatchObject({ ok: false, code: 'stitched_wrong_size' })
      expect(
        await blender.run('finish', {
          frame: 1,
          stitched: lab.path('none.exr'),
          outputs: { final: lab.path('w.png') },
        }),
      ).toMatchObject({ ok: false, code: 'stitched_unreadable' })
    },
  )

  it('says so when a GPU is asked for that is not there', { timeout: TIMEOUT_MS }, async () => {
    await open('plain')
    expect(
      await blender.run('render', { mode: 'frame', frame: 1, outputs: { final: lab.path('g.png') }, device: 'HIP' }),
    ).toMatchObject({ ok: false, code: 'device_missing', blame: 'worker' })
  })
})

describe('the process', () => {
  it(
    'is killed by an abort, by a time limit, and notices when Blender dies by itself',
    { timeout: TIMEOUT_MS },
    async () => {
      const long = {
        mode: 'frame',
        frame: 1,
        settings: { samples: 1_000_000 },
        outputs: { final: '/dev/null' },
      } as const
      await open('plain')
      const stopping = new AbortController()
      const aborted = blender.run('render', long, { signal: stopping.signal, onProgress: () => stopping.abort() })
      expect(await aborted).toMatchObject({ ok: false, code: 'interrupted', blame: 'farm' })

      for (const end of ['limit', 'crash'] as const) {
        const other = await lab.start()
        await other.run('open', { path: await lab.scene('plain') })
        const crash = (): void => {
          if (end === 'crash' && other.pid !== undefined) process.kill(other.pid, 'SIGSEGV')
        }
        const outcome = await other.run('render', long, {
          timeoutMs: end === 'limit' ? 1_500 : 60_000,
          onProgress: crash,
        })
        expect(outcome).toMatchObject({
          ok: false,
          code: end === 'limit' ? 'no_progress' : 'blender_crashed',
          blame: 'worker',
        })
        await other.kill()
        expect(other.alive).toBe(false)
        expect(await other.run('probe', {})).toMatchObject({
          ok: false,
          code: end === 'limit' ? 'interrupted' : 'blender_crashed',
        })
      }
    },
  )

  it(
    'renders the same in the sandbox, where it sees neither other folders nor the network',
    { timeout: TIMEOUT_MS },
    async (context) => {
      if (!existsSync('/usr/bin/bwrap')) context.skip('bubblewrap is not installed')
      const scene = await lab.scene('plain')
      await writeFile(lab.path('secret.blend'), await readFile(scene))
      const boxed = await lab.start({ sandbox: 'require', scratchDir: lab.path('boxed'), readablePaths: [scene] })
      expect(boxed.sandboxAbsence).toBeUndefined()
      expect(await boxed.run('open', { path: lab.path('secret.blend') })).toMatchObject({
        ok: false,
        code: 'blend_missing',
      })
      expect(await boxed.run('open', { path: scene })).toMatchObject({ ok: true })
      const final = lab.path('boxed/out.png')
      expect(await boxed.run('render', { mode: 'frame', frame: 1, outputs: { final } })).toMatchObject({ ok: true })
      await boxed.stop()
      await open('plain')
      expect(
        await blender.run('render', { mode: 'frame', frame: 1, outputs: { final: lab.path('free.png') } }),
      ).toMatchObject({ ok: true })
      expect(await differences(lab.path('free.png'), final)).toBe('')
    },
  )
})
