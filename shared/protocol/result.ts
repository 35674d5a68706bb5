/** A refusal: an expected "no" that the caller handles. `code` is stable, `message` is for people. */
export interface Refusal<Code extends string = string> {
  readonly ok: false
  readonly code: Code
  readonly message: string
}

/** What a function gives that can be refused: the value, or a refusal. Outages are thrown instead. */
export type Result<T, Code extends string = string> = { readonly ok: true; readonly value: T } | Refusal<Code>

/** Wraps a value as a granted result. */
export function ok<T>(value: T): { readonly ok: true; readonly value: T } {
  return { ok: true, value }
}

/** Makes a refusal; the message says what is wrong, where, and what to do about it. */
export function refuse<Code extends string>(code: Code, message: string): Refusal<Code> {
  return { ok: false, code, message }
}
