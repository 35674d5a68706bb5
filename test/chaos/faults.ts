/*
 * What goes wrong in a chaos run. Each fault happens at once, lasts for a while, and is mended; several may last at the
 * same time.
 */
import { writeFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import type { SeededRandom } from '../simulation/random.ts'
import type { Part } from '../support/part.ts'
import type { ProcessFarm } from '../support/process-farm.ts'
import type { SmallDisk } from '../support/small-disk.ts'

/** The farm, and what else a fault takes hold of. */
export interface Stage {
  readonly farm: ProcessFarm
  readonly disks: readonly { readonly of: string; readonly disk: SmallDisk }[]
  /** The file that shifts the clock of a part. */
  clockFile(part: Part): string
  /** Parts of these are not started again by the supervisor while it is true. */
  readonly held: Set<string>
  readonly signal: AbortSignal
}

export interface Fault {
  readonly name: string
  /** How often it is drawn, against the others. */
  readonly weight: number
  /**
   * Does it and mends it; tells first what it does. Does nothing (and tells nothing) where it cannot at this moment.
   */
  play(stage: Stage, random: SeededRandom, tell: (what: string) => void): Promise<void>
}

const SERVICES = /^(coordinator|verifier|assembler)/

export const FAULTS: readonly Fault[] = [
  { name: 'a coordinator is killed', weight: 4, play: kill(/^coordinator/, 8) },
  { name: 'a coordinator is asked to stop', weight: 2, play: stop(/^coordinator/, 5) },
  { name: 'a coordinator stands still', weight: 3, play: freeze(/^coordinator/, 20) },
  { name: 'a worker is killed', weight: 3, play: kill(/^worker/, 10) },
  { name: 'a worker stands still', weight: 3, play: freeze(/^worker/, 25) },
  { name: 'a verifier or assembler is killed', weight: 3, play: kill(/^(verifier|assembler)/, 6) },
  { name: 'a verifier or assembler stands still', weight: 2, play: freeze(/^(verifier|assembler)/, 40) },
  { name: 'Blender dies', weight: 2, play: killBlender },
  { name: 'Redis is killed and starts again', weight: 2, play: restartRedis },
  { name: 'Redis stands still', weight: 2, play: freezeRedis },
  { name: 'Redis is emptied and recovered', weight: 2, play: emptyRedis },
  { name: 'connections to Redis break', weight: 2, play: cut('redisLine') },
  { name: 'no byte passes to Redis', weight: 1, play: stall('redisLine', 10) },
  { name: 'the object store is down', weight: 2, play: close('storeLine', 15) },
  { name: 'connections to the object store break', weight: 2, play: cut('storeLine') },
  { name: 'no byte passes to the object store', weight: 1, play: stall('storeLine', 15) },
  { name: 'connections to the coordinators break', weight: 2, play: cut('front') },
  { name: 'no byte passes to the coordinators', weight: 1, play: stall('front', 12) },
  { name: 'a disk is full', weight: 3, play: fillDisk },
  { name: 'a clock jumps', weight: 2, play: jumpClock },
]

function some(stage: Stage, random: SeededRandom, names: RegExp): Part | null {
  const parts = [...stage.farm.parts.values()].filter(
    (part) => names.test(part.name) && part.alive && !part.still && !stage.held.has(part.name),
  )
  return parts.length === 0 ? null : random.pick(parts)
}

/** Waits, unless the run is to end. */
async function last(stage: Stage, seconds: number): Promise<void> {
  await pause(seconds * 1000, undefined, { signal: stage.signal }).catch(() => undefined)
}

function kill(names: RegExp, downSecondsMax: number): Fault['play'] {
  return takeDown(names, downSecondsMax, 'is killed', (part) => part.kill())
}

function stop(names: RegExp, downSecondsMax: number): Fault['play'] {
  return takeDown(names, downSecondsMax, 'is asked to stop', (part) => part.stop())
}

function takeDown(
  names: RegExp,
  downSecondsMax: number,
  how: string,
  end: (part: NonNullable<ReturnType<typeof some>>) => Promise<unknown>,
): Fault['play'] {
  return async (stage, random, tell) => {
    const part = some(stage, random, names)
    if (part === null) return
    const seconds = random.between(0, downSecondsMax)
    tell(`${part.name} ${how}, and started again after ${seconds.toFixed(1)} s`)
    stage.held.add(part.name)
    await end(part)
    await last(stage, seconds)
    stage.held.delete(part.name)
    part.start()
  }
}

function freeze(names: RegExp, secondsMax: number): Fault['play'] {
  return async (stage, random, tell) => {
    const part = some(stage, random, names)
    if (part === null) return
    const seconds = random.between(0.5, secondsMax)
    tell(`${part.name} stands still for ${seconds.toFixed(1)} s`)
    stage.held.add(part.name)
    part.freeze()
    await last(stage, seconds)
    part.thaw()
    stage.held.delete(part.name)
  }
}

async function killBlender({ farm }: Stage, random: SeededRandom, tell: (what: string) => void): Promise<void> {
  const workers = [...farm.parts.values()].filter((part) => part.isWorker && part.alive)
  const found = (
    await Promise.all(workers.map(async ({ name }) => (await farm.blendersOf(name)).map((pid) => ({ name, pid }))))
  ).flat()
  if (found.length === 0) return
  const { name, pid } = random.pick(found)
  const signal = random.pick(['SIGKILL', 'SIGSEGV', 'SIGABRT'] as const)
  tell(`a Blender of ${name} ends by ${signal}`)
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

async function restartRedis(stage: Stage, random: SeededRandom, tell: (what: string) => void): Promise<void> {
  if (!hold(stage, 'redis')) return
  const seconds = random.between(0, 8)
  tell(`Redis is killed, and started again after ${seconds.toFixed(1)} s`)
  await stage.farm.redis.kill()
  await last(stage, seconds)
  await stage.farm.redis.start()
  stage.held.delete('redis')
}

async function freezeRedis(stage: Stage, random: SeededRandom, tell: (what: string) => void): Promise<void> {
  if (!hold(stage, 'redis')) return
  const seconds = random.between(0.5, 12)
  tell(`Redis stands still for ${seconds.toFixed(1)} s`)
  stage.farm.redis.freeze()
  await last(stage, seconds)
  stage.farm.redis.thaw()
  stage.held.delete('redis')
}

/** What was accepted in the last seconds before may be rendered again; the counts then show that. */
async function emptyRedis(stage: Stage, _random: SeededRandom, tell: (what: string) => void): Promise<void> {
  if (!hold(stage, 'redis')) return
  tell('Redis is emptied, and recovered from the object store')
  await stage.farm.emptyRedis()
  // Until it works: the object store may be away meanwhile.
  while (!stage.signal.aborted && !(await stage.farm.recover())) await last(stage, 1)
  if (stage.signal.aborted) await stage.farm.recover()
  stage.held.delete('redis')
}

type LineName = 'redisLine' | 'storeLine' | 'front'
const LEADS_TO: Readonly<Record<LineName, string>> = {
  redisLine: 'Redis',
  storeLine: 'the object store',
  front: 'the coordinators',
}

function cut(name: LineName): Fault['play'] {
  return async ({ farm }, _random, tell) => {
    tell(`all connections to ${LEADS_TO[name]} break`)
    farm[name]?.cut()
  }
}

function stall(name: LineName, secondsMax: number): Fault['play'] {
  return async (stage, random, tell) => {
    if (!hold(stage, name)) return
    const seconds = random.between(0.5, secondsMax)
    tell(`no byte passes to ${LEADS_TO[name]} for ${seconds.toFixed(1)} s`)
    stage.farm[name]?.stall()
    await last(stage, seconds)
    stage.farm[name]?.mend()
    stage.held.delete(name)
  }
}

function close(name: LineName, secondsMax: number): Fault['play'] {
  return async (stage, random, tell) => {
    if (!hold(stage, name)) return
    const seconds = random.between(0.5, secondsMax)
    tell(`${LEADS_TO[name]} cannot be reached for ${seconds.toFixed(1)} s`)
    stage.farm[name]?.close()
    await last(stage, seconds)
    stage.farm[name]?.mend()
    stage.held.delete(name)
  }
}

async function fillDisk(stage: Stage, random: SeededRandom, tell: (what: string) => void): Promise<void> {
  const free = stage.disks.filter(({ of }) => !stage.held.has(`disk of ${of}`))
  if (free.length === 0) return
  const { of, disk } = random.pick(free)
  if (!hold(stage, `disk of ${of}`)) return
  const seconds = random.between(2, 15)
  tell(`the disk of ${of} is full for ${seconds.toFixed(1)} s`)
  await disk.fill()
  await last(stage, seconds)
  await disk.free()
  stage.held.delete(`disk of ${of}`)
}

async function jumpClock(stage: Stage, random: SeededRandom, tell: (what: string) => void): Promise<void> {
  const part = some(stage, random, random.chance(0.7) ? SERVICES : /^worker/)
  if (part === null || !hold(stage, `clock of ${part.name}`)) return
  const shiftMs =
    Math.round(random.between(5_000, random.chance(0.5) ? 120_000 : 7_200_000)) * (random.chance(0.5) ? 1 : -1)
  const seconds = random.between(5, 60)
  tell(`the clock of ${part.name} jumps by ${Math.round(shiftMs / 1000)} s for ${seconds.toFixed(1)} s`)
  await writeFile(stage.clockFile(part), String(shiftMs))
  await last(stage, seconds)
  await writeFile(stage.clockFile(part), '0')
  stage.held.delete(`clock of ${part.name}`)
}

/** True when nothing else has hold of it; it is ours then. */
function hold({ held }: Stage, what: string): boolean {
  if (held.has(what)) return false
  held.add(what)
  return true
}
