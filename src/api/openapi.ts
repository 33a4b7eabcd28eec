// The description of the API in OpenAPI 3.1, from the same schemas that check it.

import type { z as zod } from 'zod'
import { z } from '../config/zod.ts'
import { problemShape } from './contract/problem.ts'
import { PREFIX } from './parts.ts'
import { type Route, route } from './route.ts'

interface JsonSchema {
  readonly [key: string]: unknown
  readonly properties?: Readonly<Record<string, JsonSchema>>
}

const openApiAnswer = z.looseObject({ openapi: z.string() })

/** Whoever can read the documentation knows the same. */
export function openApiRoute(routes: readonly Route[]): Route {
  let document: zod.infer<typeof openApiAnswer> | null = null
  const own: Route = route({
    method: 'GET',
    path: '/openapi.json',
    roles: null,
    summary: 'This description, in OpenAPI 3.1',
    answer: openApiAnswer,
    handle: () => (document ??= openApiOf([...routes, own])),
  })
  return own
}

function openApiOf(routes: readonly Route[]): zod.infer<typeof openApiAnswer> {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const each of routes) {
    const methods = (paths[PREFIX + each.path] ??= {})
    methods[each.method.toLowerCase()] = operationOf(each)
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Pondhawk',
      version: '1',
      description: 'The REST API of the MQTT broker Pondhawk',
    },
    paths,
    components: {
      securitySchemes: {
        key: { type: 'http', scheme: 'bearer', description: 'pondhawk key add NAME makes one' },
        signIn: { type: 'apiKey', in: 'cookie', name: 'pondhawk_PORT' },
      },
      schemas: { Problem: schemaOf(problemShape, 'output') },
    },
  }
}

function operationOf({
  method,
  path,
  roles,
  summary,
  query,
  body,
  answer,
  ...rest
}: Route): object {
  return {
    operationId: `${method.toLowerCase()}${camelCased(path)}`,
    summary,
    description:
      roles === null ? 'For whoever can reach the listener.' : `For the role ${roles.join(', ')}.`,
    security: roles === null ? [] : [{ key: [] }, { signIn: [] }],
    parameters: parametersOf(query),
    ...(body !== null && {
      requestBody: { required: true, content: json(schemaOf(body, 'input')) },
    }),
    responses: {
      [rest.status]: {
        description: 'Done',
        content: { [rest.contentType]: { schema: schemaOf(answer, 'output') } },
      },
      default: {
        description: 'Refused (RFC 9457)',
        content: {
          'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } },
        },
      },
    },
  }
}

function parametersOf(query: zod.ZodType): readonly object[] {
  const { properties = {} } = schemaOf(query, 'output')
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: 'query',
    description,
    required: !isOptional(query, name),
    schema,
  }))
}

/** Whether a query without the field is not refused because of it. */
export function isOptional(query: zod.ZodType, name: string): boolean {
  const result = query.safeParse({})
  return result.success || !result.error.issues.some(({ path }) => path[0] === name)
}

export function schemaOf(schema: zod.ZodType, io: 'input' | 'output'): JsonSchema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' })
  return rest as JsonSchema
}

function json(schema: JsonSchema): object {
  return { 'application/json': { schema } }
}

function camelCased(path: string): string {
  return path.replaceAll(/[/.-]+(\w)/g, (_, letter: string) => letter.toUpperCase())
}
