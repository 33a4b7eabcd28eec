// Prints the reference pages of metrics, $SYS, reason codes and limits from the tables of the code: `npm run reference`.

import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { LIMITS } from '../limits.ts'
import { DROP_WORDS } from '../observe/drop-words.ts'
import { describedMetrics } from '../observe/metrics.ts'
import { FIGURES } from '../observe/status.ts'
import { SysFigures } from '../observe/sys-figures.ts'
import { connectReturnCode, hasConnectReturnCode, isFailure, reasonName } from '../packet/reason.ts'
import { isReasonCode } from '../packet/reason.ts'
import { packetsWith } from '../packet/reasons-allowed.ts'

const ROOT = resolve(import.meta.dirname, '../../..')
const PRINTED = 'This page is printed from the tables of the code by `npm run reference`.'

/** Returns the pages by their names in `docs/reference`. */
export function observabilityPages(): Readonly<Record<string, string>> {
  return {
    'metrics.md': metricsPage(),
    'sys-topics.md': sysPage(),
    'reason-codes.md': reasonPage(),
    'limits.md': limitsPage(),
  }
}

function metricsPage(): string {
  const rows = describedMetrics(FIGURES).map(
    ({ name, kind, help, label }) =>
      `| \`${name}${label === null ? '' : `{${label}="…"}`}\` | ${kind} | ${help} |`,
  )
  return page(
    'Metrics',
    [
      '`/metrics` on the listener with `protocol: ws`, in the text format of Prometheus: [monitor](../how-to/monitor.md). No label names a client, a user or a topic.',
      'Beside these, every figure of [`$SYS`](sys-topics.md) is there as `broker_…`, with `_` for each `/`, space, `.` and `-`: `broker_clients_connected`.',
      'Values of `reason` are those of [dropped messages](sys-topics.md#dropped-messages), values of `limit` the names of [limits](limits.md).',
    ],
    ['| metric | kind | what it is |', '| --- | --- | --- |', ...rows],
  )
}

/** What mosquitto's names mean here. */
const SYS_MEANINGS: Readonly<Record<string, string>> = {
  version: 'the version',
  uptime: 'how long the broker has been running',
  'clients/total': 'sessions, of clients that are connected or away',
  'clients/maximum': 'the most sessions since the start',
  'clients/connected': 'clients that are connected',
  'clients/active': 'the same, by its older name',
  'clients/disconnected': 'sessions whose client is away',
  'clients/inactive': 'the same, by its older name',
  'clients/expired': 'sessions that have expired',
  'subscriptions/count': 'subscriptions',
  'shared_subscriptions/count': 'subscriptions that begin with `$share`',
  'retained messages/count': 'retained messages',
  'messages/stored': 'retained and queued messages',
  'store/messages/count': 'the same',
  'store/messages/bytes': 'their bytes',
  'publish/bytes/received': 'bytes of payloads from clients',
  'publish/bytes/sent': 'bytes of payloads to clients',
  'heap/current': 'bytes that clients keep in memory',
  'heap/maximum': 'the most since the start',
  'messages/received': 'packets of all types from clients',
  'messages/sent': 'packets of all types to clients',
  'bytes/received': 'bytes from clients',
  'bytes/sent': 'bytes to clients',
  'publish/messages/received': 'PUBLISH packets from clients',
  'publish/messages/sent': 'PUBLISH packets to clients',
  'publish/messages/dropped': 'messages that were not delivered, for all reasons',
}

function sysPage(): string {
  const topics = [...sysTopics()].filter(name => !name.startsWith('load/'))
  const rows = topics.map(name => `| \`$SYS/broker/${name}\` | ${SYS_MEANINGS[name] ?? ''} |`)
  const loads = new Set(
    [...sysTopics()]
      .filter(name => name.startsWith('load/'))
      .map(name => name.replace(/[^/]+$/, '')),
  )
  const drops = Object.entries(DROP_WORDS).map(
    ([reason, { cause, key }]) =>
      `| \`${reason}\` | ${cause} | ${key === null ? '' : key.replaceAll(/limits\.\w+/g, '`$&`')} |`,
  )
  return page(
    '$SYS',
    [
      'Retained messages in `$SYS/broker/`, under the names of mosquitto 2.0. They are published every 10 seconds if they have changed. With rules a client needs `topic read $SYS/#`.',
    ],
    ['| topic | what it is |', '| --- | --- |', ...rows],
    [
      '## Loads',
      '',
      `How many a minute, averaged over one, five and fifteen minutes (\`1min\`, \`5min\`, \`15min\`): ${[...loads].map(name => `\`$SYS/broker/${name}…\``).join(', ')}.`,
    ],
    [
      '## Limits',
      '',
      '`$SYS/broker/limits/NAME` counts how often each of the [limits](limits.md) was reached, once it is above 0.',
    ],
    [
      '## Dropped messages',
      '',
      '`$SYS/broker/dropped/REASON` counts messages that were not delivered to a subscriber, once it is above 0. [Log events](log-events.md) has what to do.',
      '',
      '| reason | why | key that bounds it |',
      '| --- | --- | --- |',
      ...drops,
    ],
    [
      '## Bridges',
      '',
      '`$SYS/broker/connection/CLIENTID/state` is `1` while a [bridge](../how-to/bridge.md) is connected, else `0`.',
    ],
  )
}

/** The names below `$SYS/broker`, as a broker without clients publishes them. */
export function sysTopics(): ReadonlySet<string> {
  const zero = new Proxy({}, { get: () => 0 })
  const status = new Proxy({}, { get: (_, name) => (name === 'dropped' ? {} : 0) })
  const sources = { version: '', status, statistics: zero, heapBytes: 0 } as never
  return new Set(new SysFigures().of(sources, 1).keys())
}

/** What somebody who sees the code should do, where that is not in its name. */
const ADVICE: Readonly<Record<number, string>> = {
  0x10: 'nobody has subscribed to that topic: check its spelling',
  0x85: 'the client id is too long, empty with a session, or not one that the user may have (`access.clientIdPattern`)',
  0x86: 'check user name and password; `pondhawk clients NAME` and the log say what was wrong',
  0x87: '`pondhawk explain access` names the rule that refuses, or the right has ended',
  0x88: 'what knows the users is away, or the broker is emptied: try again later',
  0x89: 'too many come at once: try again later',
  0x8b: 'the broker stops: connect again',
  0x8d: 'the client was silent for one and a half keep-alives',
  0x8e: 'another connection with this client id came: two devices with one id do this to each other',
  0x93: 'the client sends more than the Receive Maximum in CONNACK',
  0x95: 'larger than `limits.packetBytesMax`',
  0x96: 'faster than a rate of `limits`, for long',
  0x97: 'a bound of the client, its user or the broker was reached, or the disk is full: the log names it',
  0x98: 'an administrator has ended the connection or the session',
  0x9d: 'connect to the broker in Server Reference',
}

function reasonPage(): string {
  const codes = Array.from({ length: 256 }, (_, code) => code).filter(isReasonCode)
  const rows = codes.map(code => {
    const packets = packetsWith(code)
    const isConnect = packets.includes('connack')
    const old = isConnect && hasConnectReturnCode(code) ? String(connectReturnCode(code)) : ''
    const hex = `0x${code.toString(16).padStart(2, '0').toUpperCase()}`
    const names = packets.map(each => each.toUpperCase()).join(', ')
    return `| ${hex} | ${code} | ${reasonName(code)} | ${names} | ${old} | ${ADVICE[code] ?? ''} |`
  })
  const failures = codes.filter(isFailure).length
  return page(
    'Reason codes',
    [
      `The reason codes of MQTT 5 (section 2.4); the ${failures} from 0x80 on are failures. With a failure Pondhawk sends a Reason String, a sentence, unless the client has asked for none. MQTT 3.1.1 has return codes in CONNACK only, and 0x80 in SUBACK.`,
    ],
    [
      '| code | decimal | name | packets | CONNACK of 3.1.1 | what to do |',
      '| --- | --- | --- | --- | --- | --- |',
      ...rows,
    ],
  )
}

function limitsPage(): string {
  const rows = Object.entries(LIMITS).map(([name, limit]) => {
    const isNumber = 'min' in limit
    const range = isNumber ? `${figure(limit.min)} to ${figure(limit.max)}` : ''
    const standard = isNumber ? figure(limit.default) : `\`${String(limit.default)}\``
    return `| \`${name}\` | ${limit.description} | ${range} | ${standard} |`
  })
  return page(
    'Limits',
    [
      'Keys below `limits` in the [configuration](configuration.md). What each is good for: [limit clients](../how-to/limit-clients.md). Bytes may be written as sizes (`16MiB`).',
      'How often each was reached is in `/api/v1/status` (`limited`), at `/metrics` (`pondhawk_limits_reached_total`) and in [`$SYS`](sys-topics.md#limits).',
    ],
    ['| limit | what it bounds | accepted | default |', '| --- | --- | --- | --- |', ...rows],
  )
}

function figure(value: number): string {
  return value.toLocaleString('en')
}

function page(
  title: string,
  introduction: readonly string[],
  ...parts: readonly string[][]
): string {
  const text = parts.map(lines => lines.join('\n')).join('\n\n')
  return `# ${title}\n\n${[...introduction, PRINTED].join('\n')}\n\n${text}\n`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [name, text] of Object.entries(observabilityPages()))
    writeFileSync(join(ROOT, 'docs/reference', name), text)
}
