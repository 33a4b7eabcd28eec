// A client as the API shows it.

import type { Broker } from '../broker/broker.ts'
import type { ClientCertificate } from '../access/access.ts'
import { dropWordsOf } from '../observe/drop-words.ts'
import { expirySecondsOf } from '../observe/session-figures.ts'
import type { ProtocolVersion, Will } from '../packet/packet.ts'
import type { Timelines } from '../records/timelines.ts'
import type { Session } from '../session/session.ts'
import type { ClientDetail, ClientRow } from './contract/clients.ts'
import { isoOf } from './times.ts'

const PROTOCOLS: Readonly<Record<ProtocolVersion, '3.1' | '3.1.1' | '5.0'>> = {
  3: '3.1',
  4: '3.1.1',
  5: '5.0',
}

/** What is known of a client: by the broker, and by its records. */
interface ClientSources {
  readonly core: { readonly broker: Broker }
  readonly records: { readonly timelines: Pick<Timelines, 'dropsOf'> }
}

export function clientRowOf(session: Session, { core, records }: ClientSources): ClientRow {
  const { sessions } = core.broker
  const { clientId, rights, exchanges } = session
  const { username, address } = rights.identity
  const holder = sessions.holderOf(clientId)
  const facts = holder?.facts ?? null
  const details = holder?.details ?? null
  return {
    clientId,
    username,
    state: holder === null ? 'away' : 'connected',
    address,
    // The transports of `wire.ts`, by way of the facts for observers.
    transport: (facts?.transport ?? null) as ClientRow['transport'],
    listener: details?.listener ?? null,
    protocol: facts === null || facts.version === null ? null : PROTOCOLS[facts.version],
    connectedAt: details === null ? null : isoOf(details.connectedAt),
    keepAliveSeconds: details?.keepAliveSeconds ?? null,
    sessionExpirySeconds: expirySecondsOf(session.expiryIntervalSeconds),
    inFlight: exchanges.count,
    queuedMessages: session.queuedMessages,
    queuedBytes: session.queuedBytes,
    subscriptions: session.subscriptions.size,
    messagesReceived: details?.messagesReceived ?? null,
    messagesSent: details?.messagesSent ?? null,
    dropped: Object.fromEntries(records.timelines.dropsOf(clientId)),
  }
}

export function clientDetailOf(session: Session, sources: ClientSources): ClientDetail {
  const { broker } = sources.core
  const details = broker.sessions.holderOf(session.clientId)?.details ?? null
  return {
    ...clientRowOf(session, sources),
    authentication: session.rights.identity.authentication,
    inFlightMax: details?.inFlightMax ?? null,
    queuedMessagesMax: broker.limits.queuedMessagesMax,
    dropWords: dropWordsFor(sources.records.timelines.dropsOf(session.clientId).keys()),
    will: willOf(broker.wills.of(session.clientId)),
    certificate: certificateOf(details?.certificate ?? null),
  }
}

function dropWordsFor(reasons: Iterable<string>): ClientDetail['dropWords'] {
  const known: ClientDetail['dropWords'] = {}
  for (const reason of reasons) {
    const words = dropWordsOf(reason)
    if (words !== null) known[reason] = words
  }
  return known
}

function willOf(will: Will | null): ClientDetail['will'] {
  if (will === null) return null
  const { topic, qos, retain, payload, properties } = will
  const delaySeconds = properties.willDelayInterval ?? 0
  return { topic, qos, retain, payloadBytes: payload.length, delaySeconds }
}

function certificateOf(certificate: ClientCertificate | null): ClientDetail['certificate'] {
  if (certificate === null) return null
  const { commonName, subjectAltNames, fingerprint, validTo } = certificate
  return {
    subject: commonName,
    alternativeNames: [...subjectAltNames],
    fingerprint,
    notAfter: validTo === undefined ? null : isoOf(validTo),
  }
}
