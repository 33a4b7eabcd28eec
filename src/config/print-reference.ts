// Prints docs/reference/configuration.md, config/pondhawk.yaml, config/pondhawk.schema.json and the types from the schema: `npm run reference`.

import { writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from './zod.ts'
import { configSchema } from './config.ts'
import { typesFile } from './print-types.ts'
import { isSizeKey } from './sizes.ts'

interface Schema {
  readonly type?: string
  readonly description?: string
  readonly default?: unknown
  readonly enum?: readonly unknown[]
  readonly minimum?: number
  readonly maximum?: number
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
  readonly additionalProperties?: Schema | boolean
  readonly anyOf?: readonly Schema[]
}

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../../..')

function schema(): Schema {
  return z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' }) as Schema
}

/** Returns the JSON Schema by which editors complete and check a configuration. Sizes are numbers or text there. */
export function schemaFile(): string {
  const whole = z.toJSONSchema(configSchema, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ jsonSchema }) => {
      for (const [name, each] of Object.entries(jsonSchema.properties ?? {})) {
        if (typeof each !== 'object' || each.type !== 'integer' || !isSizeKey(name)) continue
        const { description, default: standard, ...number } = each
        const size = {
          type: 'string',
          pattern: '^\\s*\\d+(?:\\.\\d+)?\\s*[kKmMgGtT]?i?[bB]\\s*$',
        } as const
        Object.assign(jsonSchema.properties ?? {}, {
          [name]: { description, default: standard, anyOf: [number, size] },
        })
      }
    },
  })
  return `${JSON.stringify({ title: 'Configuration of Pondhawk', ...whole }, null, 2)}\n`
}

export function referencePage(): string {
  const lines = [
    '# Configuration',
    '',
    'YAML or JSON, read from `./pondhawk.yaml` or the file after `-c`. Every key can also be set by an environment variable:',
    '`PONDHAWK_LIMITS__PACKET_BYTES_MAX=65536` sets `limits.packetBytesMax`. An entry of a list has its number, from 0:',
    '`PONDHAWK_LISTENERS__0__PORT=1884` changes the first listener; the number after the last adds one. A whole list is written',
    'as in YAML: `PONDHAWK_LISTENERS=[{port: 1884}]`. Flags go before the environment, the environment before the file.',
    '`pondhawk check FILE` prints the whole configuration with its defaults, or all errors.',
    '',
    'Every number of bytes may be written as a size: `10MB` is 10,000,000, `16MiB` is 16,777,216 (kB, MB, GB, TB; KiB, MiB, GiB, TiB).',
    'This page is printed from the schema by `npm run reference`.',
    '',
    '| key | what it is | accepted | default |',
    '| --- | --- | --- | --- |',
    ...rows(schema(), ''),
    '',
  ]
  return lines.join('\n')
}

function rows(from: Schema, path: string): string[] {
  return Object.entries(from.properties ?? {}).flatMap(([name, each]) => {
    const key = path === '' ? name : `${path}.${name}`
    const size = isSizeKey(name) ? ', or a size' : ''
    const own = `| \`${key}\` | ${each.description ?? ''} | ${accepted(each)}${size} | ${fallback(each)} |`
    const inner = each.items?.properties === undefined ? each : each.items
    const isRecord = typeof each.additionalProperties === 'object'
    if (isRecord) return [own, ...rows(each.additionalProperties as Schema, `${key}.NAME`)]
    return [own, ...rows(inner, inner === each ? key : `${key}.N`)]
  })
}

function accepted(from: Schema): string {
  if (from.enum !== undefined) return from.enum.map(value => `\`${String(value)}\``).join(', ')
  if (from.anyOf !== undefined) return from.anyOf.map(accepted).join(' or ')
  if (from.type === 'integer') return `${from.minimum ?? ''} to ${from.maximum ?? ''}`
  return (
    {
      boolean: '`true`, `false`',
      string: 'text',
      array: 'a list',
      object: 'a map',
      null: '`null`',
    }[from.type ?? ''] ?? ''
  )
}

function fallback(from: Schema): string {
  const isPlain = from.default !== undefined && typeof from.default !== 'object'
  return isPlain || from.default === null ? `\`${String(from.default)}\`` : ''
}

/** Returns every key with its default, commented out, below its description. */
export function exampleFile(): string {
  const lines = [
    '# Every key of the configuration with its default. Remove a `#` to change one; `pondhawk check` tells what is wrong.',
    '',
    '# Where clients connect.',
    'listeners:',
    '  - host: localhost      # 127.0.0.1 and ::1',
    '    port: 1883',
    '  - protocol: ws          # MQTT over WebSocket on any path, and the web page',
    '    host: localhost',
    '    port: 8083',
    '',
    '#  - host: localhost      # MQTT over TLS; certs/make-certs.sh makes certificates for development',
    '#    port: 8883',
    '#    tls:',
    '#      certFile: ../certs/server.crt',
    '#      keyFile: ../certs/server.key',
    '#      caFile: ../certs/ca.crt',
    '#      requireCertificate: true',
    '#  - path: /run/pondhawk.sock',
    '',
  ]
  for (const [name, each] of Object.entries(schema().properties ?? {})) {
    if (name === 'listeners') continue
    lines.push(`# ${each.description ?? name}.`, ...exampleLines(name, each, ''), '')
  }
  return lines.join('\n')
}

function exampleLines(name: string, from: Schema, indent: string): string[] {
  if (from.properties === undefined) {
    if (from.default === undefined) return [`#${indent} # ${name}:`]
    return [`#${indent} ${name}: ${JSON.stringify(from.default)}`]
  }
  const inner = Object.entries(from.properties).flatMap(([key, each]) => {
    const lines = exampleLines(key, each, `${indent}  `)
    return [
      `#${indent}   # ${each.description ?? key}${each.type === 'integer' ? ` (${accepted(each)})` : ''}.`,
      // A section that may be left out has no effect while it is.
      ...(each.properties === undefined || each.default !== undefined
        ? lines
        : lines.map(asComment)),
    ]
  })
  // A section needs at least one line that is not commented out.
  const isEmpty = Object.values(from.properties).every(each => each.default === undefined)
  return [`#${indent} ${isEmpty ? '# ' : ''}${name}:`, ...inner]
}

/** `#   key: value` → `#   # key: value`. */
function asComment(line: string): string {
  return line.replace(/^#( +)(?=[^ #])/, '#$1# ')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(join(ROOT, 'docs/reference/configuration.md'), referencePage())
  writeFileSync(join(ROOT, 'config/pondhawk.yaml'), exampleFile())
  writeFileSync(join(ROOT, 'config/pondhawk.schema.json'), schemaFile())
  writeFileSync(join(ROOT, 'src/config/config-types.ts'), typesFile())
}
