// Renders one scene bare and split, and says how far what comes out is the same.

import { mkdir, readdir } from 'node:fs/promises'
import { basename, dirname, extname, join } from 'node:path'
import type { AnswerTo } from '../../../blender-worker/blender/answers.ts'
import type { BlenderProcess } from '../../../blender-worker/blender/process.ts'
import { isExr } from '../../../shared/adapters/imaging/exr-check.ts'
import { type Lab, must } from '../../fixtures/driver/lab.ts'
import { compareBytes } from './file-bytes.ts'
import { differingPixels } from './pixels.ts'
import type { Row } from './record.ts'
import type { TileSplit } from './splits.ts'

/** What the rows of one scene share. */
export interface Subject {
  readonly name: string
  readonly path: string
  readonly frame: number
}

type Inspected = AnswerTo<'inspect'>
type Rendered = AnswerTo<'render'>

/** Two Blenders with the driver; tiles may come from both. */
export interface Workers {
  readonly lab: Lab
  readonly first: BlenderProcess
  readonly second: BlenderProcess
}

/**
 * Rows for the whole frame, rendered by the driver, and for each split, or each that is promised: all against bare
 * Blender.
 */
export async function measureFrame(
  { lab, first, second }: Workers,
  subject: Subject,
  splits: readonly TileSplit[],
  which: 'all' | 'promised' = 'all',
): Promise<Row[]> {
  const { name, frame, path } = subject
  const label = name.replaceAll(/[^A-Za-z0-9]+/g, '-')
  const nodesFolder = join(dirname(path), 'nodes')
  const bare = (await lab.bareFiles(path, [frame, frame], `${label}-bare`)).get(frame) ?? []
  const bareNodes = await filesBelow(nodesFolder)
  for (const blender of [first, second]) must(await blender.run('open', { path }))
  const facts = must(await first.run('inspect', {}))
  const output = `${facts.output.fileFormat} ${facts.output.colorDepth}`
  const extension = extname(bare[0] ?? '')
  const rows: Row[] = []
  const compare = async (
    split: string,
    promise: Claim,
    attempt: () => Promise<Rendered & { readonly passes?: string }>,
  ): Promise<void> => {
    const shared = { scene: name, split, output, ...promise }
    try {
      const rendered = await attempt()
      const passPixels =
        rendered.passes === undefined ? {} : { passPixels: await differingPixels(whole.raw, rendered.passes) }
      rows.push({ ...shared, ...(await compareFiles(lab, bare, bareNodes, rendered)), ...passPixels })
    } catch (error) {
      rows.push({
        ...shared,
        pixels: error instanceof Error ? error.message.slice(0, 300) : String(error),
        bytes: 'none',
      })
    }
  }
  const outputs = async (split: string): Promise<{ final: string; raw: string; extraDir: string }> => {
    const stem = `${label}-${split.replaceAll(/[^A-Za-z0-9]+/g, '-')}`
    await mkdir(lab.path(`${stem}-extra`), { recursive: true })
    return {
      final: lab.path(`${stem}${extension}`),
      raw: lab.path(`${stem}-raw.exr`),
      extraDir: lab.path(`${stem}-extra`),
    }
  }

  const whole = await outputs('frame')
  await compare('frame', framePromise(facts), async () =>
    must(await first.run('render', { mode: 'frame', frame, outputs: whole, device: 'CPU' })),
  )
  for (const split of which === 'promised' && !facts.tiling.exact ? [] : splits) {
    await compare(split.name, tilePromise(facts), async () => {
      const stitched = await lab.tiles(first, {
        frame,
        region: facts.image.region,
        ...split.grid(facts.image.region),
        overscanPx: facts.tiling.overscanPx,
        name: label,
        ...(split.twoWorkers ? { alsoBy: [{ blender: second, threads: 1 }] } : {}),
      })
      const { raw, ...rest } = await outputs(split.name)
      // Of a stereo frame Blender cannot write the passes beside the image; then those that were stitched are compared.
      const finished = must(
        await first.run('finish', { frame, stitched, outputs: facts.stereo ? rest : { ...rest, raw } }),
      )
      return { ...finished, passes: facts.stereo ? stitched : raw }
    })
  }
  return rows
}

/**
 * Rows for frames 1 to 3 in one go, against `blender -f` of each and against `blender -a`; and out of order, where
 * frames stand alone.
 */
export async function measureChunk({ lab, first }: Workers, subject: Subject): Promise<Row[]> {
  const label = subject.name.replaceAll(/[^A-Za-z0-9]+/g, '-')
  const frames = [1, 2, 3]
  const inOneGo = await lab.bareFiles(subject.path, [1, 3], `${label}-anim`)
  must(await first.run('open', { path: subject.path }))
  const facts = must(await first.run('inspect', {}))
  const output = `${facts.output.fileFormat} ${facts.output.colorDepth}`
  const renderInOrder = async (order: readonly number[]): Promise<Map<number, Rendered>> => {
    const rendered = new Map<number, Rendered>()
    for (const frame of order) {
      const final = lab.path(`${label}-${order.join('')}-${frame}${extname(inOneGo.get(frame)?.[0] ?? '')}`)
      rendered.set(frame, must(await first.run('render', { mode: 'frame', frame, outputs: { final }, device: 'CPU' })))
    }
    return rendered
  }
  const against = async (
    split: string,
    promise: Claim,
    rendered: ReadonlyMap<number, Rendered>,
    bareOf: (frame: number) => Promise<string[]>,
  ): Promise<Row> => {
    const each = []
    for (const [frame, one] of rendered) each.push(await compareFiles(lab, await bareOf(frame), [], one))
    const worst =
      each.find((one) => one.pixels !== 0) ??
      each.find((one) => one.bytes !== 'equal' && one.bytes !== 'equal but for date and time') ??
      each[0] ??
      fail('no frame')
    return { scene: subject.name, split, output, ...promise, ...worst }
  }
  const remembers: Claim =
    facts.history.length === 0
      ? framePromise(facts)
      : { promised: false, reasons: ['its frames depend on earlier frames, which -f does not render'] }
  const alone = new Map<number, string[]>()
  for (const frame of frames)
    alone.set(frame, (await lab.bareFiles(subject.path, [frame, frame], `${label}-alone-${frame}`)).get(frame) ?? [])
  const inOrder = await renderInOrder(frames)
  const outOfOrder =
    facts.history.length === 0
      ? [
          await against(
            'frames 3, 1, 2 against -f',
            framePromise(facts),
            await renderInOrder([3, 1, 2]),
            async (frame) => alone.get(frame) ?? [],
          ),
        ]
      : []
  return [
    await against('frames 1-3 against -a', framePromise(facts), inOrder, async (frame) => inOneGo.get(frame) ?? []),
    await against('frames 1-3 against -f', remembers, inOrder, async (frame) => alone.get(frame) ?? []),
    ...outOfOrder,
  ]
}

interface Claim {
  readonly promised: boolean
  readonly reasons: string[]
}

function tilePromise(facts: Inspected): Claim {
  return { promised: facts.tiling.exact, reasons: facts.tiling.reasons }
}

/** Whole frames are always what Blender itself renders, unless no two renders are the same. */
function framePromise(facts: Inspected): Claim {
  const reasons = [
    ...(facts.burnsStamp ? ['date and render time are burned into the image'] : []),
    ...((facts.sampling.timeLimitSeconds ?? 0) > 0
      ? ['a time limit lets the speed of the machine decide the samples']
      : []),
  ]
  return { promised: reasons.length === 0, reasons }
}

async function compareFiles(
  lab: Lab,
  bare: readonly string[],
  bareNodes: readonly string[],
  rendered: Rendered,
): Promise<Pick<Row, 'pixels' | 'bytes'>> {
  const final = rendered.files.final?.path
  if (final === undefined || bare[0] === undefined) return { pixels: 'no final file', bytes: 'none' }
  const pairs: [string, string][] = [[bare[0], final]]
  const views = rendered.extra.filter((file) => file.node === '')
  for (const [index, other] of bare.slice(1).entries()) {
    const view = views[index]
    if (view === undefined)
      return { pixels: `bare Blender wrote ${bare.length} files, the driver ${views.length + 1}`, bytes: 'none' }
    pairs.push([other, view.path])
  }
  const written = rendered.extra.filter((file) => file.node !== '')
  if (written.length !== bareNodes.length)
    return {
      pixels: `File Output nodes wrote ${bareNodes.length} files bare and ${written.length} here`,
      bytes: 'none',
    }
  for (const node of bareNodes) {
    // The driver leaves extensions to the farm, which tells formats by their content, and 5.0 leaves the number of a
    // single frame out.
    const exr = await isExr(node)
    const named = written.filter((file) => plainName(file.path) === plainName(node))
    const kinds = await Promise.all(named.map((file) => isExr(file.path)))
    const same = named[kinds.indexOf(exr)]
    if (same === undefined) return { pixels: `no File Output node wrote ${basename(node)}`, bytes: 'none' }
    pairs.push([node, same.path])
  }
  // As a module Blender renders a single frame as a range of one, which `-f` does not.
  const alsoOfTheRun = lab.launch === 'module' ? 'FrameRange' : undefined
  let worst: Pick<Row, 'pixels' | 'bytes'> = { pixels: 0, bytes: 'equal' }
  for (const [one, other] of pairs) {
    const found = { pixels: await differingPixels(one, other), bytes: await compareBytes(one, other, alsoOfTheRun) }
    if (found.pixels !== 0) return found
    if (found.bytes !== 'equal' && (worst.bytes === 'equal' || found.bytes !== 'equal but for date and time'))
      worst = found
  }
  return worst
}

function plainName(path: string): string {
  return basename(path).replace(/(\d{4})?(\.\w+)?$/, '')
}

async function filesBelow(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
  } catch {
    return [] // most scenes have no File Output nodes, so there is no such folder
  }
}

function fail(message: string): never {
  throw new Error(message)
}
