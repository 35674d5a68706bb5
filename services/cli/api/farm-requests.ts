/*
 * One HTTP request to the farm: its token, its deadline, and what becomes of an answer that is not a success. The token
 * goes to the farm's own address and nowhere else.
 */
import { z } from 'zod'
import { ERRORS } from '../../../shared/protocol/errors.ts'
import { Problem } from '../../../shared/protocol/rest.ts'
import { CommandFailure, EXIT_CODES, exitCodeOf } from '../exit-codes.ts'
import type { FarmAddress } from '../farm-address.ts'

/** Longest wait for an answer that is not an upload: the largest, a page of 500 jobs, takes a second or two. */
const ANSWER_TIMEOUT_MS = 60_000
/** Problems are short; what is longer comes from something that is not a farm. */
const PROBLEM_LENGTH_MAX = 100_000
/** Codes of the system and of fetch, and what they mean to a person. */
const NETWORK_WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing is listening there',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'the name of the host could not be looked up',
  ECONNRESET: 'the connection was cut',
  UND_ERR_SOCKET: 'the connection was cut',
  ETIMEDOUT: 'it did not answer in time',
  UND_ERR_CONNECT_TIMEOUT: 'it did not answer in time',
  UND_ERR_HEADERS_TIMEOUT: 'it did not answer in time',
  EHOSTUNREACH: 'there is no route to that host',
  ENETUNREACH: 'there is no route to that network',
}

/** The farm refused a request. */
export class FarmRefusal extends CommandFailure {
  readonly status: number
  readonly retry: boolean
  constructor(problem: Problem) {
    super(exitCodeOf(problem.code), problem.code, problem.detail, problem.errors)
    this.status = problem.status
    this.retry = ERRORS[problem.code].retry
  }
}

/** No answer came, or none that a farm gives. */
export class FarmUnreachable extends CommandFailure {
  constructor(url: string, why: string) {
    super(
      EXIT_CODES.unreachable,
      'unreachable',
      `the farm at ${url} cannot be reached: ${why}. Start one with "tilework ` +
        'up", or name another with --url or TILEWORK_URL',
    )
  }
}

export interface FarmRequest {
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'PUT' | 'DELETE'
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON. */
  readonly json?: unknown
  /** Sent as it comes. */
  readonly stream?: AsyncIterable<Uint8Array>
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
  /** Statuses besides success that the caller looks at itself. */
  readonly allow?: readonly number[]
}

export class FarmRequests {
  readonly address: FarmAddress

  constructor(address: FarmAddress) {
    this.address = address
  }

  /** Sends a request to a path of the farm. Throws FarmRefusal, FarmUnreachable, or the reason of an aborted signal. */
  async send(path: string, request: FarmRequest = {}): Promise<Response> {
    const response = await this.tryOnce(path, request)
    if (response.ok || request.allow?.includes(response.status) === true) return response
    throw await this.refusalIn(response)
  }

  /** Sends a request and gives its JSON as the schema has it. */
  async json<T extends z.ZodType>(path: string, schema: T, request: FarmRequest = {}): Promise<z.output<T>> {
    const response = await this.send(path, request)
    const text = await this.guard(() => response.text(), request.signal)
    const parsed = schema.safeParse(jsonOrNull(text))
    if (parsed.success) return parsed.data
    const issue = parsed.error.issues[0]
    throw new CommandFailure(
      EXIT_CODES.failed,
      'bad_answer',
      `${path.split('?', 1)[0]}: the farm sent an answer that this program does not understand ` +
        `(${issue?.path.join('.') || 'body'}: ${issue?.message}); it may be another version of Tilework`,
    )
  }

  private async tryOnce(
    path: string,
    { method = 'GET', headers = {}, json, stream, timeoutMs = ANSWER_TIMEOUT_MS, signal }: FarmRequest,
  ): Promise<Response> {
    const deadline = AbortSignal.timeout(timeoutMs)
    const body = stream === undefined ? JSON.stringify(json) : ReadableStream.from(stream)
    return this.guard(
      () =>
        fetch(new URL(`${this.address.url}${path}`), {
          method,
          redirect: 'manual',
          signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
          headers: {
            ...(this.address.token === undefined ? {} : { authorization: `Bearer ${this.address.token}` }),
            ...(json === undefined ? {} : { 'content-type': 'application/json' }),
            ...headers,
          },
          ...(body === undefined ? {} : { body }),
          ...(stream === undefined ? {} : { duplex: 'half' as const }),
        }),
      signal,
    )
  }

  private async guard<T>(call: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    try {
      return await call()
    } catch (error) {
      signal?.throwIfAborted()
      throw new FarmUnreachable(this.address.url, networkWords(error))
    }
  }

  private async refusalIn(response: Response): Promise<CommandFailure> {
    const text = (await this.guard(() => response.text(), undefined)).slice(0, PROBLEM_LENGTH_MAX)
    const problem = Problem.safeParse(jsonOrNull(text))
    if (problem.success) return new FarmRefusal(problem.data)
    if (response.status === 401 || response.status === 403)
      return new CommandFailure(
        EXIT_CODES.unauthorized,
        'unauthorized',
        `the farm answered ${response.status}; give a token with --token or TILEWORK_TOKEN`,
      )
    return new FarmUnreachable(this.address.url, `what answers there (with ${response.status}) is not a Tilework farm`)
  }
}

/** What went wrong on the network, for a person. */
export function networkWords(error: unknown): string {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause.name === 'TimeoutError') return 'it did not answer in time'
    const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : ''
    const words = NETWORK_WORDS[code]
    if (words !== undefined) return words
    if (cause.cause === undefined) return cause.message || code
  }
  return String(error)
}

function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
