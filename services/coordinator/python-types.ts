/*
 * The schemas of the API as Python types, for the add-on: `TypedDict`s that a type checker reads and Blender's Python
 * (3.10 and later) loads without any package.
 */

/** Where they lie, from the root of the repository. */
export const PYTHON_TYPES_PATH = 'services/blender-addon/tilework/farm/messages.py'

const LINE_LENGTH = 120

interface Schema {
  readonly $ref?: string
  readonly type?: string | readonly string[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly items?: Schema
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: Schema | boolean
}

const HEAD = `"""What the farm and the add-on tell each other, as Python types.

Written by \`npm run generate\` from shared/protocol: change that, and not this file.
"""

from __future__ import annotations

from typing import Any, Dict, List, Literal, Optional, TypedDict, Union  # noqa: F401

`

/** The Python module for an OpenAPI description; the same text for the same schemas. */
export function pythonTypesText(openapi: string): string {
  const { components } = JSON.parse(openapi) as { components: { schemas: Record<string, Schema> } }
  const writer = new TypeWriter()
  for (const [name, schema] of Object.entries(components.schemas)) writer.named(name, schema)
  return `${HEAD}\n${writer.classes.join('\n\n\n')}\n`
}

class TypeWriter {
  readonly classes: string[] = []

  named(name: string, schema: Schema): void {
    if (schema.properties !== undefined) this.classOf(name, schema)
    else this.classes.push(`${name} = ${this.typeOf(name, schema)}`)
  }

  /** A class that may leave fields out needs a base with those that it may not, before Python 3.11. */
  private classOf(name: string, schema: Schema): string {
    const required = new Set(schema.required ?? [])
    const fields = Object.entries(schema.properties ?? {}).map(([key, value]) => ({
      key,
      line: fieldLine(key, this.typeOf(name + toPascal(key), value)),
    }))
    const must = fields.filter(({ key }) => required.has(key)).map(({ line }) => line)
    const may = fields.filter(({ key }) => !required.has(key)).map(({ line }) => line)
    const body = (lines: readonly string[]) => (lines.length > 0 ? lines.join('\n') : '    pass')
    if (may.length === 0) this.classes.push(`class ${name}(TypedDict):\n${body(must)}`)
    else if (must.length === 0) this.classes.push(`class ${name}(TypedDict, total=False):\n${body(may)}`)
    else
      this.classes.push(
        `class _${name}Always(TypedDict):\n${body(must)}`,
        `class ${name}(_${name}Always, total=False):\n${body(may)}`,
      )
    return name
  }

  private typeOf(name: string, schema: Schema): string {
    if (schema.$ref !== undefined) return schema.$ref.split('/').at(-1) ?? 'Any'
    if (schema.const !== undefined) return `Literal[${literal(schema.const)}]`
    if (schema.enum !== undefined) return `Literal[${schema.enum.map(literal).join(', ')}]`
    const choices = schema.anyOf ?? schema.oneOf
    if (choices !== undefined) return this.choice(name, choices)
    if (schema.properties !== undefined) return this.classOf(name, schema)
    switch (schema.type) {
      case 'array':
        return `List[${this.typeOf(`${name}Item`, schema.items ?? {})}]`
      case 'object':
        return typeof schema.additionalProperties === 'object'
          ? `Dict[str, ${this.typeOf(`${name}Value`, schema.additionalProperties)}]`
          : 'Dict[str, Any]'
      case 'integer':
        return 'int'
      case 'number':
        return 'float'
      case 'boolean':
        return 'bool'
      case 'string':
        return 'str'
      default:
        return 'Any'
    }
  }

  private choice(name: string, choices: readonly Schema[]): string {
    const real = choices.filter(({ type }) => type !== 'null')
    const types = [
      ...new Set(real.map((one, index) => this.typeOf(real.length > 1 ? `${name}${index + 1}` : name, one))),
    ]
    const joined = types.length === 1 ? (types[0] ?? 'Any') : `Union[${types.join(', ')}]`
    return real.length < choices.length ? `Optional[${joined}]` : joined
  }
}

/** As the formatter of this repository lays out: a list of words that is too long gets a line for each. */
function fieldLine(key: string, type: string): string {
  const line = `    ${key}: ${type}`
  const words = /^Literal\[(.*)\]$/.exec(type)?.[1]
  if (line.length <= LINE_LENGTH || words === undefined) return line
  return `    ${key}: Literal[\n${words
    .split(', ')
    .map((word) => `        ${word},\n`)
    .join('')}    ]`
}

function literal(value: unknown): string {
  return typeof value === 'boolean' ? (value ? 'True' : 'False') : JSON.stringify(value)
}

/** `mainBlend` as part of the name of a class: `MainBlend`. */
function toPascal(key: string): string {
  return key
    .split(/[^A-Za-z0-9]+/)
    .map((part) => part.slice(0, 1).toUpperCase() + part.slice(1))
    .join('')
}
