// `pondhawk clients` and `pondhawk retained`: lists of a running broker, page by page.

import type { ClientRow, ClientsPage } from '../api/contract/clients.ts'
import type { MessageRow } from '../api/contract/messages.ts'
import type { RefusedRow } from '../api/contract/records.ts'
import type { Config } from '../config/config-types.ts'
import { answerOf } from './admin-client.ts'
import type { Words } from './flags.ts'
import { shownName, shownSentence } from './shown-name.ts'
import { jsonLines, table } from './table.ts'
import type { CommandOutput } from './user-command.ts'
import { type UsageError, usageOf } from './usage-error.ts'

const SHOWN_DEFAULT = 50
const SHOWN_MAX = 1_000_000
const PAGE_MAX = 200

/** Throws UsageError, or an error with a sentence. */
export async function clientsCommand(
  { values, positionals: [q, more] }: Words,
  config: Config,
): Promise<CommandOutput> {
  if (more !== undefined) throw usage('clients', 'takes one QUERY.')
  const query = { ...given({ q }), ...given({ state: values['state'], sort: values['sort'] }) }
  const list = await listOf<ClientRow>(config, '/clients', query, shownMax('clients', values))
  const { output, note } = written(
    list,
    values,
    rows => table([CLIENT_HEADINGS, ...rows.map(clientCells)], 5),
    'client',
  )
  const isUnknown = q !== undefined && list.matched === 0
  return { output, note: isUnknown ? `${note}${await refusedNote(q, config)}` : note }
}

/** Why who is not there was refused, in a line each. */
async function refusedNote(q: string, config: Config): Promise<string> {
  const { rows } = await listOf<RefusedRow>(config, '/refused', {}, REFUSED_MAX)
  return rows
    .filter(({ clientId, username, address }) =>
      [clientId, username ?? '', address].some(each =>
        each.toLowerCase().includes(q.toLowerCase()),
      ),
    )
    .slice(0, REFUSED_SHOWN_MAX)
    .map(({ clientId, lastAt, count, cause, mend }) => {
      const often = count === 1 ? '' : `, ${count.toLocaleString('en')} times`
      return `${shownName(clientId)} was refused at ${lastAt}${often}: ${shownSentence(cause)} → ${shownSentence(mend)}\n`
    })
    .join('')
}

/** As many as the broker keeps. */
const REFUSED_MAX = 1_000
const REFUSED_SHOWN_MAX = 5

export async function retainedCommand(words: Words, config: Config): Promise<CommandOutput> {
  const [verb, topic, more] = words.positionals
  if (more !== undefined) throw usage('retained', `${verb} takes fewer arguments.`)
  switch (verb) {
    case 'list': {
      const query = { filter: topic ?? '#', payloadBytes: String(SHOWN_PAYLOAD_BYTES) }
      const most = shownMax('retained', words.values)
      const list = await listOf<MessageRow>(config, '/retained', query, most)
      return written(
        list,
        words.values,
        rows => table([MESSAGE_HEADINGS, ...rows.map(messageCells)]),
        'retained message',
      )
    }
    case 'get':
      if (topic === undefined) throw usage('retained', 'get needs a topic.')
      return {
        output: await answerOf(config, { path: '/retained/payload', query: { topic } }),
        note: '',
      }
    case 'clear':
      if (topic === undefined) throw usage('retained', 'clear needs a topic filter.')
      return cleared(topic, words.values['dry-run'] === true, config)
    default:
      throw usage('retained', 'takes list [FILTER], get TOPIC, or clear FILTER.')
  }
}

async function cleared(filter: string, isDry: boolean, config: Config): Promise<CommandOutput> {
  const ask = async (body: object): Promise<{ matched: number; deleted: number }> =>
    JSON.parse(await answerOf(config, { method: 'POST', path: '/retained/delete', body })) as {
      matched: number
      deleted: number
    }
  const { matched } = await ask({ filter, dryRun: true })
  if (isDry) return { output: `${matched}\n`, note: 'would be deleted; nothing was\n' }
  const { deleted } = await ask({ filter, expect: matched })
  return { output: `${deleted}\n`, note: 'deleted\n' }
}

interface Listed<Row> {
  readonly rows: readonly Row[]
  readonly matched: number
}

async function listOf<Row>(
  config: Config,
  path: string,
  query: Readonly<Record<string, string>>,
  most: number,
): Promise<Listed<Row>> {
  const rows: Row[] = []
  let cursor: string | null = null
  let matched = 0
  do {
    const limit = String(Math.min(PAGE_MAX, most - rows.length))
    const more: Record<string, string> = cursor === null ? {} : { cursor }
    const answer = await answerOf(config, { path, query: { ...query, limit, ...more } })
    // The answer comes from the broker itself, so its form is not checked.
    const page = JSON.parse(answer) as Omit<ClientsPage, 'items'> & {
      readonly items: readonly Row[]
    }
    for (const row of page.items) rows.push(row)
    cursor = page.nextCursor
    matched = page.matched
  } while (cursor !== null && rows.length < most)
  return { rows, matched }
}

function written<Row extends object>(
  { rows, matched }: Listed<Row>,
  values: Words['values'],
  tableOf: (rows: readonly Row[]) => string,
  what: string,
): CommandOutput {
  const isJson = values['json'] === true
  const output = isJson ? jsonLines(rows) : tableOf(rows)
  const all = `${matched.toLocaleString('en')} ${what}${matched === 1 ? '' : 's'}`
  const isCut = rows.length < matched
  const note = isCut
    ? `${rows.length.toLocaleString('en')} of ${all}: --limit N shows more\n`
    : `${all}\n`
  return { output, note }
}

function shownMax(command: string, { limit }: Words['values']): number {
  if (limit === undefined) return SHOWN_DEFAULT
  const most = Number(limit)
  if (Number.isInteger(most) && most >= 1 && most <= SHOWN_MAX) return most
  throw usage(command, `--limit: ${JSON.stringify(limit)} is not a number from 1 to ${SHOWN_MAX}.`)
}

function given(
  values: Readonly<Record<string, string | boolean | undefined>>,
): Record<string, string> {
  const entries = Object.entries(values).filter(([, value]) => typeof value === 'string')
  return Object.fromEntries(entries) as Record<string, string>
}

const CLIENT_HEADINGS = [
  'CLIENT',
  'USER',
  'STATE',
  'ADDRESS',
  'MQTT',
  'SUBS',
  'QUEUED',
  'IN FLIGHT',
  'RECEIVED',
  'SENT',
]

function clientCells(row: ClientRow): readonly string[] {
  return [
    shownName(row.clientId),
    row.username === null ? '-' : shownName(row.username),
    row.state,
    row.address === '' ? '-' : row.address,
    row.protocol ?? '-',
    ...[row.subscriptions, row.queuedMessages, row.inFlight].map(String),
    ...[row.messagesReceived, row.messagesSent].map(each => (each === null ? '-' : String(each))),
  ]
}

const MESSAGE_HEADINGS = ['TOPIC', 'QOS', 'BYTES', 'PUBLISHER', 'PAYLOAD']
const SHOWN_PAYLOAD_BYTES = 60

function messageCells(row: MessageRow): readonly string[] {
  const { payload, encoding, truncated, publisher } = row
  const text = encoding === 'utf8' ? shownName(payload ?? '') : `(base64) ${payload}`
  return [
    shownName(row.topic),
    String(row.qos),
    String(row.payloadBytes),
    publisher === null ? '-' : shownName(publisher),
    truncated ? `${text} …` : text,
  ]
}

function usage(command: string, sentence: string): UsageError {
  return usageOf(command)(`pondhawk ${command} ${sentence}`)
}
