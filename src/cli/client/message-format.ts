// `pondhawk sub -F`: how a message is printed, in the words of mosquitto_sub: %t %p, @Y-@m-@d, \n.

import type { PublishPacket } from '../../packet/packet.ts'
import { datePart, isoText } from './date-text.ts'

type MessageFormat = (message: PublishPacket, now: Date) => Buffer
/** What one part of a format prints. */
type Part = (message: PublishPacket, now: Date) => Buffer | string

/** `shown` makes harmless what comes from the network; null where it stays byte for byte. */
type Shown = ((value: string) => string) | null

/** Reads a format. Throws an error with a sentence. */
export function messageFormat(text: string, shown: Shown): MessageFormat {
  const parts = [...partsOf(text, shown)]
  return (message, now) => Buffer.concat(parts.map(part => bytesOf(part(message, now))))
}

function bytesOf(value: Buffer | string): Buffer {
  return typeof value === 'string' ? Buffer.from(value) : value
}

const SEQUENCE =
  /%(?<left>-?)(?<zero>0?)(?<width>\d{0,4})(?:\.(?<most>\d{1,4}))?(?<field>.?)|@(?<time>.?)|\\(?<escape>.?)|[^%@\\]+/gsu

function* partsOf(text: string, shown: Shown): Generator<Part> {
  for (const { 0: whole, groups = {} } of text.matchAll(SEQUENCE)) {
    const { left, zero, width, most, field, time, escape } = groups
    if (field !== undefined) {
      const lengthMax = most === undefined ? Infinity : Number(most)
      const places = { isLeft: left !== '', isZero: zero !== '', width: Number(width), lengthMax }
      const value = fieldOf(field, places)
      yield (message, now) => {
        const printed = value(message, now)
        return shown === null ? printed : shown(printed.toString())
      }
    } else if (time !== undefined) {
      const printed = timeOf(time)
      yield (_, now) => printed(now)
    } else {
      const printed = escape === undefined ? whole : escapeOf(escape)
      yield () => printed
    }
  }
}

interface Places {
  readonly isLeft: boolean
  readonly isZero: boolean
  readonly width: number
  readonly lengthMax: number
}

type Value = string | number | undefined

/** Those that take a width. */
const PADDED: Readonly<Record<string, (message: PublishPacket) => Value>> = {
  A: ({ properties }) => properties.topicAlias,
  C: ({ properties }) => properties.contentType,
  E: ({ properties }) => properties.messageExpiryInterval,
  F: ({ properties }) => properties.payloadFormatIndicator,
  l: ({ payload }) => payload.length,
  m: ({ packetId }) => packetId,
  q: ({ qos }) => qos,
  r: ({ retain }) => (retain ? 1 : 0),
  R: ({ properties }) => properties.responseTopic,
  S: ({ properties }) => properties.subscriptionIdentifiers?.join(' '),
  t: ({ topic }) => topic,
  x: ({ payload }) => payload.toString('hex'),
  X: ({ payload }) => payload.toString('hex').toUpperCase(),
}

const WHOLE: Readonly<Record<string, Part>> = {
  '%': () => '%',
  D: ({ properties }) => properties.correlationData ?? '',
  I: (_, now) => isoText(now),
  j: (message, now) =>
    JSON.stringify({ ...fieldsOf(message, now), payload: message.payload.toString() }),
  J: (message, now) =>
    JSON.stringify({ ...fieldsOf(message, now), payload: jsonIn(message.payload) }),
  p: ({ payload }) => payload,
  P: ({ properties }) =>
    (properties.userProperties ?? []).map(([name, value]) => `${name}:${value}`).join(' '),
  // Node's clock has milliseconds.
  U: (_, now) => `${(now.getTime() / 1_000).toFixed(3)}000000`,
}

function fieldOf(name: string, { isLeft, isZero, width, lengthMax }: Places): Part {
  const whole = WHOLE[name]
  if (whole !== undefined) return whole
  const value = PADDED[name]
  if (value === undefined) {
    const all = [...Object.keys(WHOLE), ...Object.keys(PADDED)].toSorted().join('')
    throw new Error(`%${name} is no part of a message; after % stands one of ${all}`)
  }
  return message => {
    const found = value(message) ?? ''
    if (typeof found === 'number' && isZero && !isLeft) return String(found).padStart(width, '0')
    const text = typeof found === 'number' ? String(found) : cut(found, lengthMax)
    return isLeft ? text.padEnd(width) : text.padStart(width)
  }
}

function cut(text: string, lengthMax: number): string {
  return lengthMax === Infinity ? text : Array.from(text).slice(0, lengthMax).join('')
}

function timeOf(name: string): (now: Date) => string {
  if (name === '@') return () => '@'
  if (datePart(name, new Date(0)) !== null) return now => datePart(name, now) ?? ''
  throw new Error(`@${name} is no part of a time: after @ stands a letter of strftime, such as H`)
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\',
  '0': '\0',
  a: '\u0007',
  e: '\u001b',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
}

function escapeOf(name: string): string {
  const found = ESCAPES[name]
  if (found !== undefined) return found
  const all = Object.keys(ESCAPES).join('')
  throw new Error(`\\${name} is no escape; after \\ stands one of ${all}`)
}

/** As `%j` and `%J` have them, but for the payload. */
function fieldsOf({ topic, qos, retain, payload, packetId, properties }: PublishPacket, now: Date) {
  const named = propertiesOf(properties)
  return {
    tst: now.toISOString().replace('Z', '000Z+0000'),
    topic,
    qos,
    retain: retain ? 1 : 0,
    payloadlen: payload.length,
    ...(qos > 0 && { mid: packetId }),
    ...(Object.keys(named).length > 0 && { properties: named }),
  }
}

function propertiesOf(properties: PublishPacket['properties']): Record<string, unknown> {
  const all = {
    'topic-alias': properties.topicAlias,
    'content-type': properties.contentType,
    'response-topic': properties.responseTopic,
    'correlation-data': properties.correlationData?.toString(),
    'payload-format-indicator': properties.payloadFormatIndicator,
    'message-expiry-interval': properties.messageExpiryInterval,
    'subscription-identifier': properties.subscriptionIdentifiers?.[0],
    'user-properties':
      properties.userProperties === undefined ? undefined : namesIn(properties.userProperties),
  }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
}

/** The values of a name that is there again are a list. */
function namesIn(pairs: readonly (readonly [string, string])[]): Record<string, unknown> {
  const values = new Map<string, string[]>()
  for (const [name, value] of pairs) values.set(name, [...(values.get(name) ?? []), value])
  return Object.fromEntries([...values].map(([name, all]) => [name, all.length > 1 ? all : all[0]]))
}

/** Throws an error with a sentence. */
function jsonIn(payload: Buffer): unknown {
  try {
    return JSON.parse(payload.toString())
  } catch (error) {
    throw new Error('the payload is no JSON; %j prints any', { cause: error })
  }
}
