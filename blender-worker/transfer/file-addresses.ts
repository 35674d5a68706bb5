import type { Sha256 } from '../../shared/protocol/ids.ts'
import { FileAddresses } from '../../shared/protocol/project.ts'
import { WorkFailure, errorCode } from '../failure.ts'
import { isPassing, waitBeforeRetry, type Patience } from './patience.ts'
import { httpUrl, placeOf } from './place.ts'

/** Asks the coordinator where files of a project can be read, at most `LIMITS.fileAddressesMax` at a time. */
export type AskAddresses = (scene: Sha256, files: readonly Sha256[], signal: AbortSignal) => Promise<URL[]>

/** The coordinator's REST side, asked with the worker's own token. */
export function addressesFrom(options: { coordinator: URL; token: string; patience: Patience }): AskAddresses {
  const { token, patience } = options
  const base = new URL(options.coordinator.href)
  base.pathname = base.pathname.replace(/\/v1\/worker$/, '').replace(/\/$/, '')
  return async (scene, files, signal) => {
    const url = httpUrl(`${base.pathname}/v1/scenes/${scene}/addresses`.replace('//', '/'), options.coordinator)
    if (url === undefined) throw new Error('the address of the coordinator is no HTTP address')
    for (let tries = 1; ; tries++) {
      const answer = await askOnce(url, token, files, signal, patience.stallMs)
      signal.throwIfAborted()
      if (typeof answer === 'object') return answer.map((text) => fileUrl(text, options.coordinator))
      const why = typeof answer === 'number' ? `HTTP ${answer}` : answer
      if ((typeof answer === 'number' && !isPassing(answer)) || tries >= patience.fruitlessTriesMax)
        throw new WorkFailure('scene_download_failed', `${placeOf(url)} did not say where the files are: ${why}`)
      await waitBeforeRetry(tries, patience, signal)
    }
  }
}

/** The addresses, a status, or why there is neither. */
async function askOnce(
  url: URL,
  token: string,
  files: readonly Sha256[],
  signal: AbortSignal,
  silenceMs: number,
): Promise<string[] | number | string> {
  const silence = new AbortController()
  const timer = setTimeout(() => silence.abort(), silenceMs)
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ files }),
      signal: AbortSignal.any([signal, silence.signal]),
    })
    if (!response.ok) {
      await response.body?.cancel()
      return response.status
    }
    const addresses = FileAddresses.safeParse(await response.json())
    return addresses.success && addresses.data.urls.length === files.length
      ? addresses.data.urls
      : 'the answer is not one of this version of Tilework'
  } catch (error) {
    return errorCode(error) ?? (error instanceof Error ? error.message : String(error))
  } finally {
    clearTimeout(timer)
  }
}

function fileUrl(text: string, coordinator: URL): URL {
  const url = httpUrl(text, coordinator)
  if (url === undefined)
    throw new WorkFailure('scene_download_failed', 'the coordinator sent a download address that is no HTTP URL')
  return url
}
