// Snapshot → broker: at start, the broker goes on where the last one stopped.

import type { Permissions } from '../access/permissions.ts'
import type { Message } from '../message.ts'
import { NO_PROPERTIES } from '../packet/packet.ts'
import type { Delivery, DeliveryOrigin } from '../session/delivery.ts'
import { newDelivery, Session } from '../session/session.ts'
import type { Snapshot, StoredDelivery, StoredSession } from '../store/store.ts'
import type { Broker } from './broker.ts'

const NO_WISHES = { strategy: null, weight: null }

/** Stands for a message that only PUBREL is owed for: nobody will read it. */
const FORGOTTEN: Message = {
  topic: '',
  payload: Buffer.alloc(0),
  qos: 2,
  retain: false,
  properties: NO_PROPERTIES,
  publisher: null,
  expiresAt: Infinity,
  sequence: 0,
}

/** Called once, before the first connection, in a turn of its own. */
export function restore(broker: Broker, snapshot: Snapshot, permissions: Permissions): void {
  broker.restoreNumbers(snapshot.lastSequence, snapshot.lastDelivery)
  for (const message of snapshot.retained) broker.retained.restore(message)
  for (const stored of snapshot.sessions) {
    if (stored.expiryIntervalSeconds > 0) restoreSession(broker, stored)
  }
  for (const { shareName, topicFilter, deliveries } of snapshot.groups) {
    const group = broker.groups.find(shareName, topicFilter, NO_WISHES)
    for (const stored of deliveries) group.restore(deliveryOf(stored, group))
    broker.groups.endIfEmpty(group)
  }
  for (const { clientId, will } of snapshot.sessions) {
    if (will !== null) broker.restoreWill(clientId, { will, permissions })
  }
}

function restoreSession(broker: Broker, stored: StoredSession): void {
  const session = new Session(stored.clientId, stored.expiryIntervalSeconds, broker)
  broker.restoreSession(session, stored.expiresAt)
  for (const subscription of stored.subscriptions) {
    broker.restoreSubscription(session, subscription)
  }
  for (const packetId of stored.incoming) session.incoming.restore(packetId)
  for (const delivery of stored.deliveries) {
    const { group } = delivery
    const origin =
      group === null ? null : broker.groups.find(group.shareName, group.topicFilter, NO_WISHES)
    session.restore(deliveryOf(delivery, origin))
  }
}

function deliveryOf(stored: StoredDelivery, origin: DeliveryOrigin | null): Delivery {
  const { message, qos, retain, identifiers } = stored
  return {
    ...newDelivery(message ?? FORGOTTEN, qos, retain, identifiers, origin, stored.delivery, 0),
    packetId: stored.packetId,
    isReceived: message === null,
  }
}
