// The session that a bridge has at its own broker: how it connects there, and how it begins before there is a link.

import type { Duplex } from 'node:stream'
import { PACKET_BYTES_MAX } from '../packet/fixed-header.ts'
import {
  type ConnectPacket,
  NO_PROPERTIES,
  type Properties,
  type SubscriptionRequest,
} from '../packet/packet.ts'
import { isFailure, SUCCESS } from '../packet/reason.ts'
import { ANSWER_MS_MAX, BridgeRefused, Leg, LOCAL_TERMS } from './leg.ts'

/** Session Expiry Interval of a session that does not expire. */
export const NEVER_SECONDS = 0xffff_ffff
/** Retain Handling: no retained messages come with the subscription. */
const NOT_AT_ALL = 2 as const

export interface LocalSession {
  readonly filters: readonly string[]
  readonly unreleased: readonly number[]
}

/** Begins the session here before there is a link, so that what is published from now on waits for one. */
export async function beginSession(
  stream: Duplex,
  localId: string,
  requests: readonly SubscriptionRequest[],
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const failed = (error: Error): void => {
      clearTimeout(timer)
      leg.destroy()
      reject(error)
    }
    const leg: Leg = new Leg(stream, LOCAL_TERMS, PACKET_BYTES_MAX, {
      packet: packet => {
        if (packet.type === 'connack' && isFailure(packet.reason))
          failed(new BridgeRefused('here', packet))
        if (packet.type !== (requests.length > 0 ? 'suback' : 'connack')) return
        clearTimeout(timer)
        leg.send({ type: 'disconnect', reason: SUCCESS, properties: NO_PROPERTIES })
        leg.close()
        resolve()
      },
      ended: sentence => failed(new Error(sentence)),
      drained: () => {},
    })
    const timer = setTimeout(() => {
      failed(new Error(`no answer within ${ANSWER_MS_MAX / 1_000} s`))
    }, ANSWER_MS_MAX)
    leg.send(connectHere(localId, { sessionExpiryInterval: NEVER_SECONDS, receiveMaximum: 1 }))
    const later = requests.map(each => ({ ...each, retainHandling: NOT_AT_ALL }))
    leg.subscribe(later, [])
  })
}

export function connectHere(
  localId: string,
  properties: Properties,
  cleanStart = false,
): ConnectPacket {
  return {
    type: 'connect',
    version: 5,
    cleanStart,
    keepAliveSeconds: 0,
    clientId: localId,
    username: localId,
    password: null,
    will: null,
    properties,
  }
}
