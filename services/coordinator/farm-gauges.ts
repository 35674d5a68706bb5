import type { Engine } from '../../shared/engine/context.ts'
import type { FarmGauge } from './dependencies.ts'
import type { WorkerGateway } from './worker-gateway.ts'

/** Figures of the farm for Prometheus: counters of open jobs summed up, and who is connected. */
export async function farmGauges(engine: Engine, gateway: WorkerGateway): Promise<FarmGauge[]> {
  const [open, connected] = await Promise.all([engine.store.openJobs(), engine.store.connectedWorkers()])
  const sums = new Map<string, number>()
  for (const counters of await Promise.all(open.map((jobId) => engine.store.counters(jobId)))) {
    for (const [name, value] of Object.entries(counters)) sums.set(name, (sums.get(name) ?? 0) + value)
  }
  const values = (groups: readonly string[]) =>
    [...sums].flatMap(([name, value]) => {
      const [group, state] = name.split('.')
      return group !== undefined && state !== undefined && groups.includes(group)
        ? [{ labels: { kind: group, state }, value }]
        : []
    })
  return [
    { name: 'tilework_jobs_open', help: 'Jobs that have not ended', values: [{ labels: {}, value: open.length }] },
    {
      name: 'tilework_workers_connected',
      help: 'Workers connected to the farm',
      values: [{ labels: {}, value: connected.size }],
    },
    {
      name: 'tilework_workers_here',
      help: 'Workers connected to this coordinator',
      values: [{ labels: {}, value: gateway.connected() }],
    },
    {
      name: 'tilework_tasks',
      help: 'Tasks of open jobs by kind and state',
      values: values(['inspect', 'render', 'finish', 'audit']),
    },
    { name: 'tilework_frames', help: 'Frames of open jobs by state', values: values(['frames']) },
    { name: 'tilework_verdicts', help: 'Verdicts on audits of open jobs', values: values(['verdicts']) },
  ]
}
