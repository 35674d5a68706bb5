// What the driver says. Blender runs other people's scenes, so its answers are parsed like any stranger's.

import { z } from 'zod'
import { Blame } from '../../shared/protocol/failure.ts'
import { Inspection } from './inspection.ts'

const PATH_LENGTH_MAX = 4_096
const Text = z.string().max(1_000)
const Bytes = z.int().min(0)
const Seconds = z.number().min(0)

const WrittenFile = z.object({ path: z.string().max(PATH_LENGTH_MAX), bytes: Bytes })

const Probe = z.object({
  blenderVersion: z.string().regex(/^\d{1,3}\.\d{1,3}\.\d{1,3}$/),
  buildHash: Text,
  buildPlatform: Text,
  devices: z
    .array(z.object({ kind: z.enum(['CPU', 'CUDA', 'OPTIX', 'HIP', 'METAL', 'ONEAPI']), name: Text, id: Text }))
    .max(256),
  engines: z.array(Text).max(64),
  hasDenoiser: z.boolean(),
})

const Opened = z.object({ loaded: z.boolean(), loadSeconds: Seconds, scene: Text })

const Rendered = z.object({
  files: z.object({
    final: WrittenFile.optional(),
    raw: WrittenFile.optional(),
    display: WrittenFile.optional(),
    sound: WrittenFile.optional(),
  }),
  /**
   * Files that File Output nodes wrote below outputs.extraDir; with an empty node, those of a stereo scene's further
   * views and previews. `place`: the path that mirrors the artist's.
   */
  extra: z
    .array(WrittenFile.extend({ node: Text, slot: Text, place: z.string().max(PATH_LENGTH_MAX) }))
    .max(100_000)
    .default([]),
  /** Names of File Output nodes that were kept from writing because there was no extraDir. */
  notHonoured: z.array(Text).max(10_000).default([]),
  renderSeconds: Seconds,
  /** Time spent loading the scene again within this command; 0 when it was open. */
  loadSeconds: Seconds,
  peakMemoryBytes: Bytes,
  size: z.object({ width: z.int().min(1), height: z.int().min(1) }),
})

/** The answer to each command, without `id` and `ok`. */
export const ANSWERS = {
  probe: Probe,
  open: Opened,
  inspect: Inspection,
  render: Rendered,
  finish: Rendered,
  quit: z.object({ quit: z.literal(true) }),
}

export type CommandName = keyof typeof ANSWERS
export type AnswerTo<Command extends CommandName> = z.infer<(typeof ANSWERS)[Command]>

/** How a command ended; what it answered besides is parsed by the command's own schema. */
const Ended = z.union([
  z.object({ id: z.int().nullable(), ok: z.literal(true) }),
  z.object({
    id: z.int().nullable(),
    ok: z.literal(false),
    code: z.string().max(64),
    blame: Blame,
    message: z.string().max(8_000),
  }),
])
export type Ended = z.infer<typeof Ended>

/** Any line of the answer descriptor. */
export const DriverLine = z.union([
  z.object({ event: z.literal('ready') }),
  z.object({ event: z.literal('progress'), text: z.string().max(2_000) }),
  Ended,
])
export type DriverLine = z.infer<typeof DriverLine>
