/*
 * Preloaded into the processes of a chaos run (`node --import`): the wall clock of the process is off by as many
 * milliseconds as the file TILEWORK_TEST_CLOCK_FILE says, which is read again and again. The monotonic clock is left
 * alone, as on a machine whose clock somebody sets.
 */
import { readFileSync } from 'node:fs'

const READ_EVERY_MS = 250
const file = process.env.TILEWORK_TEST_CLOCK_FILE
const RealDate = Date
let shiftMs = 0

function read() {
  try {
    shiftMs = Number(readFileSync(file, 'utf8')) || 0
  } catch {
    shiftMs = 0 // no file: the clock is right
  }
}

if (file) {
  read()
  setInterval(read, READ_EVERY_MS).unref()
  const now = () => RealDate.now() + shiftMs
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, args, newTarget) => Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget),
    apply: () => new RealDate(now()).toString(),
    get: (target, name, receiver) => (name === 'now' ? now : Reflect.get(target, name, receiver)),
  })
}
