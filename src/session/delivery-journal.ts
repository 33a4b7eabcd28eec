// Journal entries of single deliveries: queued, sent, settled. A delivery that the store does not keep has none.

import type { Owner } from '../store/change.ts'
import type { Journal } from '../store/journal.ts'
import { type Delivery, NO_IDENTIFIERS } from './delivery.ts'

/** The delivery is the owner's, waiting or, with its packet identifier, sent. */
export function recordQueued(journal: Journal, delivery: Delivery, owner: Owner): void {
  if (delivery.stored === 0) return
  const { message, qos, retain, identifiers, packetId, stored } = delivery
  const { sequence } = message
  const queued = {
    kind: 'queued',
    delivery: stored,
    owner,
    sequence,
    qos,
    retain,
    identifiers,
    packetId,
  } as const
  journal.record(queued)
}

/** What has waited with its owner is sent to the client now. */
export function recordSent(
  journal: Journal,
  delivery: Delivery,
  owner: Owner,
  clientId: string,
): void {
  if (delivery.stored === 0) return
  const { stored, packetId, qos, retain, origin } = delivery
  const identifiers = origin === null ? NO_IDENTIFIERS : delivery.identifiers
  const sent = {
    kind: 'sent',
    delivery: stored,
    owner,
    clientId,
    packetId,
    qos,
    retain,
    identifiers,
  } as const
  journal.record(sent)
}

/** It is settled. `owner` is where the store has it. */
export function recordSettled(journal: Journal, delivery: Delivery, owner: Owner): void {
  if (delivery.stored === 0) return
  journal.record({ kind: 'settled', delivery: delivery.stored, owner })
}

/** The identifier of a QoS 2 message must come back the same after a crash, or it is delivered twice [D4]. */
export function afterIdentifier(journal: Journal, delivery: Delivery): void {
  if (delivery.qos === 2 && delivery.stored !== 0) delivery.commitId = journal.current
}
