// Listeners, $SYS, the version, the log, and reading files again.

import { z } from '../../config/zod.ts'
import { VERSION } from '../../observe/version.ts'
import type { ListenerCertificate } from '../../records/alarms.ts'
import { thrownSentence } from '../../thrown.ts'
import {
  listenersAnswer,
  logLevel,
  reloadAnswer,
  systreeAnswer,
} from '../contract/administration.ts'
import { nothing } from '../contract/fields.ts'
import { CONTENT_HEADERS } from '../headers.ts'
import type { ApiParts } from '../parts.ts'
import { Problem } from '../problem.ts'
import { OPERATORS, READERS, type Route, route, WRITTEN } from '../route.ts'
import { isoOf } from '../times.ts'

const TOPICS_MAX = 10_000
const STEPS_AT_ONCE = 64
const NUMBER = /^-?\d+(?:\.\d+)?$/

export function administrationRoutes(parts: ApiParts): readonly Route[] {
  return [...mosquittoRoutes(parts), ...reloadRoutes(parts), ...logRoutes(parts)]
}

/** Paths and shapes of the HTTP API of mosquitto 2.1. */
function mosquittoRoutes({ core, config, listeners, certificates }: ApiParts): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/listeners',
      roles: READERS,
      summary: 'The open listeners',
      answer: listenersAnswer,
      handle() {
        const isOpen = config.access.anonymous !== 'never'
        const known = certificates()
        const rows = listeners().map(({ name, port, connectionCount }, index) => {
          const { protocol = 'mqtt', path, tls } = config.listeners[index] ?? {}
          return {
            ...(path === undefined ? { port } : { path }),
            protocol: protocol === 'ws' ? ('websockets' as const) : ('mqtt' as const),
            tls: tls !== undefined,
            mtls: tls?.requireCertificate === true,
            allow_anonymous: isOpen,
            name,
            connections: connectionCount,
            certificate: certificateOf(known.find(each => each.name === tls?.certFile)),
          }
        })
        return { listeners: rows }
      },
    }),
    route({
      method: 'GET',
      path: '/systree',
      roles: READERS,
      summary: 'What the broker publishes in $SYS',
      answer: systreeAnswer,
      handle() {
        const values = new Map<string, number | string>()
        const cursor = core.broker.retained.matching('$SYS/#', Infinity)
        for (;;) {
          const message = cursor.next(STEPS_AT_ONCE)
          if (message === null || values.size >= TOPICS_MAX) return Object.fromEntries(values)
          if (message === 'later') continue
          const text = message.payload.toString()
          values.set(message.topic, NUMBER.test(text) ? Number(text) : text)
        }
      },
    }),
    route({
      method: 'GET',
      path: '/version',
      roles: READERS,
      summary: 'The version of the broker, as text',
      answer: z.string(),
      contentType: 'text/plain',
      handle({ outgoing }) {
        outgoing.writeHead(200, { ...CONTENT_HEADERS, 'content-type': 'text/plain' })
        outgoing.end(outgoing.req.method === 'HEAD' ? '' : VERSION)
        return WRITTEN
      },
    }),
  ]
}

function reloadRoutes({ reloadAccess, reloadCertificates }: ApiParts): readonly Route[] {
  return [
    route({
      method: 'POST',
      path: '/config/reload',
      roles: OPERATORS,
      summary: 'Reads users, rules, keys and certificates again. Wrong files change nothing',
      body: nothing,
      answer: reloadAnswer,
      async handle() {
        await attempted(async () => reloadAccess())
        await attempted(reloadCertificates)
        return { reloaded: ['users and rules', 'certificates'] }
      },
    }),
    route({
      method: 'POST',
      path: '/certificates/reload',
      roles: OPERATORS,
      summary: 'Reads certificates and lists of revoked ones again, and disconnects who is revoked',
      body: nothing,
      answer: reloadAnswer,
      async handle() {
        await attempted(reloadCertificates)
        return { reloaded: ['certificates'] }
      },
    }),
  ]
}

function logRoutes({ getLogLevel, setLogLevel }: ApiParts): readonly Route[] {
  const notOurs = (): Problem =>
    new Problem(409, 'the log belongs to the program around the broker, which sets its level')
  return [
    route({
      method: 'GET',
      path: '/log/level',
      roles: READERS,
      summary: 'The level of the log',
      answer: logLevel,
      handle() {
        const level = logLevel.safeParse({ level: getLogLevel() })
        if (!level.success) throw notOurs()
        return level.data
      },
    }),
    route({
      method: 'PUT',
      path: '/log/level',
      roles: OPERATORS,
      summary: 'Sets the level of the log, until the broker stops',
      body: logLevel,
      answer: logLevel,
      handle({ body: { level } }) {
        if (getLogLevel() === null) throw notOurs()
        setLogLevel(level)
        return { level }
      },
    }),
  ]
}

function certificateOf(found: ListenerCertificate | undefined) {
  if (found === undefined) return null
  return { subject: found.subject.replaceAll('\n', ', '), notAfter: isoOf(found.notAfter) }
}

/** The error of a file that cannot be read or used is a sentence for whoever asked. */
async function attempted(act: () => Promise<void>): Promise<void> {
  try {
    await act()
  } catch (error) {
    throw new Problem(409, thrownSentence(error))
  }
}
