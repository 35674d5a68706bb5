import type { FastifyInstance } from 'fastify'
import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { AppDependencies, FarmGauge } from '../dependencies.ts'

/** Seconds; the last ones are for uploads. */
const BUCKETS = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30, 300]

/** Measures every request of the app; gives the text of /metrics in the format of Prometheus, farm gauges included. */
export function measureRequests(
  app: FastifyInstance,
  farmGauges: AppDependencies['metrics'],
): { contentType: string; scrape: () => Promise<string> } {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const durations = new Histogram({
    name: 'tilework_http_request_duration_seconds',
    help: 'Time from the arrival of a request to the end of its answer',
    labelNames: ['method', 'route', 'status'],
    buckets: BUCKETS,
    registers: [registry],
  })
  app.addHook('onResponse', async (request, reply) => {
    // The route's pattern and not the address: addresses hold ids, and a label must have few values.
    durations.observe(
      { method: request.method, route: request.routeOptions.url ?? 'unknown', status: String(reply.statusCode) },
      reply.elapsedTime / 1000,
    )
  })
  return {
    contentType: registry.contentType,
    scrape: async () => {
      const farm = new Registry()
      for (const gauge of farmGauges === undefined ? [] : await farmGauges()) addGauge(farm, gauge)
      return [await registry.metrics(), await farm.metrics()].filter((text) => text.trim() !== '').join('\n')
    },
  }
}

function addGauge(registry: Registry, { name, help, values }: FarmGauge): void {
  const gauge = new Gauge({
    name,
    help,
    labelNames: [...new Set(values.flatMap(({ labels }) => Object.keys(labels)))],
    registers: [registry],
  })
  for (const { labels, value } of values) gauge.set({ ...labels }, value)
}
