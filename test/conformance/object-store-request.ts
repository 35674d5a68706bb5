/** Sends one HTTP request with exactly the headers given, and collects the answer. */
import { request } from 'node:http'
import { buffer } from 'node:stream/consumers'

export type Answer = { status: number; headers: Record<string, string>; body: Buffer }

/** Resolves with the answer, also when the server ends the connection before it has read the body. */
export async function sendRequest(
  method: string,
  url: string,
  headers: Record<string, string> = {},
  body?: Uint8Array,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, agent: false })
    sent.on('response', (response) => {
      buffer(response).then((answer) => {
        const found = Object.entries(response.headers).map(([name, value]) => [name, String(value)])
        resolve({ status: response.statusCode ?? 0, headers: Object.fromEntries(found), body: answer })
      }, reject)
    })
    sent.on('error', reject)
    sent.end(body)
  })
}
