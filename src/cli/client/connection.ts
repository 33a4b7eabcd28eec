// One connection of `pondhawk pub` or `pondhawk sub`, and what it says when it is refused.

import type { ConnackPacket, ConnectPacket } from '../../packet/packet.ts'
import { connectReturnCode, reasonName } from '../../packet/reason.ts'
import { thrownSentence } from '../../thrown.ts'
import { shownName } from '../shown-name.ts'
import { type Endpoint, openStream } from './client-stream.ts'
import type { ClientWords } from './client-words.ts'
import { type ClientHandlers, MqttClient, Refused, type Verdict } from './mqtt-client.ts'

/** As of mosquitto's clients, but that wrong usage is 2. */
export const TIMED_OUT = 27
export const FAILED = 1

export function debugOf(words: ClientWords, { clientId }: ConnectPacket): (line: string) => void {
  if (!words.has('debug')) return () => {}
  return line => process.stdout.write(`Client ${shownName(clientId)} ${line}\n`)
}

/** Rejects with a sentence, or Refused. */
export async function connected(
  endpoint: Endpoint,
  connect: ConnectPacket,
  handlers: ClientHandlers,
): Promise<MqttClient> {
  const client = new MqttClient(await openStream(endpoint), connect, handlers)
  await client.connect()
  return client
}

/** Prints why, and returns the exit status: the reason code of a refusal (a return code in MQTT 3), otherwise 1. */
export function failure(words: ClientWords, error: unknown): number {
  if (error instanceof Refused) {
    complain(words, refusalOf(error.packet))
    const { reason } = error.packet
    return versionIs5(words) ? reason : connectReturnCode(reason)
  }
  complain(words, thrownSentence(error))
  return FAILED
}

function versionIs5(words: ClientWords): boolean {
  const text = words.value('protocol-version')
  return text === '5' || text === 'mqttv5' || !words.properties.isEmpty
}

function refusalOf(packet: ConnackPacket): string {
  return `the broker refuses the connection: ${shownVerdict(packet)}`
}

/** The name of the reason, its code, and the broker's sentence if there is one. */
export function shownVerdict({ reason, properties }: Verdict): string {
  const { reasonString } = properties
  const why = reasonString === undefined ? '' : `: ${shownText(reasonString)}`
  return `${reasonName(reason)} (0x${reason.toString(16)})${why}`
}

/** Reason strings come from the network. */
function shownText(text: string): string {
  return /\p{C}/u.test(text) ? shownName(text) : text
}

export function complain(words: ClientWords, sentence: string): void {
  if (!words.has('quiet')) process.stderr.write(`Error: ${sentence}\n`)
}
