/*
 * Which farm a command talks to, and with which token. A farm on this machine has written its tokens into its data
 * folder, so that whoever may read that folder need not be asked for one; they are never sent to another machine.
 */
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { usageFailure } from './exit-codes.ts'

export const URL_DEFAULT = 'http://127.0.0.1:8470'
export const DATA_DIR_DEFAULT = '.tilework'
const TOKENS_FILE = 'tokens.json'
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/i

const Tokens = z.object({ api: z.string().min(1), worker: z.string().min(1) })
export type Tokens = z.infer<typeof Tokens>

export interface FarmAddress {
  /** Without a slash at its end. */
  readonly url: string
  /** Absent when none was given and none was found: the farm will say that it wants one. */
  readonly token: string | undefined
}

export interface AddressOptions {
  readonly url?: string | undefined
  readonly token?: string | undefined
  readonly dataDir?: string | undefined
}

/**
 * Options first, then the environment, then the tokens of a local farm. Throws a usage failure for an address that is
 * none.
 */
export async function findFarm(options: AddressOptions, environment: NodeJS.ProcessEnv): Promise<FarmAddress> {
  const url = farmUrl(options.url ?? nonEmpty(environment['TILEWORK_URL']) ?? URL_DEFAULT)
  const given = options.token ?? nonEmpty(environment['TILEWORK_TOKEN'])
  return {
    url: url.href.replace(/\/+$/, ''),
    token: given ?? (await localToken(url, 'api', options.dataDir, environment)),
  }
}

/**
 * The token that a farm on this machine wrote down for its own users or workers; undefined for a farm elsewhere, or
 * when it wrote none.
 */
export async function localToken(
  url: URL,
  kind: keyof Tokens,
  dataDir: string | undefined,
  environment: NodeJS.ProcessEnv,
): Promise<string | undefined> {
  if (!LOOPBACK.test(url.hostname)) return undefined
  const folder = resolve(dataDir ?? nonEmpty(environment['TILEWORK_DATA_DIR']) ?? DATA_DIR_DEFAULT)
  return (await readTokens(folder))?.[kind]
}

/**
 * What a farm wrote into its data folder; null when there is nothing. Throws a usage failure for a file that is not of
 * its form.
 */
export async function readTokens(dataDir: string): Promise<Tokens | null> {
  const path = join(dataDir, TOKENS_FILE)
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (
      error instanceof Error &&
      'code' in error &&
      (error.code === 'ENOENT' || error.code === 'ENOTDIR' || error.code === 'EACCES')
    )
      return null
    throw error
  }
  const parsed = Tokens.safeParse(jsonOrNull(text))
  if (!parsed.success) throw usageFailure(`${path} does not hold the tokens of a farm; give one with --token`)
  return parsed.data
}

function farmUrl(text: string): URL {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol))
    throw usageFailure(
      `--url: ${JSON.stringify(text)} is not the address of a farm; it ` +
        `looks like ${URL_DEFAULT} or https://farm.example`,
    )
  const url = new URL(text)
  url.search = ''
  url.hash = ''
  return url
}

function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === undefined || text === '' ? undefined : text
}
