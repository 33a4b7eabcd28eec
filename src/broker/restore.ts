// Snapshot → broker: at start, the broker goes on where the last one stopped.

import type { Permissions } from '../access/permissions.ts'
import { type Delivery, restoredDelivery } from '../session/delivery.ts'
import { Session } from '../session/session.ts'
import type { Snapshot, StoredDelivery, StoredSession } from '../store/store.ts'
import type { Broker } from './broker.ts'

/** Called once, before the first connection, in a turn of its own. */
export function restore(broker: Broker, snapshot: Snapshot, permissions: Permissions): void {
  broker.restoreNumbers(snapshot.lastSequence, snapshot.lastDelivery)
  for (const message of snapshot.retained) broker.retained.restore(message)
  for (const stored of snapshot.sessions) restoreSession(broker, stored)
  for (const { shareName, topicFilter, deliveries, remainder } of snapshot.groups) {
    const group = broker.groups.find(shareName, topicFilter)
    group.restore(
      deliveries.map(stored => restoredDelivery(stored, group)),
      remainder,
    )
  }
  // Some were made only for what a former member has not settled yet.
  for (const group of [...broker.groups.all]) broker.groups.endIfEmpty(group)
  for (const { clientId, will, willAt, expiryIntervalSeconds } of snapshot.sessions) {
    // A session that was to end with its connection has ended: its will waits for no delay [MQTT-3.1.3-9].
    const at = expiryIntervalSeconds === 0 ? broker.now : willAt
    if (will !== null) broker.restoreWill(clientId, { will, permissions }, at)
  }
}

function restoreSession(broker: Broker, stored: StoredSession): void {
  const { clientId } = stored
  if (stored.expiryIntervalSeconds === 0) {
    // It was to end with its connection, which ended with the last broker.
    broker.journal.record({ kind: 'session-ended', clientId })
    return
  }
  const session = new Session(stored.clientId, stored.expiryIntervalSeconds, broker)
  broker.restoreSession(session, stored.expiresAt)
  for (const subscription of stored.subscriptions) {
    broker.restoreSubscription(session, subscription)
  }
  for (const packetId of stored.incoming) session.incoming.restore(packetId)
  session.restore(
    stored.deliveries.map(delivery => deliveryOf(delivery, session, broker)),
    stored.remainder,
  )
}

function deliveryOf(stored: StoredDelivery, session: Session, broker: Broker): Delivery {
  if (stored.group === null) return restoredDelivery(stored, null)
  const group = broker.groups.find(stored.group.shareName, stored.group.topicFilter)
  group.lent(session)
  return restoredDelivery(stored, group)
}
