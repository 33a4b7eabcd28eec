// `pondhawk top`: rates, queues and the busiest clients of a running broker, again each second on a terminal, once elsewhere.

import { setTimeout as wait } from 'node:timers/promises'
import type { StatusAnswer } from '../api/contract/status.ts'
import type { Config } from '../config/config-types.ts'
import { answerOf } from './admin-client.ts'
import { UsageError, type Words } from './flags.ts'
import { shownName, shownSentence, terminalSafe } from './shown-name.ts'
import { hasKeyboard, Keyboard } from './terminal/keyboard.ts'
import type { CommandOutput } from './user-command.ts'

const INTERVAL_MS = 1_000

/** Returns what to print once; on a terminal, nothing after it was left. */
export async function topCommand(
  { values, positionals }: Words,
  config: Config,
): Promise<CommandOutput> {
  if (positionals.length > 0)
    throw new UsageError('pondhawk top takes flags only. Try pondhawk top --help.')
  const isOnce = values['once'] === true || values['json'] === true || !hasKeyboard()
  if (!isOnce) {
    await shownAgain(config)
    return { output: '', note: '' }
  }
  const before = await statusOf(config)
  await wait(INTERVAL_MS)
  const glance = glanceAt(before, await statusOf(config))
  const isJson = values['json'] === true
  return {
    output: isJson ? `${terminalSafe(JSON.stringify(glance))}\n` : screenOf(glance),
    note: '',
  }
}

async function statusOf(config: Config): Promise<StatusAnswer> {
  // The answer comes from the broker itself, so its form is not checked.
  return JSON.parse(await answerOf(config, { path: '/status' })) as StatusAnswer
}

const ALTERNATE_SCREEN = ['\u001b[?1049h\u001b[?25l', '\u001b[?25h\u001b[?1049l'] as const
const HOME = '\u001b[H'
const CLEAR_LINE = '\u001b[K'
const CLEAR_BELOW = '\u001b[J'

/** Until the key `q` or Control-C. */
async function shownAgain(config: Config): Promise<void> {
  const [enter, leave] = ALTERNATE_SCREEN
  let isLeft = false
  let left: () => void = () => {}
  const whenLeft = new Promise<void>(settle => (left = settle))
  const keyboard = new Keyboard(key => {
    if (key !== 'q') return
    isLeft = true
    left()
  })
  process.stdout.write(enter)
  try {
    let before = await statusOf(config)
    while (!isLeft) {
      await Promise.race([wait(INTERVAL_MS), whenLeft])
      const after = await statusOf(config)
      const rows = process.stdout.rows - 1
      const lines = `${screenOf(glanceAt(before, after))}\nq quit\n`.split('\n').slice(0, rows)
      process.stdout.write(`${HOME}${lines.join(`${CLEAR_LINE}\n`)}${CLEAR_BELOW}`)
      before = after
    }
  } finally {
    process.stdout.write(leave)
    keyboard.close()
  }
}

interface ProcessGlance {
  readonly name: string
  /** Null for the core's process. */
  readonly connections: number | null
  readonly cpuPercent: number
  readonly rssBytes: number
  /** Why it does not run; null if it does. */
  readonly failure: string | null
}

interface Glance {
  readonly at: string
  readonly uptimeSeconds: number
  readonly rates: Readonly<Record<string, number>>
  readonly gauges: Readonly<Record<string, number>>
  /** The core's process and the front ends; empty where there are none. */
  readonly processes: readonly ProcessGlance[]
  readonly alarms: NonNullable<StatusAnswer['alarms']>
  readonly top: NonNullable<StatusAnswer['top']>
}

/** Two answers of the broker, some time apart. */
export function glanceAt(before: StatusAnswer, after: StatusAnswer): Glance {
  const milliseconds = Date.parse(after.at) - Date.parse(before.at)
  const perSecond = (of: (status: StatusAnswer) => number): number =>
    Math.max(0, Math.round(((of(after) - of(before)) * 1_000) / Math.max(1, milliseconds)))
  return {
    at: after.at,
    uptimeSeconds: after.uptimeSeconds,
    rates: {
      messagesReceived: perSecond(status => status.messagesReceived),
      messagesSent: perSecond(status => status.messagesSent),
      bytesReceived: perSecond(status => status.bytesReceived),
      bytesSent: perSecond(status => status.bytesSent),
      dropped: perSecond(({ dropped }) =>
        Object.values(dropped).reduce((sum, each) => sum + each, 0),
      ),
    },
    gauges: {
      clientsConnected: after.clientsConnected,
      sessions: after.sessions,
      subscriptions: after.subscriptions,
      retainedMessages: after.retainedMessages,
      queuedMessages: after.queuedMessages,
      rssBytes: after.rssBytes,
      overloadLevel: after.overloadLevel,
    },
    processes: processesAt(before, after, milliseconds),
    alarms: after.alarms ?? [],
    top: after.top ?? {},
  }
}

function processesAt(
  before: StatusAnswer,
  after: StatusAnswer,
  milliseconds: number,
): readonly ProcessGlance[] {
  if (after.frontEnds.length === 0) return []
  const cpuPercent = (earlier: number, later: number): number =>
    Math.max(0, Math.round(((later - earlier) * 100_000) / Math.max(1, milliseconds)))
  const core: ProcessGlance = {
    name: 'core',
    connections: null,
    cpuPercent: cpuPercent(before.cpuSeconds, after.cpuSeconds),
    rssBytes: after.rssBytes,
    failure: null,
  }
  const frontEnds = after.frontEnds.map(({ name, connections, rssBytes, ...each }, index) => ({
    name,
    connections,
    cpuPercent: cpuPercent(before.frontEnds[index]?.cpuSeconds ?? 0, each.cpuSeconds),
    rssBytes,
    failure: each.pid === null ? (each.lastFailure?.cause ?? 'it is not ready') : null,
  }))
  return [core, ...frontEnds]
}

const MEBIBYTE = 1_048_576

export function screenOf({
  at,
  uptimeSeconds,
  rates,
  gauges,
  processes,
  alarms,
  top,
}: Glance): string {
  const number = (of: Readonly<Record<string, number>>, name: string): string =>
    (of[name] ?? 0).toLocaleString('en')
  const faults = alarms.filter(({ level }) => level === 'fault').length
  const warnings = alarms.length - faults
  const verdict =
    alarms.length === 0 ? '● nothing to look at' : `${faults} faults, ${warnings} warnings`
  return [
    `pondhawk   ${at.slice(11, 19)} UTC   up ${durationOf(uptimeSeconds)}   ${verdict}`,
    '',
    figures(
      'Received',
      `${number(rates, 'messagesReceived')}/s`,
      'Connected',
      number(gauges, 'clientsConnected'),
    ),
    figures('Sent', `${number(rates, 'messagesSent')}/s`, 'Sessions', number(gauges, 'sessions')),
    figures('Dropped', `${number(rates, 'dropped')}/s`, 'Queued', number(gauges, 'queuedMessages')),
    figures(
      'Bytes in',
      `${number(rates, 'bytesReceived')}/s`,
      'Subscriptions',
      number(gauges, 'subscriptions'),
    ),
    figures(
      'Bytes out',
      `${number(rates, 'bytesSent')}/s`,
      'Retained',
      number(gauges, 'retainedMessages'),
    ),
    figures(
      'Memory',
      mebibytes(gauges['rssBytes'] ?? 0),
      'Overload level',
      number(gauges, 'overloadLevel'),
    ),
    ...(processes.length === 0 ? [] : ['', PROCESS_HEAD, ...processes.map(processLine)]),
    ...(alarms.length === 0 ? [] : ['']),
    ...alarms
      .slice(0, ALARMS_SHOWN_MAX)
      .map(
        ({ level, cause, mend }) =>
          `${level === 'fault' ? '■' : '▲'} ${shownSentence(cause)} → ${shownSentence(mend)}`,
      ),
    ...Object.entries(top).flatMap(([what, entries]) => {
      const busy = entries.filter(({ value }) => Math.round(value) > 0)
      return busy.length === 0
        ? []
        : ['', `Top: ${TOP_WORDS[what] ?? what}`, ...busy.map(entryLine)]
    }),
    '',
  ].join('\n')
}

const ALARMS_SHOWN_MAX = 5
const TOP_WORDS: Readonly<Record<string, string>> = {
  queues: 'messages in the queue',
  drops: 'messages dropped in 5 s',
  received: 'messages a second from it',
  sent: 'messages a second to it',
  slowReaders: 'bytes that it has not read',
}

const PROCESS_HEAD = processRow('Process', 'CPU', 'Memory', 'Connections')

function processLine({ name, connections, failure, ...each }: ProcessGlance): string {
  if (failure !== null) return `${name.padEnd(14)}  does not run: ${shownSentence(failure)}`
  const connected = connections?.toLocaleString('en') ?? ''
  return processRow(name, `${each.cpuPercent} %`, mebibytes(each.rssBytes), connected)
}

function processRow(name: string, cpu: string, memory: string, connections: string): string {
  return `${name.padEnd(14)}${cpu.padStart(8)}${memory.padStart(12)}${connections.padStart(14)}`.trimEnd()
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / MEBIBYTE).toLocaleString('en')} MiB`
}

function figures(...words: readonly [string, string, string, string]): string {
  const [label, value, second, count] = words
  return `${label.padEnd(12)}${value.padStart(16)}      ${second.padEnd(16)}${count.padStart(14)}`
}

function entryLine({ name, value }: { readonly name: string; readonly value: number }): string {
  return `  ${Math.round(value).toLocaleString('en').padStart(12)}  ${shownName(name)}`
}

function durationOf(seconds: number): string {
  const days = Math.floor(seconds / 86_400)
  const hours = Math.floor((seconds % 86_400) / 3_600)
  const minutes = Math.floor((seconds % 3_600) / 60)
  if (days > 0) return `${days} d ${hours} h`
  return hours > 0 ? `${hours} h ${minutes} min` : minutes > 0 ? `${minutes} min` : `${seconds} s`
}
