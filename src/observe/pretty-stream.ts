// Log lines for people: `14:02:11  + sub-4f2a   connected   127.0.0.1  MQTT 3.1.1`.

interface Line {
  readonly level?: string
  readonly time?: string
  readonly msg?: string
  readonly event?: string
  readonly clientId?: string
  readonly address?: string
  readonly protocol?: string
  readonly cause?: string
  readonly hint?: string
  readonly [field: string]: unknown
}

/** Widths of what a line about a client begins with: most of them form columns. */
const CLIENT_WIDTH = 12
const EVENT_WIDTH = 12

const LOUD = ['warn', 'error', 'fatal']
const SIGNS: Readonly<Record<string, string>> = {
  'client.connected': '+',
  'client.disconnected': '-',
  'client.refused': '✗',
  'publish.refused': '✗',
}
/** Fields that have a fixed place in the line, or that a person does not need. */
const PLACED = [
  'level',
  'time',
  'msg',
  'event',
  'clientId',
  'address',
  'protocol',
  'cause',
  'hint',
  'reason',
  'reasonCode',
  'username',
  'transport',
  'sessionPresent',
]

/** Formats a line of JSON for people. Other text is not changed. */
export function prettyText(line: string): string {
  return line.startsWith('{') ? `${prettyLine(JSON.parse(line) as Line)}\n` : line
}

export function prettyLine(line: Line): string {
  const sign = SIGNS[line.event ?? ''] ?? (LOUD.includes(line.level ?? '') ? '!' : ' ')
  const words = [
    line.clientId?.padEnd(CLIENT_WIDTH),
    line.clientId === undefined ? line.msg : line.msg?.padEnd(EVENT_WIDTH),
    line.address,
    line.protocol === undefined ? undefined : `MQTT ${line.protocol}`,
    line.cause,
    ...others(line),
    line.hint === undefined ? undefined : `Let it in: ${line.hint}`,
  ]
  const text = words.filter(word => word !== undefined && word !== '').join('  ')
  return `${timeOf(line.time)}  ${sign} ${harmless(text).trimEnd()}`
}

function others(line: Line): string[] {
  return Object.entries(line)
    .filter(([field]) => !PLACED.includes(field))
    .map(
      ([field, value]) => `${field} ${typeof value === 'string' ? value : JSON.stringify(value)}`,
    )
}

function timeOf(time: string | undefined): string {
  const at = time === undefined ? new Date() : new Date(time)
  return at.toTimeString().slice(0, 8)
}

/** Names come from the network: they must not begin a line or control the terminal. */
function harmless(text: string): string {
  return text.replaceAll(
    /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    character => {
      const code = character.codePointAt(0) ?? 0
      return `\\u${code.toString(16).padStart(4, '0')}`
    },
  )
}
