// Retained messages, and the messages that wait for a client.

import type { ServerResponse } from 'node:http'
import type { Broker } from '../../broker/broker.ts'
import type { Message } from '../../message.ts'
import { NO_PROPERTIES } from '../../packet/packet.ts'
import { isReserved } from '../../routing/topic.ts'
import { z } from '../../config/zod.ts'
import { unknownCaller } from '../app.ts'
import type { Caller } from '../caller.ts'
import { deletedAnswer } from '../contract/clients.ts'
import {
  messagesPage,
  retainedDeleteAnswer,
  retainedDeleteRequest,
  retainedQuery,
  topicQuery,
  valuesAnswer,
  valuesQuery,
  waitingAnswer,
  waitingQuery,
} from '../contract/messages.ts'
import { CONTENT_HEADERS } from '../headers.ts'
import { ANSWER_BYTES_MAX, found, pageWith } from '../listing.ts'
import { messageRowOf, seesPayloads } from '../message-rows.ts'
import type { ApiParts } from '../parts.ts'
import { Problem } from '../problem.ts'
import { rightsOf } from '../rights.ts'
import { EVERYBODY, MESSENGERS, OPERATORS, READERS, type Route, route, WRITTEN } from '../route.ts'
import type { Slice } from '../scans.ts'
import { noSuchClient } from './clients.ts'
import { publish } from './publish.ts'

const STEPS_AT_ONCE = 64

export function retainedRoutes(parts: ApiParts): readonly Route[] {
  return [
    listRoute(parts),
    ...singleRoutes(parts),
    deleteRoute(parts),
    valuesRoute(parts),
    waitingRoute(parts),
  ]
}

function listRoute(parts: ApiParts): Route {
  const { core, scans, config } = parts
  return route({
    method: 'GET',
    path: '/retained',
    roles: EVERYBODY,
    summary: 'Retained messages in the order of their topics, with the beginning of each payload',
    query: retainedQuery,
    answer: messagesPage,
    async handle({ query, caller }) {
      const { limit, cursor, filter, payloadBytes } = query
      const isReceivable = receivableBy(known(caller), filter, parts)
      const isSeen = seesPayloads(known(caller), config.dashboard.viewersSeePayloads)
      const listing = {
        ...{ limit, cursor, isDescending: false, order: 'topic' },
        valueOf: ({ topic }: Message) => topic,
        keyOf: () => '',
        isMeant: isReceivable,
      }
      return scans.run(async slice => {
        const messages = await found(retainedIn(core.broker, filter), listing, slice)
        return pageWith(messages, listing, each => messageRowOf(each, isSeen ? payloadBytes : null))
      })
    },
  })
}

function singleRoutes(parts: ApiParts): readonly Route[] {
  const { core, config } = parts
  return [
    route({
      method: 'GET',
      path: '/retained/payload',
      roles: EVERYBODY,
      summary: 'The whole payload of a retained message, as it is',
      query: topicQuery,
      answer: z.string(),
      contentType: 'application/octet-stream',
      handle({ query: { topic }, caller, outgoing }) {
        const asker = known(caller)
        if (!seesPayloads(asker, config.dashboard.viewersSeePayloads)) {
          throw new Problem(403, 'a viewer sees no payloads (dashboard.viewersSeePayloads)')
        }
        const message = core.broker.retained.get(topic)
        const isReceivable = receivableBy(asker, topic, parts)
        if (message === undefined || !isReceivable(message)) throw noSuchMessage()
        sendBytes(message.payload, outgoing)
        return WRITTEN
      },
    }),
    route({
      method: 'DELETE',
      path: '/retained',
      roles: MESSENGERS,
      summary: 'Deletes the retained message of a topic. Subscribers are not told',
      query: topicQuery,
      answer: deletedAnswer,
      async handle({ query: { topic }, caller }) {
        checkNotReserved(topic)
        const { retained } = core.broker
        const isThere = retained.get(topic) !== undefined
        if (known(caller).role === 'operator') {
          return { deleted: await core.commands.clearRetained(topic) }
        }
        // A client clears it by an empty message, which its rules must allow.
        const payload = Buffer.alloc(0)
        const said = { payload, qos: 1, retain: true, properties: NO_PROPERTIES } as const
        await publish({ topic, said }, known(caller), parts)
        return { deleted: isThere ? 1 : 0 }
      },
    }),
  ]
}

function deleteRoute({ core, scans }: ApiParts): Route {
  return route({
    method: 'POST',
    path: '/retained/delete',
    roles: OPERATORS,
    summary: 'Deletes all retained messages of a filter, or only counts them',
    body: retainedDeleteRequest,
    answer: retainedDeleteAnswer,
    async handle({ body: { filter, dryRun, expect } }) {
      checkNotReserved(filter)
      const matched = await scans.run(slice => countOf(core.broker, filter, slice))
      if (expect !== undefined && expect !== matched) {
        throw new Problem(412, `there are ${matched} by now, and not ${expect}: count them again`)
      }
      return { matched, deleted: dryRun ? 0 : await core.commands.clearRetained(filter) }
    },
  })
}

function valuesRoute(parts: ApiParts): Route {
  const { core, scans } = parts
  return route({
    method: 'GET',
    path: '/retained/values',
    roles: MESSENGERS,
    summary:
      'What is retained for a filter as one object: a value for each topic, JSON where it is',
    query: valuesQuery,
    answer: valuesAnswer,
    handle({ query: { filter }, caller }) {
      const isReceivable = receivableBy(known(caller), filter, parts)
      return scans.run(async slice => {
        const values = new Map<string, unknown>()
        let bytes = 0
        for (const message of retainedIn(core.broker, filter)) {
          if (slice.isOver) await slice.next()
          if (message === null || !isReceivable(message)) continue
          bytes += message.payload.length + Buffer.byteLength(message.topic)
          if (bytes > ANSWER_BYTES_MAX) {
            throw new Problem(422, 'filter: means more than 1 MiB: ask for less, or for pages')
          }
          values.set(message.topic, valueOf(message.payload))
        }
        return Object.fromEntries(values)
      })
    },
  })
}

function waitingRoute({ core, config }: ApiParts): Route {
  return route({
    method: 'GET',
    path: '/client/messages',
    roles: READERS,
    summary: 'The messages that wait for a client',
    query: waitingQuery,
    answer: waitingAnswer,
    handle({ query: { clientId, limit, payloadBytes }, caller }) {
      const session = core.broker.sessions.get(clientId)
      if (session === undefined) throw noSuchClient()
      const { queuedMessages } = session
      const waiting = queuedMessages === 0 ? [] : session.queue.waiting.all()
      const isSeen = seesPayloads(known(caller), config.dashboard.viewersSeePayloads)
      const items = waiting
        .map(({ message }) => message)
        .sort((one, other) => one.sequence - other.sequence)
        .slice(0, limit)
        .map(message => messageRowOf(message, isSeen ? payloadBytes : null))
      return { items: withinAnswer(items), queuedMessages, inMemory: waiting.length }
    },
  })
}

/** Null for a step that has found nothing yet. */
function* retainedIn({ retained }: Broker, filter: string): Iterable<Message | null> {
  const cursor = retained.matching(filter, Infinity)
  for (;;) {
    const message = cursor.next(STEPS_AT_ONCE)
    if (message === null) return
    yield message === 'later' ? null : message
  }
}

async function countOf(broker: Broker, filter: string, slice: Slice): Promise<number> {
  let count = 0
  for (const message of retainedIn(broker, filter)) {
    if (slice.isOver) await slice.next()
    if (message !== null) count += 1
  }
  return count
}

/** Throws Problem if a user may not subscribe to the filter. */
function receivableBy(
  caller: Caller,
  filter: string,
  parts: ApiParts,
): (message: Message) => boolean {
  const rights = rightsOf(caller, parts)
  if (!rights.maySubscribe(filter, null)) {
    throw new Problem(403, `the user ${caller.username} may not subscribe to this filter`)
  }
  return ({ topic }) => rights.mayReceive?.(topic) !== false
}

function withinAnswer<Item>(items: readonly Item[]): Item[] {
  let bytes = 0
  const end = items.findIndex(item => {
    bytes += Buffer.byteLength(JSON.stringify(item))
    return bytes > ANSWER_BYTES_MAX
  })
  return items.slice(0, end < 0 ? items.length : Math.max(1, end))
}

/** Returns the value of JSON, or the text; null for other bytes. */
function valueOf(payload: Buffer): unknown {
  const text = payload.toString()
  if (Buffer.byteLength(text) !== payload.length) return null
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

function sendBytes(bytes: Buffer, outgoing: ServerResponse): void {
  outgoing.writeHead(200, {
    ...CONTENT_HEADERS,
    'content-type': 'application/octet-stream',
    'content-length': bytes.length,
    'content-disposition': 'attachment; filename="payload"',
  })
  outgoing.end(outgoing.req.method === 'HEAD' ? undefined : bytes)
}

function checkNotReserved(filter: string): void {
  if (isReserved(filter)) throw new Problem(422, `${filter} is for the broker itself to clear`)
}

function noSuchMessage(): Problem {
  return new Problem(404, 'no message is retained for this topic')
}

function known(caller: Caller | null): Caller {
  if (caller === null) throw unknownCaller()
  return caller
}
