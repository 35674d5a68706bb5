import { resolve } from 'node:path'
import { parseArgs } from 'node:util'

export interface Options {
  readonly folder: string
  readonly blenders: readonly string[]
  readonly only: RegExp | undefined
  readonly skip: RegExp | undefined
  /** Longer side of a frame, at most. */
  readonly pixels: number
  readonly samples: number
  /** For the jobs of one scene, and again for its bare frames. */
  readonly seconds: number
  readonly json: string
  readonly resume: boolean
  /** Missing files are a reason to refuse, as without `--allow-missing`. */
  readonly strict: boolean
}

const USAGE =
  'usage: npm run try-scenes -- FOLDER [--blender PATH]... [--only RE] [--skip RE] [--pixels 160] [--samples 4] ' +
  '[--seconds 300] [--json FILE] [--resume] [--strict]'

/** What was typed. Throws an error with the usage for what cannot be. */
export function readOptions(args: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      blender: { type: 'string', multiple: true },
      only: { type: 'string' },
      skip: { type: 'string' },
      pixels: { type: 'string', default: '160' },
      samples: { type: 'string', default: '4' },
      seconds: { type: 'string', default: '300' },
      json: { type: 'string', default: '.benchmarks/try-scenes.json' },
      resume: { type: 'boolean', default: false },
      strict: { type: 'boolean', default: false },
    },
  })
  const [folder] = positionals
  if (folder === undefined || positionals.length > 1)
    throw new Error(`${positionals.length} folders were named; name one. ${USAGE}`)
  return {
    folder: resolve(folder),
    blenders: values.blender ?? ['blender'],
    only: values.only === undefined ? undefined : new RegExp(values.only, 'i'),
    skip: values.skip === undefined ? undefined : new RegExp(values.skip, 'i'),
    pixels: wholeNumber('--pixels', values.pixels),
    samples: wholeNumber('--samples', values.samples),
    seconds: wholeNumber('--seconds', values.seconds),
    json: resolve(values.json),
    resume: values.resume,
    strict: values.strict,
  }
}

function wholeNumber(option: string, text: string): number {
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new Error(`${option} ${text}: a whole number above 0 is wanted. ${USAGE}`)
  return Number(text)
}
