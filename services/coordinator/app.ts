/*
 * The REST side of a coordinator, without a port: main.ts listens, tests inject. Routes that are added to the app from
 * outside (WebSockets, signed files) get the problems and the metrics, but neither the token nor the rate limit; they
 * have their own.
 */
import rateLimit from '@fastify/rate-limit'
import Fastify, { LogController } from 'fastify'
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { RefusalError } from '../../shared/protocol/errors.ts'
import { httpLimits } from './dependencies.ts'
import type { AppDependencies } from './dependencies.ts'
import { describeApi, serveApiDescription } from './plugins/api-description.ts'
import { demandToken } from './plugins/authentication.ts'
import { measureRequests } from './plugins/http-metrics.ts'
import { answerWithProblems, makeProblem, pathOf } from './plugins/problems.ts'
import { addAddonRoutes } from './routes/addon.ts'
import { addArtifactRoutes } from './routes/artifacts.ts'
import { addBlobRoutes } from './routes/blobs.ts'
import { addHealthRoutes } from './routes/health.ts'
import { addJobPartRoutes } from './routes/job-parts.ts'
import { addJobChangeRoutes } from './routes/job-changes.ts'
import { addJobRoutes } from './routes/jobs.ts'
import { addPlanRoutes } from './routes/plans.ts'
import { problems } from './routes/problem-responses.ts'
import { addProjectRoutes } from './routes/projects.ts'
import type { RestApp } from './routes/rest-app.ts'
import { addSceneRoutes } from './routes/scenes.ts'
import { addUploadRoutes } from './routes/uploads.ts'
import { addWorkerRoutes } from './routes/workers.ts'
import { clearScratch } from './uploads/scratch.ts'

export type { AppDependencies } from './dependencies.ts'

/** The app with all routes, not listening and not yet ready, so that the caller may add to it. */
export async function buildApp(deps: AppDependencies): Promise<FastifyInstance> {
  const limits = httpLimits(deps)
  const logger: FastifyBaseLogger = deps.log
  const app = Fastify({
    loggerInstance: logger,
    // Addresses can hold signatures; what is logged of a request is chosen below.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: limits.restBodyBytesMax,
    connectionTimeout: limits.silenceMsMax,
    trustProxy: deps.trustProxy ?? false,
    // A connection that somebody keeps open must not keep a coordinator that stops from stopping.
    forceCloseConnections: true,
    // An address that cannot be parsed reaches no route and no error handler.
    frameworkErrors: (error, _request, reply) => {
      reply.hijack()
      reply.raw
        .writeHead(400, { 'content-type': 'application/problem+json' })
        .end(JSON.stringify(makeProblem('bad_request', error.message)))
    },
  })
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)
  answerWithProblems(app)
  const metrics = measureRequests(app, deps.metrics)
  app.addHook('onResponse', async (request, reply) => {
    request.log.debug(
      { method: request.method, path: pathOf(request), status: reply.statusCode, ms: Math.round(reply.elapsedTime) },
      'answered',
    )
  })
  app.addHook('onReady', async () => clearScratch(deps.dataDir))

  await describeApi(app)
  const rest: RestApp = app.withTypeProvider<ZodTypeProvider>()
  await rest.register(async (open: RestApp) => {
    addPlainHeaders(open)
    addHealthRoutes(open, deps)
    addAddonRoutes(open)
    await serveApiDescription(open)
  })
  await rest.register(async (scope: RestApp) => {
    addPlainHeaders(scope)
    scope.addHook('onSend', async (_request, reply) => {
      if (!reply.hasHeader('cache-control')) void reply.header('cache-control', 'no-store')
    })
    await limitRate(scope, limits.requestsPerMinuteMax)
    demandToken(scope, deps.store)
    addJobRoutes(scope, deps)
    addJobChangeRoutes(scope, deps)
    addPlanRoutes(scope, deps)
    addJobPartRoutes(scope, deps)
    addArtifactRoutes(scope, deps)
    addWorkerRoutes(scope, deps)
    scope.get('/metrics', {
      config: { scopes: ['admin'] },
      schema: {
        tags: ['farm'],
        summary: 'Figures for Prometheus',
        response: {
          200: { description: 'In the text format of Prometheus', content: { 'text/plain': { schema: z.string() } } },
          ...problems(),
        },
      },
      handler: async (_request, reply) =>
        reply.header('content-type', metrics.contentType).send(await metrics.scrape()),
    })
    await scope.register(async (inner: RestApp) => addSceneRoutes(inner, deps))
    addProjectRoutes(scope, deps)
    await scope.register(async (inner: RestApp) => addBlobRoutes(inner, deps))
    await addUploadRoutes(scope, deps)
  })
  return app
}

/**
 * A browser takes nothing of this for what it is not, and shows it in no frame of another site. There is no CORS: other
 * sites get nothing.
 */
function addPlainHeaders(scope: RestApp): void {
  scope.addHook('onSend', async (_request, reply) => {
    void reply
      .header('x-content-type-options', 'nosniff')
      .header('x-frame-options', 'DENY')
      .header('referrer-policy', 'no-referrer')
  })
}

async function limitRate(scope: RestApp, requestsPerMinuteMax: number): Promise<void> {
  await scope.register(rateLimit, { global: false })
  // Before the token is looked at, so that guessing tokens is limited too.
  scope.addHook(
    'onRequest',
    scope.rateLimit({
      max: requestsPerMinuteMax,
      timeWindow: 60_000,
      errorResponseBuilder: (_request, { max }) =>
        new RefusalError(
          'rate_limited',
          `more than ${max} requests in a minute came from your address; wait until the header Retry-After says`,
        ),
    }),
  )
}
