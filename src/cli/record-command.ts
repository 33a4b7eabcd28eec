// `pondhawk trace`, `pondhawk explain` and `pondhawk log-level`: they ask a running broker.

import type { TraceLineRow, TraceRow, Explanation } from '../api/contract/records.ts'
import type { Config } from '../config/config-types.ts'
import { answerOf, followed } from './admin-client.ts'
import type { Words } from './flags.ts'
import { shownName, terminalSafe } from './shown-name.ts'
import type { CommandOutput } from './user-command.ts'
import { type UsageError, usageOf } from './usage-error.ts'

const SECONDS_MAX = 600
const ACTIONS = ['publish', 'subscribe', 'unsubscribe', 'receive']
const LEVELS = ['debug', 'info', 'warn', 'error', 'silent']

/** Prints the lines of a trace as they come, until it ends or is interrupted. */
export async function traceCommand(
  { values, positionals: [clientId, more] }: Words,
  config: Config,
): Promise<CommandOutput> {
  const { filter, seconds = '60', json } = values
  if (more !== undefined || (clientId === undefined && typeof filter !== 'string')) {
    throw usage('pondhawk trace takes one client id, or --filter FILTER.', 'trace')
  }
  if (
    typeof seconds !== 'string' ||
    !/^\d{1,3}$/.test(seconds) ||
    Number(seconds) > SECONDS_MAX ||
    Number(seconds) < 1
  ) {
    throw usage(`pondhawk trace takes --seconds, 1 to ${SECONDS_MAX}.`, 'trace')
  }
  const body = {
    seconds: Number(seconds),
    ...(clientId !== undefined && { clientId }),
    ...(filter !== undefined && { filter }),
  }
  const begun = await answerOf(config, { method: 'POST', path: '/traces', body })
  const { id } = JSON.parse(begun) as TraceRow
  const query = { id: String(id) }
  const end = (): void => void answerOf(config, { method: 'DELETE', path: '/traces', query })
  process.once('SIGINT', end)
  const shown =
    json === true ? terminalSafe : (line: string) => lineOf(JSON.parse(line) as TraceLineRow)
  const lines = await followed(
    config,
    { path: '/trace', query, accept: 'application/x-ndjson' },
    line => {
      process.stdout.write(`${shown(line)}\n`)
    },
  )
  process.off('SIGINT', end)
  return { output: '', note: `${lines} ${lines === 1 ? 'line' : 'lines'}\n` }
}

export async function explainCommand(
  { values, positionals: [verb, more] }: Words,
  config: Config,
): Promise<CommandOutput> {
  const { topic, client, publisher, user, action = 'publish', qos } = values
  const isDelivery = verb === 'delivery'
  if (more !== undefined || (!isDelivery && verb !== 'access')) {
    throw usage('pondhawk explain takes delivery or access.', 'explain')
  }
  if (typeof topic !== 'string')
    throw usage(`pondhawk explain ${verb} needs --topic TOPIC.`, 'explain')
  if (typeof action !== 'string' || !ACTIONS.includes(action)) {
    throw usage(`--action takes ${ACTIONS.join(', ')}.`, 'explain')
  }
  if (!isDelivery && client === undefined && user === undefined) {
    throw usage('pondhawk explain access needs --client CLIENT_ID or --user NAME.', 'explain')
  }
  if (qos !== undefined && (typeof qos !== 'string' || !/^[012]$/.test(qos)))
    throw usage('--qos takes 0, 1 or 2.', 'explain')
  const shared = { topic, ...(qos !== undefined && { qos: Number(qos) }) }
  const body = isDelivery
    ? {
        ...shared,
        ...(client !== undefined && { receiver: client }),
        ...(publisher !== undefined && { publisher }),
      }
    : {
        ...shared,
        action,
        ...(client !== undefined && { clientId: client }),
        ...(user !== undefined && { username: user }),
      }
  const path = isDelivery ? '/explain/delivery' : '/explain/access'
  const answer = await answerOf(config, { method: 'POST', path, body })
  if (values['json'] === true) return { output: `${terminalSafe(answer.trimEnd())}\n`, note: '' }
  return { output: storyOf(JSON.parse(answer) as Explanation), note: '' }
}

export async function logLevelCommand(
  { values, positionals: [level, more] }: Words,
  config: Config,
): Promise<CommandOutput> {
  if (more !== undefined || (level !== undefined && !LEVELS.includes(level))) {
    throw usage(`pondhawk log-level takes one of ${LEVELS.join(', ')}.`, 'log-level')
  }
  const path = '/log/level'
  const answer = await answerOf(
    config,
    level === undefined ? { path } : { method: 'PUT', path, body: { level } },
  )
  if (values['json'] === true) return { output: answer, note: '' }
  return { output: `${(JSON.parse(answer) as { level: string }).level}\n`, note: '' }
}

const ARROWS = { in: '→', out: '←' } as const

function lineOf(line: TraceLineRow): string {
  const { at, direction, kind, clientId, topic, qos, payload, payloadBytes, encoding, text } = line
  const words = [
    at.slice(11, 23),
    direction === null ? '·' : ARROWS[direction],
    clientId === null ? '-' : shownName(clientId),
    kind,
    ...(topic === null ? [] : [shownName(topic)]),
    ...(qos === null || direction === null ? [] : [`QoS ${qos}`]),
    ...(payload === null ? [] : [shownPayload(payload, encoding, payloadBytes ?? 0)]),
    ...(text === '' ? [] : [terminalSafe(text)]),
  ]
  return words.join('  ')
}

function shownPayload(payload: string, encoding: TraceLineRow['encoding'], bytes: number): string {
  const shown = encoding === 'hex' ? payload : terminalSafe(payload)
  const isCut = encoding === 'hex' ? payload.length / 2 < bytes : Buffer.byteLength(payload) < bytes
  return isCut ? `${shown}… (${bytes.toLocaleString('en')} bytes)` : shown
}

const MARKS = { ok: '●', warning: '▲', fault: '■' } as const

function storyOf({ verdict, steps }: Explanation): string {
  const lines = steps.map(({ at, level, source, clientId, cause, mend }) => {
    const when = at === null ? (source === 'now' ? 'now' : '-') : at.slice(11, 23)
    const who = clientId === null ? '' : `${shownName(clientId)}: `
    const how = mend === null ? '' : `\n${' '.repeat(15)}→ ${terminalSafe(mend)}`
    return `${when.padEnd(12)} ${MARKS[level]} ${who}${terminalSafe(cause)}${how}\n`
  })
  return `${verdict}\n${lines.join('')}`
}

function usage(sentence: string, command: string): UsageError {
  return usageOf(command)(sentence)
}
