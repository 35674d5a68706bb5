import type { WebSocket } from 'ws'

/** How long a worker may take to answer a close, in ms: a round trip over a bad line. */
const CLOSING_MS = 2_000
/** Of the reason in a close frame, by the WebSocket protocol. */
const REASON_BYTES_MAX = 123

/** Says why and closes; whoever does not answer that is cut off. */
export function closeSurely(socket: WebSocket, code: number, reason: string): void {
  socket.close(code, firstBytes(reason, REASON_BYTES_MAX))
  const cut = setTimeout(() => socket.terminate(), CLOSING_MS)
  socket.once('close', () => clearTimeout(cut))
}

/** The text cut to so many bytes of UTF-8, between two characters. */
function firstBytes(text: string, bytesMax: number): string {
  const bytes = Buffer.from(text)
  if (bytes.length <= bytesMax) return text
  let end = bytesMax
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1
  return bytes.toString('utf8', 0, end)
}
