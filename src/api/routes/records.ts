// What has happened to clients and topics, charts, and explanations.

import type { SERIES } from '../../records/history.ts'
import { isAtLeast, type LogLine } from '../../records/log-lines.ts'
import type { Records } from '../../records/records.ts'
import {
  accessQuestion,
  deliveryQuestion,
  eventsAnswer,
  explanation,
  historyAnswer,
  historyQuery,
  logAnswer,
  logQuery,
  refusedPage,
  refusedQuery,
  topicQuery,
  topicRow,
  topicsPage,
  topicsQuery,
} from '../contract/records.ts'
import { dropWordsOf } from '../../observe/drop-words.ts'
import { clientQuery } from '../contract/clients.ts'
import { found, pageWith } from '../listing.ts'
import type { ApiParts } from '../parts.ts'
import { READERS, type Route, route } from '../route.ts'
import { isoOf, isoOrNull } from '../times.ts'

export function recordRoutes(parts: ApiParts): readonly Route[] {
  return [...clientRecords(parts), ...topicRecords(parts), ...explanations(parts), logRoute(parts)]
}

function clientRecords({ records, scans }: ApiParts): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/client/events',
      roles: READERS,
      summary: 'What happened to a client, also to one that is gone or was never let in',
      query: clientQuery,
      answer: eventsAnswer,
      handle: ({ query: { clientId } }) => ({ clientId, events: eventsOf(clientId, records) }),
    }),
    route({
      method: 'GET',
      path: '/refused',
      roles: READERS,
      summary: 'Clients that were refused at CONNECT, the last one first',
      query: refusedQuery,
      answer: refusedPage,
      handle({ query }) {
        const listing = {
          limit: query.limit,
          cursor: query.cursor,
          order: '-lastAt',
          isDescending: true,
          isMeant: () => true,
          keyOf: (each: Refused) => `${each.clientId}\n${each.address}\n${each.cause}`,
          valueOf: ({ lastAt }: Refused) => lastAt,
        }
        return scans.run(async slice => {
          const entries = await found(records.refusedClients.all, listing, slice)
          return pageWith(entries, listing, each => ({
            ...each,
            firstAt: isoOf(each.firstAt),
            lastAt: isoOf(each.lastAt),
            letInAt: isoOrNull(each.letInAt),
          }))
        })
      },
    }),
    route({
      method: 'GET',
      path: '/metrics/history',
      roles: READERS,
      summary: 'The figures of the last minute, hour or day',
      query: historyQuery,
      answer: historyAnswer,
      handle({ query: { range } }) {
        const { startAt, stepSeconds, mean, max } = records.history.of(range)
        // Rounded, because most digits of a mean say nothing.
        return { stepSeconds, startAt: isoOf(startAt), mean: rounded(mean), max: rounded(max) }
      },
    }),
  ]
}

function topicRecords({ records, scans }: ApiParts): readonly Route[] {
  const { topics } = records
  return [
    route({
      method: 'GET',
      path: '/topics',
      roles: READERS,
      summary: 'The topics that were seen lately or are retained, one level at a time',
      query: topicsQuery,
      answer: topicsPage,
      handle({ query }) {
        const listing = {
          limit: query.limit,
          cursor: query.cursor,
          order: 'topic',
          isDescending: false,
          isMeant: () => true,
          keyOf: (topic: string) => topic,
          valueOf: (topic: string) => topic,
        }
        return scans.run(async slice => {
          const all = topics.listing(query.under ?? null)
          const shown = await found(all.topics, listing, slice)
          const page = pageWith(shown, listing, topic => topicOf(all.rowOf(topic)))
          const { sampledOneIn } = topics
          return { ...page, items: [...page.items], sampledOneIn }
        })
      },
    }),
    route({
      method: 'GET',
      path: '/topic',
      roles: READERS,
      summary: 'One topic',
      query: topicQuery,
      answer: topicRow,
      handle: ({ query: { topic } }) => topicOf(topics.of(topic)),
    }),
  ]
}

function explanations({ records }: ApiParts): readonly Route[] {
  return [
    route({
      method: 'POST',
      path: '/explain/delivery',
      roles: READERS,
      summary: 'Where a message went, and where the next one would go. It changes nothing',
      body: deliveryQuestion,
      answer: explanation,
      isQuiet: true,
      handle({ body: { publisher = null, receiver = null, ...question } }) {
        return explained(records.explainDelivery({ ...question, publisher, receiver }))
      },
    }),
    route({
      method: 'POST',
      path: '/explain/access',
      roles: READERS,
      summary: 'Whether a user or client may do something, and by which rule. It changes nothing',
      body: accessQuestion,
      answer: explanation,
      isQuiet: true,
      handle({ body: { clientId = null, ...question } }) {
        return explained(records.explainAccess({ ...question, clientId }))
      },
    }),
  ]
}

function logRoute({ records: { logLines } }: ApiParts): Route {
  return route({
    method: 'GET',
    path: '/log',
    roles: READERS,
    summary: 'The last lines of the log',
    query: logQuery,
    answer: logAnswer,
    handle({ query: { level, event, q, limit } }) {
      const part = q?.toLowerCase()
      const matched = logLines.all.filter(
        line =>
          isAtLeast(line.level, level) &&
          (event === undefined || line.event === event) &&
          (part === undefined ||
            `${line.text} ${line.clientId ?? ''} ${line.details}`.toLowerCase().includes(part)),
      )
      const items = matched.slice(-limit).reverse().map(logLineOf)
      return { items, matched: matched.length, total: logLines.all.length }
    },
  })
}

export function logLineOf({ at, ...line }: LogLine) {
  return { ...line, at: isoOf(at) }
}

type Refused = Records['refusedClients']['all'][number]
type TopicEntry = ReturnType<Records['topics']['of']>
type Explained = ReturnType<Records['explainDelivery']>

/** The events of the timeline, and those of a client that was never let in. */
function eventsOf(clientId: string, { timelines, refusedClients }: Records) {
  const events = timelines.eventsOf(clientId)
  if (events === null) {
    return refusedClients.all
      .filter(each => each.clientId === clientId)
      .reverse()
      .map(({ firstAt, lastAt, count, reasonCode, cause, address }) => ({
        ...{ at: isoOf(firstAt), lastAt: isoOf(lastAt), count, kind: 'refused' as const, by: null },
        ...{ reasonCode, cause, topic: null, address, otherAddress: null, drop: null },
      }))
  }
  return events.map(event => {
    const isOfTwo = event.kind === 'takeover' || event.kind === 'contested'
    return {
      ...event,
      at: isoOf(event.at),
      lastAt: isoOf(event.lastAt),
      topic: isOfTwo ? null : event.topic,
      otherAddress: isOfTwo ? event.topic : null,
      drop: event.kind === 'dropped' ? dropWordsOf(event.cause ?? '') : null,
    }
  })
}

function topicOf({ lastAt, ...row }: TopicEntry) {
  return { ...row, lastAt: isoOrNull(lastAt) }
}

function explained({ verdict, steps }: Explained) {
  return {
    verdict,
    steps: steps.map(({ at, ...step }) => ({ ...step, at: isoOrNull(at) })),
  }
}

function rounded(values: Readonly<Record<string, readonly (number | null)[]>>) {
  const all = Object.entries(values).map(([name, list]) => [
    name,
    list.map(value => (value === null ? null : Math.round(value * 1_000) / 1_000)),
  ])
  // The names are those of the series.
  return Object.fromEntries(all) as Record<(typeof SERIES)[number], (number | null)[]>
}
