// A message as the API shows it.

import { isUtf8 } from 'node:buffer'
import type { Message } from '../message.ts'
import type { Caller } from './caller.ts'
import type { MessageRow } from './contract/messages.ts'
import { isoOrNull } from './times.ts'

/** `bytesMax` is how much of the payload is shown; null for nothing at all. */
export function messageRowOf(message: Message, bytesMax: number | null): MessageRow {
  const { topic, qos, retain, payload, publisher, expiresAt, properties } = message
  const { contentType = null, responseTopic = null, userProperties = [] } = properties
  const shown = payload.subarray(0, bytesMax ?? 0)
  const isText = isUtf8(payload)
  return {
    ...{ topic, qos, retain, publisher, contentType, responseTopic },
    payloadBytes: payload.length,
    expiresAt: isoOrNull(expiresAt),
    userProperties: userProperties.map(([name, value]) => [name, value]),
    payload: bytesMax === null ? null : isText ? wholeCharacters(shown) : shown.toString('base64'),
    encoding: isText ? 'utf8' : 'base64',
    truncated: bytesMax !== null && payload.length > shown.length,
  }
}

/** Leaves out the beginning of a character at the end. */
function wholeCharacters(bytes: Buffer): string {
  let end = bytes.length
  while (end > 0 && end > bytes.length - 4 && !isUtf8(bytes.subarray(0, end))) end--
  return bytes.toString('utf8', 0, end)
}

/** Whether the caller sees what is in messages. For the role `user` its rules decide which ones. */
export function seesPayloads(caller: Caller, viewersSeePayloads: boolean): boolean {
  return caller.role !== 'viewer' || viewersSeePayloads
}
