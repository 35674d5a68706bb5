/*
 * The OpenAPI description, made from the schemas that the routes check with, and a page to browse it.
 */
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod'
import { tidyComponents } from './tidy-components.ts'

/** Of the API, not of the program: rises when /v1 gains something. */
const API_VERSION = '1.0.0'

/**
 * What the page may load: its own files and nothing else. The plugin's own policy would also send browsers to https
 * for them, where a farm in a studio's network has nothing to answer with.
 */
const DOCS_POLICY =
  "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; script-src-attr 'none'; " +
  "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

/** Collects the description of the routes that are added after this. Routes without a tag are left out. */
export async function describeApi(app: FastifyInstance): Promise<void> {
  await app.register(swagger, {
    hideUntagged: true,
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Tilework',
        version: API_VERSION,
        description:
          'A render farm for Blender: hand in a scene, submit a job, fetch the frames. Every ' +
          'failure is an `application/problem+json` with a stable `code`.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [{ url: '/' }],
      tags: [
        { name: 'scenes', description: 'Files to render, known by their SHA-256' },
        { name: 'jobs', description: 'What is rendered of a scene, and how far it is' },
        { name: 'artifacts', description: 'What came out' },
        { name: 'workers', description: 'Machines that render' },
        { name: 'farm', description: 'The farm itself' },
      ],
      components: {
        securitySchemes: { token: { type: 'http', scheme: 'bearer', description: 'A token of this farm' } },
      },
      security: [{ token: [] }],
    },
    transform: jsonSchemaTransform,
    transformObject: (document) => tidyComponents(jsonSchemaTransformObject(document)),
  })
}

/** Serves the description as JSON and as a page. */
export async function serveApiDescription(app: FastifyInstance): Promise<void> {
  app.get('/v1/openapi.json', async (_request, reply) => reply.header('cache-control', 'no-cache').send(app.swagger()))
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: DOCS_POLICY,
    theme: { title: 'Tilework API' },
    uiConfig: { layout: 'BaseLayout', docExpansion: 'list', validatorUrl: null },
  })
}
