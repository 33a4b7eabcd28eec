// Clients: a list in pages or as a stream of lines, one of them, and what is done to it.

import type { ServerResponse } from 'node:http'
import type { z as zod } from 'zod'
import type { Broker } from '../../broker/broker.ts'
import { type SessionFigures, sessionFiguresOf } from '../../observe/session-figures.ts'
import type { Session } from '../../session/session.ts'
import { clientDetailOf, clientRowOf } from '../client-figures.ts'
import {
  type CLIENT_SORTS,
  clientDetail,
  clientQuery,
  clientsPage,
  clientsQuery,
  deletedAnswer,
  disconnectAnswer,
  disconnectRequest,
} from '../contract/clients.ts'
import { drained } from '../drained.ts'
import { found, pageWith, type SortValue } from '../listing.ts'
import { type ApiParts, ENDED, LINES } from '../parts.ts'
import { Problem } from '../problem.ts'
import { OPERATORS, READERS, type Route, route, WRITTEN } from '../route.ts'

/** How many sessions are written at once. Between two writes the broker serves its clients. */
const PIECE_SESSIONS = 256
const DISCONNECTED = 'an administrator has disconnected the client'

export function clientRoutes(parts: ApiParts): readonly Route[] {
  return [...readRoutes(parts), ...changeRoutes(parts)]
}

function readRoutes(parts: ApiParts): readonly Route[] {
  const { core, scans } = parts
  const { broker } = core
  return [
    route({
      method: 'GET',
      path: '/clients',
      roles: READERS,
      summary: `Clients, connected and away, in pages. With Accept: ${LINES} all of them, one a line`,
      query: clientsQuery,
      answer: clientsPage,
      async handle({ query, asked, outgoing }) {
        if (asked.get('accept') === LINES) {
          await scans.run(() => sendSessions(sessionFiguresOf(broker), outgoing))
          return WRITTEN
        }
        const listing = listingOf(query, parts)
        return scans.run(async slice => {
          const clients = await found(broker.sessions.all(), listing, slice)
          return pageWith(clients, listing, session => clientRowOf(session, parts))
        })
      },
    }),
    route({
      method: 'GET',
      path: '/client',
      roles: READERS,
      summary: 'One client',
      query: clientQuery,
      answer: clientDetail,
      handle({ query }) {
        const session = broker.sessions.get(query.clientId)
        if (session === undefined) throw noSuchClient()
        return clientDetailOf(session, parts)
      },
    }),
  ]
}

function changeRoutes({ core, log, now }: ApiParts): readonly Route[] {
  const { commands } = core
  return [
    route({
      method: 'POST',
      path: '/client/disconnect',
      roles: OPERATORS,
      summary: 'Ends the connection of a client. Its session stays, and it may come again',
      body: disconnectRequest,
      answer: disconnectAnswer,
      isUrgent: true,
      async handle({ body: { clientId, refuseSeconds } }) {
        if (refuseSeconds > 0) core.broker.bans.refuse(clientId, now() + refuseSeconds * 1_000)
        const isDone = await commands.disconnectClient(clientId, DISCONNECTED)
        return { disconnected: isDone ? 1 : 0 }
      },
    }),
    route({
      method: 'DELETE',
      path: '/client',
      roles: OPERATORS,
      summary: 'Ends the connection and the session of a client, with all that waits for it',
      query: clientQuery,
      answer: deletedAnswer,
      async handle({ query: { clientId } }) {
        const isEnded = await commands.endSession(clientId, ENDED)
        if (isEnded) log.info({ event: 'session.ended', clientId, cause: ENDED }, 'session ended')
        return { deleted: isEnded ? 1 : 0 }
      },
    }),
  ]
}

type Query = zod.infer<typeof clientsQuery>
type SortName = (typeof CLIENT_SORTS)[number]

function listingOf(query: Query, parts: ApiParts) {
  const { limit, cursor, sort: order } = query
  const isDescending = order.startsWith('-')
  // The schema allows no other names.
  const name = (isDescending ? order.slice(1) : order) as SortName
  return {
    ...{ limit, cursor, order, isDescending },
    keyOf: ({ clientId }: Session) => clientId,
    valueOf: (session: Session) => valueOf(session, name, parts),
    isMeant: filterOf(query, parts),
  }
}

function valueOf(session: Session, name: SortName, { core, records }: ApiParts): SortValue {
  switch (name) {
    case 'clientId':
      return session.clientId
    case 'username':
      return session.rights.identity.username ?? ''
    case 'address':
      return session.rights.identity.address
    case 'subscriptions':
      return session.subscriptions.size
    case 'inFlight':
      return session.exchanges.count
    case 'queuedMessages':
      return session.queuedMessages
    case 'queuedBytes':
      return session.queuedBytes
    case 'connectedAt':
    case 'messagesReceived':
    case 'messagesSent':
      return core.broker.sessions.holderOf(session.clientId)?.details?.[name] ?? 0
    case 'dropped': {
      let dropped = 0
      for (const count of records.timelines.dropsOf(session.clientId).values()) dropped += count
      return dropped
    }
  }
}

function filterOf(query: Query, { core, records }: ApiParts): (session: Session) => boolean {
  const { state, username, queued, dropped, q } = query
  const { sessions } = core.broker
  const part = q?.toLowerCase()
  return session => {
    if (queued && session.queuedMessages === 0) return false
    if (dropped && records.timelines.dropsOf(session.clientId).size === 0) return false
    const { identity } = session.rights
    if (username !== undefined && identity.username !== username) return false
    if (state !== undefined && state !== stateOf(session, sessions)) return false
    return part === undefined || isPartOf(part, session)
  }
}

function stateOf({ clientId }: Session, sessions: Broker['sessions']): 'connected' | 'away' {
  return sessions.holderOf(clientId) === null ? 'away' : 'connected'
}

/** Whether the text, in lower case, is part of the client id, the user name or the address. */
export function isPartOf(text: string, { clientId, rights }: Session): boolean {
  const { username, address } = rights.identity
  return (
    clientId.toLowerCase().includes(text) ||
    (username !== null && username.toLowerCase().includes(text)) ||
    address.includes(text)
  )
}

export function noSuchClient(): Problem {
  return new Problem(404, 'there is no client with this id, connected or away')
}

/** Writes one line of JSON for each session, no faster than they are read. */
async function sendSessions(
  sessions: Iterable<SessionFigures>,
  outgoing: ServerResponse,
): Promise<void> {
  outgoing.writeHead(200, { 'content-type': LINES, 'cache-control': 'no-store' })
  let piece: string[] = []
  for (const session of sessions) {
    piece.push(`${JSON.stringify(session)}\n`)
    if (piece.length < PIECE_SESSIONS) continue
    if (outgoing.destroyed) return
    const isTaken = outgoing.write(piece.join(''))
    piece = []
    await (isTaken ? new Promise(settle => setImmediate(settle)) : drained(outgoing))
  }
  outgoing.end(piece.join(''))
}
