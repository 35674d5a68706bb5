/*
 * Healthy: the event loop turns, and the worker's own process holds an open connection to the coordinator's port. An unhealthy
 * worker need not be restarted: it reconnects by itself and goes on rendering meanwhile.
 */
import { readdir, readFile, readlink } from 'node:fs/promises'
import { beatingProcess, endWith } from './check.mjs'

/** The state of an established connection in /proc/net/tcp. */
const ESTABLISHED = '01'

await endWith(async () => {
  const url = new URL((process.env.TILEWORK_WORKER_URL ?? '').replace(/^http/i, 'ws'))
  const port = Number(url.port || (url.protocol === 'wss:' ? 443 : 80))
  const pid = await beatingProcess()
  const sockets = await socketsOf(pid)
  const open = (await connectionsTo(port)).some((inode) => sockets.has(inode))
  if (!open) throw new Error(`the worker has no connection to port ${port} of ${url.hostname}`)
  return `connected to ${url.host}`
})

/** @param {number} pid */
async function socketsOf(pid) {
  const folder = `/proc/${pid}/fd`
  const targets = await Promise.all((await readdir(folder)).map((name) => readlink(`${folder}/${name}`).catch(() => ''))) // closed meanwhile
  return new Set(targets.flatMap((target) => /^socket:\[(\d+)\]$/.exec(target)?.[1] ?? []))
}

/** Inodes of this container's established connections to a port. @param {number} port */
async function connectionsTo(port) {
  const tables = await Promise.all(['tcp', 'tcp6'].map((name) => readFile(`/proc/net/${name}`, 'utf8').catch(() => ''))) // no IPv6 here
  const rows = tables.flatMap((table) => table.split('\n').slice(1)).map((line) => line.trim().split(/\s+/))
  return rows.filter((row) => row[3] === ESTABLISHED && Number.parseInt(row[2]?.split(':')[1] ?? '', 16) === port).map((row) => row[9] ?? '')
}
