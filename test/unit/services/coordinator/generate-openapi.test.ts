import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { TABLES_PATH, withTables } from '../../../../services/coordinator/readme-tables.ts'
import { OPENAPI_PATH, openApiText } from '../../../../services/coordinator/openapi-document.ts'
import { PYTHON_TYPES_PATH, pythonTypesText } from '../../../../services/coordinator/python-types.ts'
import { tidyComponents } from '../../../../services/coordinator/plugins/tidy-components.ts'
import { ERROR_CODES, ERRORS } from '../../../../shared/protocol/errors.ts'
import { EVENT_TYPES } from '../../../../shared/protocol/event-types.ts'

test('the committed description is what the routes say now', async () => {
  expect(await readFile(OPENAPI_PATH, 'utf8')).toBe(await openApiText())
})

test('the committed Python types of the add-on are those of the description', async () => {
  expect(await readFile(PYTHON_TYPES_PATH, 'utf8')).toBe(pythonTypesText(await openApiText()))
})

test('a schema becomes a Python type that lets out what may be left out', () => {
  const thing = {
    type: 'object',
    properties: {
      id: { type: 'string' },
      size: { anyOf: [{ type: 'integer' }, { type: 'null' }] },
      kind: { enum: ['a', 'b'] },
      parts: { type: 'array', items: { type: 'object', properties: { n: { type: 'number' } }, required: ['n'] } },
    },
    required: ['id', 'size'],
  }
  const text = pythonTypesText(JSON.stringify({ components: { schemas: { Thing: thing } } }))
  expect(text).toContain('class _ThingAlways(TypedDict):\n    id: str\n    size: Optional[int]\n')
  expect(text).toContain(
    'class Thing(_ThingAlways, total=False):\n    kind: Literal["a", "b"]\n    parts: List[ThingPartsItem]\n',
  )
  expect(text).toContain('class ThingPartsItem(TypedDict):\n    n: float\n')
})

test('each schema is described once, and each reference leads somewhere', async () => {
  const text = await openApiText()
  const { components } = JSON.parse(text)
  const names = Object.keys(components.schemas)
  expect(names.filter((name) => name.endsWith('Input'))).toEqual([])
  const refs = [...text.matchAll(/"#\/components\/schemas\/(\w+)"/g)].map((match) => match[1])
  expect(new Set(refs)).toEqual(new Set(names))
})

test('every route but the open ones asks for a token and documents its problems', async () => {
  const { paths, security } = JSON.parse(await openApiText())
  expect(security).toEqual([{ token: [] }])
  for (const [path, methods] of Object.entries<
    Record<string, { security?: unknown; responses: Record<string, unknown> }>
  >(paths)) {
    for (const [method, route] of Object.entries(methods)) {
      if (path === '/healthz' || path === '/readyz') expect(route.security).toEqual([])
      else
        expect(Object.keys(route.responses), `${method} ${path}`).toEqual(
          expect.arrayContaining(['400', '401', '403', '429', '500', '503']),
        )
    }
  }
})

test('a schema that reads differently in requests and answers is not published as one', () => {
  const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` })
  const document = (input: unknown) => ({
    paths: { a: ref('ThingInput'), b: ref('Thing') },
    components: { schemas: { Thing: { type: 'string' }, ThingInput: input, Unused: {} } },
  })
  expect(tidyComponents(document({ type: 'string' }))).toEqual({
    paths: { a: ref('Thing'), b: ref('Thing') },
    components: { schemas: { Thing: { type: 'string' } } },
  })
  expect(() => tidyComponents(document({ type: 'number' }))).toThrow('Thing')
})

test('the README tells every error of the catalogue, and none besides', async () => {
  const text = await readFile(TABLES_PATH, 'utf8')
  const rows = [...text.matchAll(/^\| `(\w+)` \| (\d+) \| (yes|no) \| (.+) \|$/gm)].map(
    ([, code, status, retry, title]) => ({ code, status: Number(status), retry: retry === 'yes', title }),
  )
  expect(rows).toEqual(ERROR_CODES.map((code) => ({ code, ...ERRORS[code] })))
  expect(text).toBe(withTables(text))
})

test('the README tells every type of event, and none besides', async () => {
  const [, table = ''] = (await readFile(TABLES_PATH, 'utf8')).split('<!-- events: begin')
  const rows = [...table.matchAll(/^\| `(\w+)` \| (.+) \|$/gm)].map(([, type, meaning]) => [type, meaning])
  expect(rows).toEqual(Object.entries(EVENT_TYPES))
})
