// The effect of each change on the tables. A change of something that does not exist any more has none.

import assert from 'node:assert/strict'
import { type Change, contentBytes, type Message, type QueueOwner } from 'pondhawk/store-kit'
import {
  type DeliveryRow,
  keyOf,
  lockedPlace,
  placeOf,
  type SessionRow,
  sessionKey,
  type Tables,
  type WillRow,
  within,
} from './tables.ts'

type Of<Kind extends Change['kind']> = Extract<Change, { readonly kind: Kind }>

export class Changes {
  readonly #tables: Tables
  /** The last number in an order of sending again, or of replays. */
  #order: number
  /** Messages without references, which are removed at the end of a commit: one may be queued again until then. */
  readonly #unreferenced = new Set<number>()

  constructor(tables: Tables, order: number) {
    this.#tables = tables
    this.#order = order
  }

  /** Applies the changes of one commit, within a transaction. */
  apply(changes: readonly Change[]): void {
    this.#unreferenced.clear()
    for (const change of changes) this.#apply(change)
    const { messages, references } = this.#tables
    for (const sequence of this.#unreferenced) {
      if (references.get(sequence)?.count !== 0) continue
      references.remove(sequence)
      messages.remove(sequence)
    }
  }

  /** Removes QoS 2 deliveries to members of groups without a stored session: their sessions ended with the last process. */
  forgetBegun(): void {
    const { deliveries } = this.#tables
    const begun = [...deliveries.getRange()].filter(({ value }) => value.isBegun)
    for (const { key } of begun) this.#settle(key)
    this.apply([])
  }

  #apply(change: Change): void {
    const { sessions, wills, subscriptions, replays, incoming, retained, held } = this.#tables
    switch (change.kind) {
      case 'message-stored':
        this.#store(change.message)
        return
      case 'retained-set':
        this.#clearRetained(change.topic)
        retained.put(keyOf(change.topic), change.sequence)
        this.#refer(change.sequence, 1)
        return
      case 'retained-cleared':
        this.#clearRetained(change.topic)
        return
      case 'held':
        held.put(change.sequence, { due: change.due, key: change.key })
        this.#refer(change.sequence, 1)
        return
      case 'released':
        if (!held.doesExist(change.sequence)) return
        held.remove(change.sequence)
        this.#refer(change.sequence, -1)
        return
      case 'message-identified': {
        const { clientId, id, at } = change
        this.#tables.messageIds.put(messageIdKey(change), { clientId, id, at })
        return
      }
      case 'message-id-forgotten':
        this.#tables.messageIds.remove(messageIdKey(change))
        return
      case 'partition-reached': {
        const { kind: _, ...row } = change
        this.#tables.partitions.put(change.partition, row)
        return
      }
      case 'decided': {
        const { kind: _, dropped, ...row } = change
        const { decisions } = this.#tables
        decisions.put(decisionKey(change), row)
        if (dropped !== null) decisions.remove(decisionKey({ ...change, number: dropped }))
        return
      }
      case 'decision-dropped':
        this.#tables.decisions.remove(decisionKey(change))
        return
      case 'queued':
        this.#queue(change)
        return
      case 'sent':
        this.#send(change)
        return
      case 'returned':
        this.#return(change)
        return
      case 'received':
        this.#receive(change.delivery)
        return
      case 'settled':
        this.#settle(change.delivery)
        return
      case 'group-ended':
        this.#endQueue(change.owner)
        return
      case 'queue-set': {
        const owner = { kind: 'queue', name: change.name } as const
        this.#tables.queues.put(placeOf(owner), { owner, settings: change.settings })
        return
      }
      case 'queue-ended':
        this.#endQueue({ kind: 'queue', name: change.name })
        return
      case 'locked':
      case 'unlocked':
        this.#lock(change)
        return
      case 'moved':
        this.#moveOn(change)
        return
      case 'session-opened': {
        const { clientId, expiryIntervalSeconds } = change
        this.#endSession(clientId)
        const row = { clientId, identity: null, expiryIntervalSeconds, expiresAt: null }
        sessions.put(sessionKey(clientId), row)
        return
      }
      case 'session-resumed': {
        const { expiryIntervalSeconds } = change
        this.#session(change.clientId, { expiryIntervalSeconds, expiresAt: null })
        return
      }
      case 'session-left':
        this.#session(change.clientId, { expiresAt: change.expiresAt })
        return
      case 'session-ended':
        this.#endSession(change.clientId)
        return
      case 'identified':
        this.#session(change.clientId, { identity: change.identity })
        this.#will(change.clientId, { identity: change.identity })
        return
      case 'will-set': {
        const { clientId, will } = change
        const identity = sessions.get(sessionKey(clientId))?.identity ?? null
        wills.put(sessionKey(clientId), { clientId, will, at: null, identity })
        return
      }
      case 'will-cleared':
        wills.remove(sessionKey(change.clientId))
        return
      case 'will-delayed':
        this.#will(change.clientId, { at: change.at })
        return
      case 'subscribed': {
        const key = sessionKey(change.clientId)
        const { subscription } = change
        if (!sessions.doesExist(key)) return
        subscriptions.put([key, keyOf(subscription.filter)], subscription)
        return
      }
      case 'filtered': {
        const key: [string, string] = [sessionKey(change.clientId), keyOf(change.filter)]
        const row = subscriptions.get(key)
        if (row !== undefined) subscriptions.put(key, { ...row, where: change.where })
        return
      }
      case 'conflated': {
        const key: [string, string] = [sessionKey(change.clientId), keyOf(change.filter)]
        const row = subscriptions.get(key)
        if (row !== undefined) subscriptions.put(key, { ...row, conflateMs: change.milliseconds })
        return
      }
      case 'transactional': {
        const key: [string, string] = [sessionKey(change.clientId), keyOf(change.filter)]
        const row = subscriptions.get(key)
        if (row !== undefined) subscriptions.put(key, { ...row, transactional: true })
        return
      }
      case 'unsubscribed':
        subscriptions.remove([sessionKey(change.clientId), keyOf(change.filter)])
        replays.remove([sessionKey(change.clientId), keyOf(change.filter)])
        return
      case 'replay-begun': {
        const { clientId, filter, sequenceMax } = change
        const key: [string, string] = [sessionKey(clientId), keyOf(filter)]
        if (!subscriptions.doesExist(key)) return
        replays.put(key, { filter, sequenceMax, order: ++this.#order })
        return
      }
      case 'replayed':
        replays.remove([sessionKey(change.clientId), keyOf(change.filter)])
        return
      case 'incoming-opened': {
        const key = sessionKey(change.clientId)
        if (sessions.doesExist(key)) incoming.put([key, change.packetId], true)
        return
      }
      case 'incoming-released':
        incoming.remove([sessionKey(change.clientId), change.packetId])
        return
      // If a kind is missing above, this line does not compile.
      default:
        change satisfies never
    }
  }

  /** A share group may store a message that others have stored before: then it keeps its references. */
  #store(message: Message): void {
    const { messages, references } = this.#tables
    const { sequence } = message
    // What the broker counts in a message is of no concern to a store.
    const { held: _, weighed: __, ...row } = message
    messages.put(sequence, row)
    const count = references.get(sequence)?.count ?? 0
    references.put(sequence, { count, bytes: contentBytes(message) })
    this.#unreferenced.add(sequence)
    this.#number('lastSequence', sequence)
  }

  #queue({ delivery, owner, sequence, qos, retain, identifiers, packetId }: Of<'queued'>): void {
    this.#number('lastDelivery', delivery)
    const group = owner.kind === 'session' ? null : owner
    const isSent = packetId !== 0
    if (group === null ? !this.#tables.sessions.doesExist(placeOf(owner)) : isSent) return
    if (group !== null) this.#openQueue(group)
    this.#put(delivery, {
      sequence,
      qos,
      retain,
      identifiers,
      queuedQos: qos,
      queuedRetain: retain,
      group,
      handOuts: null,
      packetId,
      isReceived: false,
      isBegun: false,
      place: placeOf(owner),
      order: isSent ? ++this.#order : 0,
    })
    this.#refer(sequence, 1)
  }

  #send({ delivery, clientId, packetId, qos, retain, identifiers }: Of<'sent'>): void {
    const found = this.#tables.deliveries.get(delivery)
    if (found === undefined || found.lock !== undefined) return
    const row = handedOut(found)
    const place = sessionKey(clientId)
    if (!this.#tables.sessions.doesExist(place)) {
      this.#tables.deliveries.put(delivery, qos === 2 ? { ...row, isBegun: true } : row)
      return
    }
    const own = identifiers.length > 0 ? identifiers : row.identifiers
    const order = ++this.#order
    this.#move(delivery, row, { ...row, packetId, qos, retain, identifiers: own, place, order })
  }

  #return({ delivery, owner }: Of<'returned'>): void {
    const row = this.#tables.deliveries.get(delivery)
    // What was sent to a member without a stored session has never left the group.
    if (row === undefined || row.packetId === 0) return
    this.#openQueue(owner)
    const { queuedQos: qos, queuedRetain: retain } = row
    const place = placeOf(owner)
    const asQueued = { ...row, qos, retain, identifiers: [], packetId: 0, order: 0, place }
    this.#move(delivery, row, asQueued)
  }

  /** Locked deliveries are in a place of their own, with the queue. */
  #lock(change: Of<'locked'> | Of<'unlocked'>): void {
    const row = this.#tables.deliveries.get(change.delivery)
    if (row === undefined) return
    const { lock, ...rest } = row
    const place = placeOf(change.owner)
    if (change.kind === 'unlocked') {
      if (lock !== undefined) this.#move(change.delivery, row, { ...rest, place })
    } else if (row.place === place) {
      const { clientId, transaction } = change
      const locked = { ...rest, place: lockedPlace(place), identifiers: [] }
      this.#move(change.delivery, row, { ...locked, lock: { clientId, transaction } })
    }
  }

  /** PUBREL packets are sent again in the order of the PUBREC packets. */
  #receive(delivery: number): void {
    const row = this.#tables.deliveries.get(delivery)
    if (row === undefined || row.isReceived) return
    this.#refer(row.sequence, -1)
    const order = row.order === 0 ? 0 : ++this.#order
    this.#move(delivery, row, { ...row, isReceived: true, order })
  }

  /** A delivery of a named queue becomes a dead letter at the end of another, or comes back from there. */
  #moveOn({ delivery, owner, to, moved, handOuts: count, reason }: Of<'moved'>): void {
    this.#number('lastDelivery', moved)
    const row = this.#tables.deliveries.get(delivery)
    if (row === undefined || row.place !== placeOf(owner)) return
    this.#takeOut(delivery, row)
    this.#tables.deliveries.remove(delivery)
    this.#openQueue(to)
    const queue = reason !== '' && owner.kind === 'queue' ? owner.name : ''
    const handOuts = count > 0 || reason !== '' ? { count, reason, queue } : null
    this.#put(moved, { ...row, group: to, handOuts, identifiers: [], place: placeOf(to) })
  }

  #settle(delivery: number): void {
    const row = this.#tables.deliveries.get(delivery)
    if (row === undefined) return
    this.#takeOut(delivery, row)
    this.#tables.deliveries.remove(delivery)
    if (!row.isReceived) this.#refer(row.sequence, -1)
  }

  #move(delivery: number, from: DeliveryRow, to: DeliveryRow): void {
    this.#takeOut(delivery, from)
    this.#put(delivery, to)
  }

  #put(delivery: number, row: DeliveryRow): void {
    const { deliveries, sent, waiting } = this.#tables
    deliveries.put(delivery, row)
    if (row.order === 0) waiting.put([row.place, delivery], true)
    else sent.put([row.place, row.order], delivery)
  }

  #takeOut(delivery: number, { place, order }: DeliveryRow): void {
    if (order === 0) this.#tables.waiting.remove([place, delivery])
    else this.#tables.sent.remove([place, order])
  }

  #settleAll(place: string): void {
    const { sent, waiting } = this.#tables
    for (const { value } of [...sent.getRange(within(place))]) this.#settle(value)
    for (const [, delivery] of [...waiting.getKeys(within(place))]) this.#settle(Number(delivery))
  }

  #endSession(clientId: string): void {
    const { sessions, subscriptions, replays, incoming } = this.#tables
    const key = sessionKey(clientId)
    if (!sessions.doesExist(key)) return
    this.#settleAll(key)
    for (const table of [subscriptions, replays, incoming]) {
      for (const each of [...table.getKeys(within(key))]) table.remove(each)
    }
    sessions.remove(key)
  }

  #session(clientId: string, values: Partial<SessionRow>): void {
    const row = this.#tables.sessions.get(sessionKey(clientId))
    if (row !== undefined) this.#tables.sessions.put(sessionKey(clientId), { ...row, ...values })
  }

  #will(clientId: string, values: Partial<WillRow>): void {
    const row = this.#tables.wills.get(sessionKey(clientId))
    if (row !== undefined) this.#tables.wills.put(sessionKey(clientId), { ...row, ...values })
  }

  #openQueue(owner: QueueOwner): void {
    const { queues } = this.#tables
    if (!queues.doesExist(placeOf(owner))) queues.put(placeOf(owner), { owner, settings: '{}' })
  }

  #endQueue(owner: QueueOwner): void {
    this.#settleAll(placeOf(owner))
    this.#settleAll(lockedPlace(placeOf(owner)))
    this.#tables.queues.remove(placeOf(owner))
  }

  #clearRetained(topic: string): void {
    const { retained } = this.#tables
    const sequence = retained.get(keyOf(topic))
    if (sequence === undefined) return
    retained.remove(keyOf(topic))
    this.#refer(sequence, -1)
  }

  #number(name: 'lastSequence' | 'lastDelivery', number: number): void {
    const { root } = this.#tables
    root.put(name, Math.max(root.get(name) ?? 0, number))
  }

  #refer(sequence: number, by: 1 | -1): void {
    const row = this.#tables.references.get(sequence)
    assert(row !== undefined, `message ${sequence} is stored before anything refers to it`)
    this.#tables.references.put(sequence, { ...row, count: row.count + by })
    if (row.count + by === 0) this.#unreferenced.add(sequence)
  }
}

function messageIdKey({ clientId, id }: { readonly clientId: string; readonly id: string }) {
  return [keyOf(clientId), keyOf(id)] satisfies [string, string]
}

function decisionKey({
  clientId,
  name,
  number,
}: Pick<Of<'decided'>, 'clientId' | 'name' | 'number'>) {
  // No text of MQTT has U+0000.
  return [keyOf(`${clientId}\0${name}`), number] satisfies [string, number]
}

/** A named queue counts how often it hands a delivery out; a dead letter keeps its count. */
function handedOut(row: DeliveryRow): DeliveryRow {
  const { group, handOuts } = row
  if (group?.kind !== 'queue' || (handOuts?.reason ?? '') !== '') return row
  return { ...row, handOuts: { reason: '', queue: '', count: (handOuts?.count ?? 0) + 1 } }
}
