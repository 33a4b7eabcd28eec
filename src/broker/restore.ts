// Snapshot → broker: restores the state of the last run at the start.

import type { Access } from '../access/access.ts'
import { unknownIdentity } from '../access/identity.ts'
import { ClientRights } from '../session/client-rights.ts'
import { type Delivery, restoredDelivery } from '../session/delivery.ts'
import { isRetainedComplete } from '../routing/topic.ts'
import { Session } from '../session/session.ts'
import type { Snapshot, StoredDelivery, StoredSession } from '../store/store.ts'
import type { Broker } from './broker.ts'

/** Must be called once, before the first connection, in a turn of its own. */
export function restore(broker: Broker, snapshot: Snapshot, access: Access): void {
  if (broker.peers === null && (snapshot.partitions ?? []).length > 0) {
    throw new Error('the store is of one of several partitions, and this broker is alone')
  }
  broker.restoreNumbers(lastSequenceIn(snapshot), snapshot.lastDelivery)
  for (const message of snapshot.retained) broker.retained.restore(message)
  const { queues } = broker.subscriptions
  for (const queue of snapshot.queues) queues.restore(queue)
  const { undecided, decisions } = broker.transactions
  for (const { message, due, key } of snapshot.held) {
    if (due === Infinity) undecided.restoreMessage(message, key)
    else broker.delayed.restore(message, due, key)
  }
  // Members join before the group gets deliveries, so that the group has the same strategy as before.
  const restored = snapshot.sessions.map(stored => restoreSession(broker, stored, access))
  // Behind the sessions, whose users they count for.
  decisions.restore(snapshot.decisions)
  broker.messageIds.restore(snapshot.messageIds)
  for (const { name, deliveries, remainder } of snapshot.queues) {
    const queue = queues.get(name)
    const waiting = deliveries.map(stored => restoredDelivery(stored, queue))
    queue?.queue.restore(waiting, remainder)
  }
  for (const { delivery, clientId, transaction } of snapshot.locked) {
    const queue = delivery.group?.kind === 'queue' ? queues.get(delivery.group.name) : null
    queue?.restoreHeld(restoredDelivery(delivery, queue), clientId, transaction)
  }
  for (const [session, stored] of restored) restoreDeliveries(broker, session, stored)
  for (const { deliveries, remainder, ...name } of snapshot.groups) {
    const elsewhere = broker.peers?.groupElsewhere(name) ?? null
    if (elsewhere !== null) {
      elsewhere.restore(deliveries, remainder)
      continue
    }
    const group = broker.subscriptions.groups.find(name)
    group.queue.restore(
      deliveries.map(stored => restoredDelivery(stored, group)),
      remainder,
    )
  }
  // Some groups exist only because a former member has not settled its deliveries. Others may have members in another partition.
  if (broker.peers === null) {
    for (const group of [...broker.subscriptions.groups.all])
      broker.subscriptions.groups.endIfEmpty(group)
  }
  for (const [session, stored] of restored) restoreEnd(broker, session, stored)
  queues.restored()
  undecided.restore(snapshot.decisions)
}

/** Raises the last sequence above those of replays, so that messages retained from now on are not part of a restored replay. */
function lastSequenceIn({ sessions, lastSequence }: Snapshot): number {
  let last = lastSequence
  for (const { replays } of sessions) {
    for (const { sequenceMax } of replays) last = Math.max(last, sequenceMax)
  }
  return last
}

/** Handles a client that was connected when the last broker ended, or whose will is waiting for its delay. */
function restoreEnd(broker: Broker, session: Session, stored: StoredSession): void {
  const { will, willAt, expiryIntervalSeconds } = stored
  const isOver = expiryIntervalSeconds === 0
  // The session ended with its connection, so its will is due without a delay [MQTT-3.1.3-9].
  if (will !== null) broker.wills.restore(session.rights, will, isOver ? broker.now : willAt)
  // Share groups take back the deliveries that it had not settled.
  if (isOver && broker.sessions.get(session.clientId) === session) broker.clients.end(session)
}

function restoreSession(
  broker: Broker,
  stored: StoredSession,
  access: Access,
): [Session, StoredSession] {
  const identity = stored.identity ?? unknownIdentity(stored.clientId)
  const permissions = broker.faults.permissionsOf(access, identity)
  const rights = new ClientRights(identity, permissions, broker)
  // The session is durable, because only durable sessions are stored.
  const session = new Session(rights, Math.max(1, stored.expiryIntervalSeconds), broker)
  broker.clients.restore(session, stored.expiresAt)
  for (const subscription of stored.subscriptions) {
    broker.subscriptions.restore(session, subscription)
  }
  for (const { filter, sequenceMax } of stored.replays) {
    restoreReplay(broker, session, filter, sequenceMax)
  }
  for (const packetId of stored.incoming) session.incoming.restore(packetId)
  return [session, stored]
}

/** Restores the replays that had not ended when the last broker ended. */
function restoreReplay(
  broker: Broker,
  session: Session,
  filter: string,
  sequenceMax: number,
): void {
  const subscription = session.subscriptions.get(filter)
  if (subscription === undefined) return
  if (isRetainedComplete(filter)) {
    session.replays.restoreMark(subscription)
    return
  }
  session.replays.restore(broker.replayFor(subscription, sequenceMax, session))
}

function restoreDeliveries(broker: Broker, session: Session, stored: StoredSession): void {
  session.restore(
    stored.deliveries.flatMap(delivery => deliveryOf(delivery, session, broker) ?? []),
    stored.remainder,
  )
}

/** Returns null for what was with a consumer of a named queue: the queue has it again. */
function deliveryOf(stored: StoredDelivery, session: Session, broker: Broker): Delivery | null {
  const { group: owner } = stored
  switch (owner?.kind) {
    case undefined:
      return restoredDelivery(stored, null)
    case 'queue': {
      const queue = broker.subscriptions.queues.get(owner.name)
      // A queue that is deleted settles what is in flight in the same commit.
      if (queue === null) return restoredDelivery(stored, null)
      queue.restoreHeld(restoredDelivery(stored, queue), session.clientId, null)
      return null
    }
    case 'partition':
      return restoredDelivery(stored, null)
    case 'group': {
      const elsewhere = broker.peers?.groupElsewhere(owner) ?? null
      if (elsewhere !== null) {
        elsewhere.restoreInFlight(session)
        return restoredDelivery(stored, elsewhere)
      }
      const group = broker.subscriptions.groups.find(owner)
      group.restoreInFlight(session)
      return restoredDelivery(stored, group)
    }
  }
}
