import { z } from 'zod'
import { DeviceKind } from '../../shared/protocol/worker.ts'

const UNITS: Readonly<Record<string, number>> = {
  b: 1,
  '': 1,
  k: 2 ** 10,
  kib: 2 ** 10,
  m: 2 ** 20,
  mib: 2 ** 20,
  g: 2 ** 30,
  gib: 2 ** 30,
  t: 2 ** 40,
  tib: 2 ** 40,
}
const STEPS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const

/** A whole number written in digits. */
export const WholeNumber = z
  .string()
  .regex(/^\d{1,15}$/, 'must be a whole number')
  .transform(Number)

/** A share from 0 to 1, or in percent: `0.1`, `10%`. */
export const Share = z
  .string()
  .regex(/^(\d+(\.\d+)?|\.\d+)%?$/, 'must be a share such as 0.1 or 10%')
  .transform((text) => (text.endsWith('%') ? Number(text.slice(0, -1)) / 100 : Number(text)))
  .refine((share) => share <= 1, 'must be at most 1, which is 100%')

/** Seconds, with a part of one if need be: `2.5`. */
export const Seconds = z
  .string()
  .regex(/^\d{1,9}(\.\d{1,3})?$/, 'must be seconds such as 5 or 2.5')
  .transform(Number)

/** A size such as `8GiB`, `512 MiB` or `1024`, in bytes. */
export const ByteSize = z.string().transform((text, context) => {
  const found = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim())
  const factor = UNITS[(found?.[2] ?? '?').toLowerCase()]
  if (found !== null && factor !== undefined) return Math.round(Number(found[1]) * factor)
  context.issues.push({
    code: 'custom',
    message: 'must be a size such as 8GiB, 512MiB or a number of bytes',
    input: text,
  })
  return z.NEVER
})

/** `2x2`, as columns and rows. */
export const Tiles = z
  .string()
  .regex(/^\d{1,9}x\d{1,9}$/i, 'must be columns x rows, such as 2x2')
  .transform((text) => pairOf(text))
  .transform(([columns, rows]) => ({ columns, rows }))

/** `1920x1080`, or `50%`. */
export const Resolution = z
  .string()
  .regex(
    /^(\d{1,9}x\d{1,9}|\d{1,9}%)$/i,
    "must be width x height in pixels, such as 1920x1080, or percent of the scene's own size, such as 50%",
  )
  .transform((text) => {
    if (text.endsWith('%')) return { percentage: Number(text.slice(0, -1)) }
    const [width, height] = pairOf(text)
    return { width, height }
  })

/** Kinds of devices: `cuda, OPTIX`. */
export const DeviceKinds = z
  .string()
  .transform((text) => text.split(',').map((kind) => kind.trim().toUpperCase()))
  .pipe(z.array(DeviceKind))

function pairOf(text: string): [number, number] {
  const [first, second] = text.toLowerCase().split('x')
  return [Number(first), Number(second)]
}

/** `1.5 GiB`. */
export function formatBytes(bytes: number): string {
  let step = 0
  let amount = bytes
  while (amount >= 1024 && step < STEPS.length - 1) {
    amount /= 1024
    step++
  }
  return `${step === 0 || amount >= 100 ? Math.round(amount) : amount.toFixed(1)} ${STEPS[step]}`
}

/** `42 s`, `3 min 05 s`, `2 h 04 min`. */
export function formatSeconds(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, '0')} min`
}
