// Asks the running broker, by the admin socket in the directory of its store.

import { existsSync } from 'node:fs'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { createInterface } from 'node:readline'
import type { ProblemAnswer } from '../api/contract/problem.ts'
import { PREFIX } from '../api/parts.ts'
import type { Config } from '../config/config-types.ts'
import { adminSocketIn } from '../server/admin-socket.ts'
import { storeDirectory } from '../server/create-store.ts'
import { PATH_BYTES_MAX } from '../transport/unix-socket.ts'

/** Throws an error with a sentence when there is no store. */
export function directoryOf(config: Config): string {
  if (config.store.durability === 'memory') {
    throw new Error(
      'a broker with store.durability: memory has no admin socket, because it has no directory',
    )
  }
  const directory = storeDirectory(config)
  if (!existsSync(directory)) throw new Error(`there is no store in ${directory}`)
  return directory
}

interface Question {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** Below /api/v1. */
  readonly path: string
  readonly query?: Readonly<Record<string, string>>
  readonly body?: object
  readonly accept?: string
}

/** Returns the answer of the running broker, which needs no check because it comes from the broker itself. */
export async function answerOf(config: Config, question: Question): Promise<string> {
  const directory = directoryOf(config)
  const answer = await asked(directory, question)
  if (answer === null) throw new Error(`no broker is running with the store in ${directory}`)
  return answer
}

interface RowsPage<Row> {
  readonly items: readonly Row[]
  readonly nextCursor: string | null
}

/** Returns all rows of a list, which comes in pages. */
export async function rowsOf<Row>(config: Config, path: string): Promise<readonly Row[]> {
  const rows: Row[] = []
  let cursor: string | null = null
  do {
    const query: Record<string, string> = { limit: '200', ...(cursor !== null && { cursor }) }
    const page = JSON.parse(await answerOf(config, { path, query })) as RowsPage<Row>
    for (const row of page.items) rows.push(row)
    cursor = page.nextCursor
  } while (cursor !== null)
  return rows
}

/** Calls back with each line of an answer as it comes. Returns how many there were. */
export async function followed(
  config: Config,
  { path, query = {}, accept = '' }: Question,
  told: (line: string) => void,
): Promise<number> {
  const socketPath = adminSocketIn(directoryOf(config))
  const search = new URLSearchParams(query).toString()
  const options = { socketPath, path: `${PREFIX}${path}?${search}`, headers: { accept } }
  const question = request(options).end()
  const [response] = (await once(question, 'response')) as [IncomingMessage]
  if (response.statusCode !== 200) throw new Error(refusalIn(await textOf(response)) ?? UNREADABLE)
  let lines = 0
  for await (const line of createInterface({ input: response })) {
    lines += 1
    told(line)
  }
  return lines
}

const UNREADABLE = 'the broker answers with something else'

async function textOf(response: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) text += String(chunk)
  return text
}

/** Whether a broker with this store is running. */
export async function isRunning(config: Config): Promise<boolean> {
  if (config.store.durability === 'memory' || !existsSync(storeDirectory(config))) return false
  const answer = await asked(storeDirectory(config), { path: '/status' }).catch(() => null)
  return answer !== null
}

/** Returns the answer of the running broker, or null when none runs. */
export function asked(
  directory: string,
  { method = 'GET', path, query = {}, body, accept }: Question,
): Promise<string | null> {
  const socketPath = adminSocketIn(directory)
  // The broker has no socket there, and the system would take the beginning of the path for another one.
  if (Buffer.byteLength(socketPath) > PATH_BYTES_MAX) return Promise.resolve(null)
  return new Promise((settle, failed) => {
    const search = new URLSearchParams(query).toString()
    const headers = {
      ...(accept !== undefined && { accept }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    }
    const options = { socketPath, method, path: `${PREFIX}${path}?${search}`, headers }
    const question = request(options, response => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => (text += chunk))
      response.on('end', () => {
        const { statusCode = 0 } = response
        if (statusCode === 200 || statusCode === 201) settle(text)
        else failed(new Error(refusalIn(text) ?? `the broker answers ${statusCode}`))
      })
      response.on('error', failed)
    })
    question.on('error', (error: NodeJS.ErrnoException) => {
      const { code } = error
      // A broker that was killed leaves a socket on which nobody listens.
      if (code === 'ENOENT' || code === 'ECONNREFUSED') settle(null)
      else failed(new Error(`${socketPath} cannot be opened (${code ?? error.message})`))
    })
    question.end(body === undefined ? undefined : JSON.stringify(body))
  })
}

/** Returns the sentence of a problem. */
function refusalIn(text: string): string | null {
  try {
    return (JSON.parse(text) as Partial<ProblemAnswer>).detail ?? null
  } catch {
    return null
  }
}
