// What happened to a client, as sentences.

import type { EventRow } from '../../api/contract/records.ts'
import type { Level } from './parts.tsx'
import { counted, visible } from './format.ts'

interface Words {
  readonly level: Level
  readonly sentence: string
  /** What is smaller, below it. */
  readonly more: string | null
}

const ENDS: Readonly<Record<string, string>> = {
  client: 'Disconnected by itself',
  broker: 'Disconnected by Pondhawk',
  network: 'Connection lost, no DISCONNECT',
  takeover: 'Disconnected: another connection has its client id',
}

/** What is needed of an event, ready to be shown. */
interface Told {
  readonly event: EventRow
  readonly topic: string | null
  readonly from: string | null
  /** `: cause`, or nothing. */
  readonly why: string
  /** ` 3 times`, or nothing for once. */
  readonly times: string
  readonly messages: string
}

const WORDS: Readonly<Record<EventRow['kind'], (told: Told) => Words>> = {
  connected: ({ event, from, times }) =>
    said('ok', `Connected${from === null ? '' : ` from ${from}`}${times}`, event.cause),
  disconnected: told => disconnected(told),
  refused: ({ from, times, why }) => said('warn', `Refused${times}${why}`, from),
  takeover: ({ event, times }) =>
    said('warn', `Taken over${times} by a connection with the same client id`, takeoverOf(event)),
  'session-expired': ({ why }) => said('away', `The session has expired${why}`, null),
  subscribed: ({ event, topic }) =>
    event.count === 1
      ? said('ok', `Subscribed to ${topic ?? 'a filter'}`, event.cause)
      : said('ok', `Subscribed to ${counted(event.count, 'filter')}`, topic),
  unsubscribed: ({ event, topic }) =>
    event.count === 1
      ? said('away', `Unsubscribed from ${topic ?? 'a filter'}`, event.cause)
      : said('away', `Unsubscribed from ${counted(event.count, 'filter')}`, topic),
  'subscribe-refused': ({ times, topic, why }) =>
    said('warn', `Subscription refused${times}${why}`, topic),
  'unsubscribe-refused': ({ times, topic, why }) =>
    said('warn', `Unsubscription refused${times}${why}`, topic),
  'subscription-revoked': ({ times, topic, why }) =>
    said('warn', `Subscription removed${times}${why}`, topic),
  'publish-refused': ({ messages, topic, why }) => said('warn', `${messages} refused${why}`, topic),
  'publish-held': ({ messages, topic, why }) =>
    said('warn', `${messages} had to wait${why}`, topic),
  dropped: told => dropped(told),
  'queue-filling': ({ topic, why }) => said('warn', `The queue has filled to 80 %${why}`, topic),
  slowed: ({ times, topic, why }) => said('warn', `Slowed${times}${why}`, topic),
  contested: ({ from, times, why }) =>
    said('warn', `Its client id is used by several devices${times}${why}`, from),
  'will-published': ({ event, times, topic }) =>
    said('ok', `Will published${topic === null ? '' : ` to ${topic}`}${times}`, event.cause),
  fault: ({ times, topic, why }) =>
    said('fault', `A fault of Pondhawk itself${times}${why}`, topic),
}

export function wordsOf(event: EventRow): Words {
  const { address, cause, count } = event
  return WORDS[event.kind]({
    event,
    topic: event.topic === null ? null : visible(event.topic),
    from: address === null || address === '' ? null : visible(address),
    why: cause === null ? '' : `: ${visible(cause)}`,
    times: count === 1 ? '' : ` ${counted(count, 'time')}`,
    messages: counted(count, 'message'),
  })
}

function disconnected({ event, from, times, why }: Told): Words {
  const { by, cause } = event
  const end = ENDS[by ?? ''] ?? 'Disconnected'
  if (by === 'client') return said('away', `${end}${times}`, cause)
  if (by === 'takeover') return said('warn', `${end}${times}`, from)
  return said('fault', `${end}${why}${times}`, from)
}

function dropped({ event, messages, topic }: Told): Words {
  const { drop, cause } = event
  const level = drop?.isWarned === false ? 'away' : 'warn'
  return said(
    level,
    `${messages} dropped: ${visible(drop?.cause ?? cause ?? '')}`,
    topic === null ? null : `first: ${topic}`,
  )
}

function said(level: Level, sentence: string, more: string | null): Words {
  return { level, sentence, more: more === null || more === '' ? null : visible(more) }
}

function takeoverOf({ address, otherAddress }: EventRow): string | null {
  if (otherAddress === null) return address
  return `from ${otherAddress} to ${address ?? 'an unknown address'}`
}
