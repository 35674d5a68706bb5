import { readFile } from 'node:fs/promises'
import { BENCH_TOKEN } from './bench-coordinator.ts'

/** One request to a coordinator of a benchmark; throws what it says unless it is content. */
export async function call(
  url: string,
  path: string,
  options: { method?: string; json?: unknown; form?: FormData } = {},
): Promise<any> {
  const { json, form } = options
  const answer = await fetch(url + path, {
    method: options.method ?? (json === undefined && form === undefined ? 'GET' : 'POST'),
    headers: {
      authorization: `Bearer ${BENCH_TOKEN}`,
      ...(json === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(form !== undefined ? { body: form } : json === undefined ? {} : { body: JSON.stringify(json) }),
  })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${text}`)
  return text === '' ? null : JSON.parse(text)
}

/** Hands the sample scene in and gives its hash. */
export async function uploadSample(url: string): Promise<string> {
  const form = new FormData()
  form.append('scene', new Blob([await readFile('services/cli/sample/sample.blend')]), 'sample.blend')
  return (await call(url, '/v1/scenes', { form })).sha256
}

/** A job of so many whole frames, without audits; gives its id. */
export async function submit(url: string, scene: string, tasks: number): Promise<string> {
  return (await call(url, '/v1/jobs', { json: { scene, frames: `1-${tasks}`, auditRate: 0, video: 'none' } })).id
}
