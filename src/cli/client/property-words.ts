// Properties of MQTT 5 on the command line: -D PACKET NAME VALUE, and for a user property -D PACKET user-property NAME VALUE.

import type { Properties } from '../../packet/packet.ts'
import { nearest } from '../../nearest.ts'
import { type UsageError, usageOf } from '../usage-error.ts'

const wrong = usageOf('pub')

const PACKETS = ['connect', 'publish', 'subscribe', 'unsubscribe', 'disconnect', 'will'] as const
export type PropertyPacket = (typeof PACKETS)[number]

type Kind = 'text' | 'bytes' | readonly [least: number, most: number]

const UINT32 = [0, 0xffff_ffff] as const
const UINT16 = [1, 0xffff] as const
const FLAG = [0, 1] as const

/** Where each may stand (MQTT 5.0, table 2-4), and what it is. */
const ROWS: Readonly<
  Record<string, { name: keyof Properties; kind: Kind; packets: readonly PropertyPacket[] }>
> = {
  'payload-format-indicator': row('payloadFormatIndicator', FLAG, 'publish', 'will'),
  'message-expiry-interval': row('messageExpiryInterval', UINT32, 'publish', 'will'),
  'content-type': row('contentType', 'text', 'publish', 'will'),
  'response-topic': row('responseTopic', 'text', 'publish', 'will'),
  'correlation-data': row('correlationData', 'bytes', 'publish', 'will'),
  'topic-alias': row('topicAlias', UINT16, 'publish'),
  'subscription-identifier': row('subscriptionIdentifiers', [1, 268_435_455], 'subscribe'),
  'session-expiry-interval': row('sessionExpiryInterval', UINT32, 'connect', 'disconnect'),
  'authentication-method': row('authenticationMethod', 'text', 'connect'),
  'authentication-data': row('authenticationData', 'bytes', 'connect'),
  'request-problem-information': row('requestProblemInformation', FLAG, 'connect'),
  'request-response-information': row('requestResponseInformation', FLAG, 'connect'),
  'receive-maximum': row('receiveMaximum', UINT16, 'connect'),
  'topic-alias-maximum': row('topicAliasMaximum', [0, 0xffff], 'connect'),
  'maximum-packet-size': row('maximumPacketSize', [1, 0xffff_ffff], 'connect'),
  'will-delay-interval': row('willDelayInterval', UINT32, 'will'),
}

function row(name: keyof Properties, kind: Kind, ...packets: readonly PropertyPacket[]) {
  return { name, kind, packets }
}

export class PropertyWords {
  readonly #found = new Map<PropertyPacket, Properties>()

  get isEmpty(): boolean {
    return this.#found.size === 0
  }

  of(packet: PropertyPacket): Properties | null {
    return this.#found.get(packet) ?? null
  }

  /** Takes the words after -D away. Throws UsageError. */
  take(words: string[]): void {
    const [packet, name, value] = [words.shift(), words.shift(), words.shift()]
    if (packet === undefined || name === undefined || value === undefined) {
      throw wrong('-D needs three words: -D PACKET NAME VALUE.')
    }
    const place = PACKETS.find(each => each === packet.toLowerCase())
    if (place === undefined) {
      throw wrong(`-D: ${JSON.stringify(packet)} is none of ${PACKETS.join(', ')}.`)
    }
    const before = this.#found.get(place) ?? {}
    if (name === 'user-property') {
      const second = words.shift()
      if (second === undefined) throw wrong(`-D ${packet} user-property needs a name and a value.`)
      const userProperties = [...(before.userProperties ?? []), [value, second] as const]
      this.#found.set(place, { ...before, userProperties })
      return
    }
    const known = ROWS[name]
    if (known === undefined || !known.packets.includes(place)) throw unknown(place, name)
    this.#found.set(place, { ...before, [known.name]: read(known.kind, name, value) })
  }
}

function read(kind: Kind, name: string, value: string): string | number | Buffer | number[] {
  if (kind === 'text') return value
  if (kind === 'bytes') return Buffer.from(value)
  const [least, most] = kind
  const number = Number(value)
  if (!/^\d+$/.test(value) || number < least || number > most) {
    throw wrong(`-D ${name}: ${JSON.stringify(value)} is not a number from ${least} to ${most}.`)
  }
  return name === 'subscription-identifier' ? [number] : number
}

function unknown(packet: PropertyPacket, name: string): UsageError {
  const allowed = Object.entries(ROWS)
    .filter(([, { packets }]) => packets.includes(packet))
    .map(([each]) => each)
  const meant = nearest(name, [...allowed, 'user-property'])
  const hint = meant === null ? '' : ` Did you mean ${meant}?`
  return wrong(`-D: ${packet} has no property ${JSON.stringify(name)}.${hint}`)
}
