// The path of one PUBLISH of QoS 0 from its chunk to the outbox of its only subscriber, without rules and observers, and the path of
// the PUBACK of one delivery: the number of functions, of files, and of moves from one file to another.

import { encode } from '../../src/packet/encode.ts'
import { NO_PROPERTIES } from '../../src/packet/packet.ts'
import { SUCCESS } from '../../src/packet/reason.ts'
import { Pond } from '../pond.ts'
import { type Call, recordedCalls } from './recorded-calls.ts'

export interface Journey {
  readonly calls: readonly Call[]
  /** In the order in which they are first entered. */
  readonly files: readonly string[]
  /** Calls whose function lies in another file than the function called before it. */
  readonly moves: number
}

/** The function by which the packet lies in the outbox; the journey ends with the calls that it makes itself. */
const ARRIVAL = 'appendPublish'
/** Publishes before the counted one: what a cache answers later is not counted. */
const BEFORE = 20

export async function publishJourney(): Promise<Journey> {
  const pond = new Pond()
  const publisher = pond.client('publisher')
  const subscriber = pond.client('subscriber')
  subscriber.subscribes('journey')
  for (let count = 0; count < BEFORE; count++) publisher.publishes('journey', 'x')
  subscriber.receives()
  const chunk = encode(
    {
      type: 'publish',
      duplicate: false,
      qos: 0,
      retain: false,
      topic: 'journey',
      packetId: 0,
      properties: NO_PROPERTIES,
      payload: Buffer.from('x'),
    },
    5,
  )

  // The turn stays open meanwhile, so that its end is not counted.
  const calls = upToArrival(await recordedCalls(() => publisher.wire.says(chunk)))
  pond.settles()
  if (subscriber.receives().length !== 1) throw new Error('the message has not arrived')
  return journeyOf(calls)
}

/** The packet identifiers of one connection count up from 1. */
export async function pubackJourney(): Promise<Journey> {
  const pond = new Pond()
  const publisher = pond.client('publisher')
  const subscriber = pond.client('subscriber')
  subscriber.subscribes('journey', 1)
  for (let packetId = 1; packetId <= BEFORE; packetId++) {
    publisher.publishes('journey', 'x', { qos: 1, packetId })
    subscriber.acknowledges('puback', packetId)
  }
  publisher.publishes('journey', 'x', { qos: 1, packetId: 1 })
  const packetId = BEFORE + 1
  const chunk = encode({ type: 'puback', packetId, reason: SUCCESS, properties: NO_PROPERTIES }, 5)
  const calls = await recordedCalls(() => subscriber.wire.says(chunk))
  pond.settles()
  return journeyOf(calls)
}

function journeyOf(calls: readonly Call[]): Journey {
  const files = [...new Set(calls.map(({ file }) => file))]
  const moves = calls.filter(({ file }, index) => index > 0 && file !== calls[index - 1]?.file)
  return { calls, files, moves: moves.length }
}

function upToArrival(calls: readonly Call[]): readonly Call[] {
  const arrival = calls.findIndex(({ name }) => name === ARRIVAL)
  const depth = calls[arrival]?.depth
  if (depth === undefined) throw new Error(`no function is called ${ARRIVAL} any more`)
  const next = calls.findIndex((call, index) => index > arrival && call.depth <= depth)
  return calls.slice(0, next)
}
