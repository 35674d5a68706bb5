/** For the simulator a file is a line of text that says what is to be seen on it. */
import { createHash } from 'node:crypto'
import { tileOfPlan } from '../../shared/domain/splitting/tiles.ts'
import { rangesPerTile, tilesPerFrame } from '../../shared/domain/splitting/job-tasks.ts'
import { type SampleRange, sampleRangeOf } from '../../shared/domain/splitting/samples.ts'
import { Sha256 } from '../../shared/protocol/ids.ts'
import type { JobRecord } from '../../shared/protocol/job.ts'
import type { Lease } from '../../shared/protocol/messages.ts'
import type { FileRole, ResultFile } from '../../shared/protocol/task.ts'

export interface MadeFile {
  readonly file: ResultFile
  readonly line: string
}

/** What a worker that does its work hands in; with `lie`, what one hands in that shows something else. */
export function filesOf(lease: Lease, lie: string | null): MadeFile[] {
  const { work } = lease
  if (work.kind === 'inspect') return []
  const frames = work.kind === 'finish' ? [work.frame] : work.frames
  const roles: FileRole[] = work.kind === 'finish' ? ['final'] : work.window === undefined ? ['final', 'raw'] : ['raw']
  return frames.flatMap((frame) =>
    roles.map((role) => {
      const true_ =
        work.kind === 'finish'
          ? finishedLine(frame, work.stitched.sha256)
          : renderedLine(lease.scene.sha256, frame, role, work.window ?? 'whole', work.sampleRange)
      const line = lie === null ? true_ : `${lie}: frame ${frame} ${role}`
      return {
        line,
        file: { name: `${role}-${frame}`, frame, role, bytes: Buffer.byteLength(line), sha256: hashOf(line) },
      }
    }),
  )
}

/** What must be seen on the delivered image of a frame. */
export function trueFinal(job: JobRecord, frame: number): string {
  const { plan, scene } = job
  const { tiles, samples } = plan
  if (tiles === undefined) return renderedLine(scene.sha256, frame, 'final', 'whole')
  const ranges = Array.from({ length: rangesPerTile(plan) }, (_, index) =>
    samples === undefined ? undefined : sampleRangeOf(samples, index),
  )
  const lines = Array.from({ length: tilesPerFrame(plan) }, (_, tile) =>
    ranges.map((range) => renderedLine(scene.sha256, frame, 'raw', tileOfPlan(plan, tiles, tile).window, range)),
  ).flat()
  return finishedLine(frame, hashOf(stitchedLine(lines)))
}

/** Tile by tile, the ranges of each in order. */
export function stitchedLine(tiles: readonly string[]): string {
  return tiles.join(' + ')
}

export function hashOf(line: string): Sha256 {
  return Sha256.parse(createHash('sha256').update(line).digest('hex'))
}

function renderedLine(scene: string, frame: number, role: string, window: unknown, range?: SampleRange): string {
  return (
    `scene ${scene.slice(0, 8)} frame ${frame} ${role} ` +
    `${JSON.stringify(window)}${range === undefined ? '' : ` samples ${range.offset} + ${range.count}`}`
  )
}

function finishedLine(frame: number, stitched: string): string {
  return `finished frame ${frame} of ${stitched}`
}
