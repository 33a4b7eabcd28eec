// A broker with the REST API, and somebody who asks it over a real socket. Every answer is checked by the schema of its path.

import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import type { Test } from 'tap'
import type { z as zod } from 'zod'
import { problemShape } from '../../src/api/contract/problem.ts'
import type { ConfigInput } from '../../src/config/config-types.ts'
import { parseConfig } from '../../src/config/parse.ts'
import type { Log } from '../../src/observe/log.ts'
import type { ServerParts } from '../../src/server/server-parts.ts'
import { type Server, startServer } from '../../src/server/server.ts'

export interface Asked {
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
  /** A body that is no JSON. */
  readonly text?: string
}

export interface Answered {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly text: string
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly json: any
}

export async function brokerWithApi(
  t: Test,
  input: ConfigInput = {},
  parts: ServerParts & { readonly level?: string } = {},
) {
  const lines: string[] = []
  const line = (fields: object, sentence: string): void => {
    lines.push(`${JSON.stringify(fields)} ${sentence}`)
  }
  const { level } = parts
  const methods = { debug: line, info: line, warn: line, error: line }
  const leveled = { ...methods, level }
  const log: Log = level === undefined ? methods : leveled
  const config = parseConfig({
    listeners: [
      { host: '127.0.0.1', port: 0 },
      { host: '127.0.0.1', port: 0, protocol: 'ws' },
    ],
    store: { durability: 'memory' },
    ...input,
  })
  const server = await startServer(config, log, parts)
  t.teardown(() => server.close())
  const [plain, web] = server.listeners
  const [mqttPort, port] = [plain?.port ?? 0, web?.port ?? 0]
  const ask = asking(server, port)
  const operator = asking(server, port, { cookie: await signedIn(ask, server, 'operator', port) })
  return { server, ask, operator, port, lines, mqtt: `mqtt://127.0.0.1:${mqttPort}` }
}

export async function signedIn(
  ask: ReturnType<typeof asking>,
  server: Server,
  role: 'viewer' | 'operator',
  port: number,
): Promise<string> {
  const key = server.api.newLink(role)?.split('#key=')[1]
  const { headers } = await ask('POST', '/session', { body: { key } })
  return `${String(headers['set-cookie']).split(';')[0]}; other_${port}=x`
}

export function asking(
  server: Server,
  port: number,
  always: Readonly<Record<string, string>> = {},
) {
  const origin = `http://localhost:${port}`
  return async (method: string, path: string, asked: Asked = {}): Promise<Answered> => {
    const { body, text = body === undefined ? undefined : JSON.stringify(body) } = asked
    const headers = {
      host: `localhost:${port}`,
      ...(method !== 'GET' && { origin }),
      ...(text !== undefined && { 'content-type': 'application/json' }),
      ...always,
      ...asked.headers,
    }
    const full = /^\/metrics(?:\?|$)/.test(path) ? path : `/api/v1${path}`
    const question = request({ host: '127.0.0.1', port, method, path: full, headers })
    question.end(text)
    const [response] = (await once(question, 'response')) as [IncomingMessage]
    let answer = ''
    for await (const chunk of response) answer += String(chunk)
    const status = response.statusCode ?? 0
    const json = jsonIn(answer)
    await checkAnswer(server, { method, path, status, json })
    return { status, headers: response.headers, text: answer, json }
  }
}

/** Throws if the answer is not as the document of the API has it. */
async function checkAnswer(
  { api }: Server,
  answer: { method: string; path: string; status: number; json: unknown },
): Promise<void> {
  const { method, path, status, json } = answer
  const route = (await api.routes()).find(
    each => each.method === method && each.path === path.split('?')[0],
  )
  const schema: zod.ZodType | undefined = status >= 400 ? problemShape : route?.answer
  if (schema === undefined || json === undefined) return
  const result = schema.safeParse(json)
  if (!result.success) throw new Error(`${method} ${path}: ${result.error.message}`)
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
