// Records changes of single deliveries: queued, sent, settled. A delivery that the store does not keep records none.

import type { Owner } from '../store/change.ts'
import type { Journal } from '../store/journal.ts'
import { type Delivery, NO_IDENTIFIERS } from './delivery.ts'

/** Records a new delivery of the owner: queued or, with a packet identifier, sent. */
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

/** Records that a queued delivery is sent to the client. */
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

/** Records that the delivery is settled. `owner` is the owner that the store has it under. */
export function recordSettled(journal: Journal, delivery: Delivery, owner: Owner): void {
  if (delivery.stored === 0) return
  journal.record({ kind: 'settled', delivery: delivery.stored, owner })
}

/** A QoS 2 message must have the same packet identifier after a crash. Otherwise it would be delivered twice [D4]. */
export function afterIdentifier(journal: Journal, delivery: Delivery): void {
  if (delivery.qos === 2 && delivery.stored !== 0) delivery.commitId = journal.current
}
