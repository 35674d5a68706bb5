/*
 * Writes what is generated: the OpenAPI description, the tables of errors and events in the README beside this file and
 * the Python types of the add-on from the contract; the state diagrams in the README of the rules from their transition
 * tables. Run from the root of the repository after a change of a schema, a route, the catalogue or a table.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { DIAGRAMS_PATH, withDiagrams } from '../../shared/domain/lifecycle/diagram.ts'
import { TABLES_PATH, withTables } from './readme-tables.ts'
import { OPENAPI_PATH, openApiText } from './openapi-document.ts'
import { PYTHON_TYPES_PATH, pythonTypesText } from './python-types.ts'

await mkdir(dirname(OPENAPI_PATH), { recursive: true })
const openapi = await openApiText()
await writeFile(OPENAPI_PATH, openapi)
await writeFile(PYTHON_TYPES_PATH, pythonTypesText(openapi))
await writeFile(TABLES_PATH, withTables(await readFile(TABLES_PATH, 'utf8')))
await writeFile(DIAGRAMS_PATH, withDiagrams(await readFile(DIAGRAMS_PATH, 'utf8')))
