/*
 * Writes what is generated from the contract: the OpenAPI description, and the table of errors in the README beside
 * this file. Run from the root of the repository after a change of a schema, a route or the catalogue.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { ERROR_TABLE_PATH, withErrorTable } from './error-table.ts'
import { OPENAPI_PATH, openApiText } from './openapi-document.ts'

await mkdir(dirname(OPENAPI_PATH), { recursive: true })
await writeFile(OPENAPI_PATH, await openApiText())
await writeFile(ERROR_TABLE_PATH, withErrorTable(await readFile(ERROR_TABLE_PATH, 'utf8')))
