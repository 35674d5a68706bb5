import { recountFaults } from '../../support/recount.ts'
import type { Checker } from '../checker.ts'

/** Counters, leases and the list of picky tasks say what a recount of the records says. */
export function countersRecount(): Checker {
  return {
    name: 'counters-recount',
    async swept(world, report) {
      for (const { id } of await world.jobs()) for (const fault of await recountFaults(world.twin, id)) report(fault)
    },
  }
}
