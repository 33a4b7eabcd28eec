// What is recorded of a session's deliveries, if anybody durable is owed them.

import type { Owner } from '../store/change.ts'
import type { Journal } from '../store/journal.ts'
import type { Delivery } from './delivery.ts'

/** The delivery is the owner's, waiting or, with its packet identifier, sent. */
export function recordOwed(journal: Journal, delivery: Delivery, owner: Owner): void {
  if (delivery.stored === 0) return
  const { message, qos, retain, identifiers, packetId, stored } = delivery
  const { sequence } = message
  const owed = {
    kind: 'owed',
    delivery: stored,
    owner,
    sequence,
    qos,
    retain,
    identifiers,
    packetId,
  } as const
  journal.record(owed)
}

/** What has waited with its owner is sent to the client now. */
export function recordSent(
  journal: Journal,
  delivery: Delivery,
  owner: Owner,
  clientId: string,
): void {
  if (delivery.stored === 0) return
  const { stored, packetId, qos, retain } = delivery
  const sent = { kind: 'sent', delivery: stored, owner, clientId, packetId, qos, retain } as const
  journal.record(sent)
}

/** The identifier of a QoS 2 message must come back the same after a crash, or it is delivered twice [D4]. */
export function promiseIdentifier(journal: Journal, delivery: Delivery): void {
  if (delivery.qos === 2 && delivery.stored !== 0) delivery.promise = journal.current
}
