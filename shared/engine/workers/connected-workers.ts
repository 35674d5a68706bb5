import type { WorkerId } from '../../protocol/ids.ts'
import type { WorkerRecord } from '../../protocol/worker.ts'
import type { Engine } from '../context.ts'

/** Records read at once; between two lots others have their turn. */
const LOT = 500
/**
 * How long a reading is good, in ms for each worker in it: ten seconds with 10,000, so that reading never takes a large
 * part of the time.
 */
const MS_FOR_EACH = 1

interface Reading {
  readonly readAt: number
  readonly workers: ReadonlyMap<WorkerId, WorkerRecord>
}

const readings = new WeakMap<Engine, { last: Reading | null; running: Promise<Reading> | null }>()

/**
 * The workers that are connected to the farm, by id: read anew when there are few, up to some seconds old when there
 * are many. Many that ask at the same time wait for one reading.
 */
export async function connectedWorkers(engine: Engine): Promise<ReadonlyMap<WorkerId, WorkerRecord>> {
  const known = readings.get(engine) ?? { last: null, running: null }
  readings.set(engine, known)
  const { last } = known
  if (last !== null && engine.clock.now() - last.readAt < last.workers.size * MS_FOR_EACH) return last.workers
  known.running ??= read(engine)
    .then((reading) => (known.last = reading))
    .finally(() => (known.running = null))
  return (await known.running).workers
}

async function read(engine: Engine): Promise<Reading> {
  const readAt = engine.clock.now()
  const ids = [...(await engine.store.connectedWorkers())]
  const workers = new Map<WorkerId, WorkerRecord>()
  for (let from = 0; from < ids.length; from += LOT) {
    for (const worker of await engine.store.workers(ids.slice(from, from + LOT))) workers.set(worker.id, worker)
  }
  return { readAt, workers }
}
