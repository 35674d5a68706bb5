/*
 * How each option of a job is typed. What it means and which values it may have stands in the protocol; the words there
 * are the help here. The compiler asks for a row for each option of the protocol.
 */
import { type Command, Option } from 'commander'
import { z } from 'zod'
import { JobChange, JobRequest, type JobView } from '../../../shared/protocol/job.ts'
import type { RenderSettings } from '../../../shared/protocol/render-settings.ts'
import type { Requirement } from '../../../shared/protocol/worker.ts'
import { ByteSize, DeviceKinds, Resolution, Seconds, Share, Tiles, WholeNumber } from '../quantities.ts'

type Parts = 'settings' | 'requirement'

/** Where an option is in the request: `tiles`, `settings.samples`. */
type OptionPath =
  | keyof Omit<JobRequest, 'scene' | Parts>
  | `settings.${keyof Omit<RenderSettings, 'format'>}`
  | `settings.format.${keyof NonNullable<RenderSettings['format']>}`
  | `requirement.${keyof Requirement}`

interface Row {
  readonly flag: string
  /** From what was typed to what the request says; text by default. */
  readonly typed?: z.ZodType
  /** Shown in the help where the words of the protocol do not tell what to type. */
  readonly example?: string
  /** May be given several times. */
  readonly several?: true
}

/** Of an option that `tilework change` takes, too. */
interface ChangeableRow extends Row {
  /** What the command says of a job that was changed. */
  readonly shown: (job: JobView) => string
}

/** Null: the farm finds it out by itself, so that nobody types it. */
const ROWS: { readonly [P in OptionPath]-?: P extends keyof JobChange ? ChangeableRow : Row | null } = {
  frames: { flag: '--frames <ranges>', shown: ({ plan }) => `frames ${plan.frames}` },
  tiles: { flag: '--tiles <CxR>', typed: Tiles, example: '2x2' },
  sampleRanges: { flag: '--sample-ranges <n>', typed: WholeNumber },
  chunk: { flag: '--chunk <n>', typed: WholeNumber },
  'settings.samples': { flag: '--samples <n>', typed: WholeNumber },
  'settings.resolution': { flag: '--resolution <size>', typed: Resolution, example: '1920x1080 or 50%' },
  'settings.format.file': { flag: '--format <format>' },
  'settings.format.colorDepth': { flag: '--color-depth <bits>' },
  'settings.format.quality': { flag: '--quality <percent>', typed: WholeNumber },
  video: { flag: '--video <container>' },
  audio: { flag: '--audio <choice>' },
  'settings.scene': { flag: '--scene <name>' },
  'settings.camera': { flag: '--camera <name>' },
  'settings.viewLayer': { flag: '--view-layer <name>' },
  'settings.engine': { flag: '--engine <engine>' },
  'settings.ocio': { flag: '--ocio <path>', example: 'config/aces.ocio' },
  name: { flag: '--name <name>', shown: ({ name }) => `name "${name}"` },
  priority: { flag: '--priority <0-100>', typed: WholeNumber, shown: ({ priority }) => `priority ${priority}` },
  cap: { flag: '--cap <n>', typed: WholeNumber, shown: ({ cap }) => (cap === undefined ? 'no cap' : `cap ${cap}`) },
  auditRate: { flag: '--audit <share>', typed: Share, example: '0.1 or 10%' },
  'requirement.deviceKinds': { flag: '--require-device <kinds>', typed: DeviceKinds, example: 'CUDA,OPTIX' },
  'requirement.gpuMemoryBytesMin': { flag: '--min-gpu-memory <size>', typed: ByteSize, example: '8GiB' },
  'requirement.memoryBytesMin': { flag: '--min-memory <size>', typed: ByteSize, example: '32GiB' },
  'requirement.blenderVersionMin': { flag: '--blender-min <version>' },
  'requirement.blenderVersionMax': { flag: '--blender-max <version>' },
  'requirement.tags': { flag: '--tag <tag>', typed: z.array(z.string()), several: true },
  'requirement.denoiser': null,
  secondsPerTaskMin: { flag: '--min-seconds <n>', typed: Seconds },
  allowMissingFiles: { flag: '--allow-missing', typed: z.boolean() },
}

/** An option as the command has it. */
export interface JobOption extends Required<Pick<Row, 'typed'>> {
  readonly path: string
  /** `--min-seconds`, and the name under which commander gives what was typed: `minSeconds`. */
  readonly long: string
  readonly key: string
}

/** An option of `tilework change`. */
export interface ChangeOption extends JobOption, Pick<ChangeableRow, 'shown'> {
  /** `none` takes it away. */
  readonly removable: boolean
}

const rows = Object.entries(ROWS).flatMap(([path, row]) => (row === null ? [] : [{ path, row }]))

/** All that describes a job, in the order of the help. */
export const JOB_OPTIONS: readonly JobOption[] = rows.map(({ path, row }) => optionOf(path, row))

export const CHANGE_OPTIONS: readonly ChangeOption[] = rows.flatMap(({ path, row }) =>
  'shown' in row ? [{ ...optionOf(path, row), shown: row.shown, removable: isRemovable(path) }] : [],
)

/** Adds the options that describe a job, read by job-request.ts. */
export function addJobOptions(command: Command): Command {
  for (const { path, row } of rows) addOption(command, row, helpOf(JobRequest, path, row))
  return command.option('--main <path>', 'the .blend to render in a project folder or .zip')
}

/** Adds those that may change while the job runs. */
export function addChangeOptions(command: Command): Command {
  for (const { path, row } of rows)
    if ('shown' in row)
      addOption(command, row, `${helpOf(JobChange, path, row)}${isRemovable(path) ? '; or none' : ''}`)
  return command
}

function optionOf(path: string, { flag, typed = z.string() }: Row): JobOption {
  const option = new Option(flag)
  return { path, typed, long: option.long ?? flag, key: option.attributeName() }
}

function addOption(command: Command, { flag, several }: Row, help: string): void {
  if (several === true) command.option(flag, `${help}; may be given several times`, collect)
  else command.option(flag, help)
}

function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value]
}

function helpOf(schema: z.ZodType, path: string, { example }: Row): string {
  const words = schemaAt(schema, path).description
  if (words === undefined) throw new Error(`the protocol does not say what the option ${path} of a job means`)
  return `${words.charAt(0).toLowerCase()}${words.slice(1)}${example === undefined ? '' : ` (such as ${example})`}`
}

function isRemovable(path: string): boolean {
  return schemaAt(JobChange, path).safeParse(null).success
}

function schemaAt(schema: z.ZodType, path: string): z.ZodType {
  let at = schema
  for (const name of path.split('.')) {
    const object = at instanceof z.ZodOptional ? at.unwrap() : at
    const next: unknown = object instanceof z.ZodObject ? object.shape[name] : undefined
    if (!(next instanceof z.ZodType)) throw new Error(`the protocol has no option ${path} of a job`)
    at = next
  }
  return at
}
