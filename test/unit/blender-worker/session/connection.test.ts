import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { WebSocketServer } from 'ws'
import { Connection } from '../../../../blender-worker/session/connection.ts'

test('a coordinator that does not read is given up before what waits for it fills the memory', async () => {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  server.on('connection', (socket) => socket.pause())
  await once(server, 'listening')
  let open: () => void = () => undefined
  const isOpen = new Promise<void>((resolve) => (open = resolve))
  const connection = new Connection({
    url: new URL(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`),
    token: 'x',
    log: pino({ enabled: false }),
    onOpen: open,
    onMessage: () => undefined,
    onBeat: () => undefined,
  })
  await isOpen
  let sent = 0
  while (connection.send('x'.repeat(250_000))) sent += 1
  expect(sent).toBeLessThan(200)
  expect(await connection.closed).toEqual({ code: 1006, reason: 'the coordinator does not read what it is sent' })
  for (const socket of server.clients) socket.terminate()
  server.close()
})
