// Random changes, in an order in which a broker could record them. Tests compare stores with them.

import { contentBytes, identifiersBytes, type Message } from '../message.ts'
import type { Change, GroupOwner, NamedQueueOwner, Owner, PartitionOwner } from '../store/change.ts'
import type { Snapshot, StoredSession } from '../store/store.ts'
import { stored, subscriptionOf } from './changes.ts'

const CLIENTS = ['ann', 'bob', 'cleo']
const GROUPS: readonly GroupOwner[] = ['x', 'y'].map(shareName => ({
  kind: 'group',
  shareName,
  topicFilter: 'a/#',
  ...(shareName === 'y' && { where: 'a = 1' }),
}))

const QUEUES: readonly NamedQueueOwner[] = ['jobs', 'jobs.dead'].map(name => ({
  kind: 'queue',
  name,
}))

const PARTITIONS: readonly PartitionOwner[] = [0, 65_535].map(partition => ({
  kind: 'partition',
  partition,
}))

/** All owners that deliveries are queued for. */
export const OWNERS: readonly Owner[] = [
  ...CLIENTS.map(ownerOf),
  ...GROUPS,
  ...QUEUES,
  ...PARTITIONS,
]

export class RandomChanges {
  readonly #random: () => number
  #sequence = 0
  #delivery = 0
  /** Deliveries that may still exist: the number, and the owner that each was queued for first. */
  readonly #queued: { delivery: number; owner: Owner; qos: 1 | 2; sentTo: string | null }[] = []
  readonly #sessions = new Set<string>()

  constructor(seed: number) {
    let state = seed
    this.#random = () => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff
      return state / 0x8000_0000
    }
  }

  below(count: number): number {
    return Math.floor(this.#random() * count)
  }

  group(): readonly Change[] {
    return Array.from({ length: 1 + this.below(6) }, () => this.#some()).flat()
  }

  #some(): readonly Change[] {
    const clientId = CLIENTS[this.below(CLIENTS.length)] ?? ''
    switch (this.below(18)) {
      case 0:
        return this.#session(clientId)
      case 1:
        return this.#left(clientId)
      case 2:
        return this.#incoming(clientId)
      case 3:
      case 4:
      case 5:
      case 6:
        return this.#message()
      case 7:
        return this.#retained()
      case 8:
        return this.below(20) === 0 ? this.#endGroup() : []
      case 9:
        return this.#replay(clientId)
      case 12:
        return this.#delayed()
      case 13:
        return this.below(2) === 0 ? this.#decision(clientId) : this.#messageId(clientId)
      case 10:
        return this.#namedQueue()
      case 11:
        return this.#moved()
      case 14:
        return this.#reached()
      default:
        return this.#progress()
    }
  }

  #session(clientId: string): readonly Change[] {
    if (this.#sessions.has(clientId) && this.below(4) > 0) {
      return [{ kind: 'session-resumed', clientId, expiryIntervalSeconds: this.below(99) }]
    }
    if (this.#sessions.has(clientId) && this.below(2) === 0) {
      this.#sessions.delete(clientId)
      return [{ kind: 'session-ended', clientId }]
    }
    this.#sessions.add(clientId)
    return [
      { kind: 'session-opened', clientId, expiryIntervalSeconds: 1 + this.below(99) },
      ...this.#identified(clientId),
    ]
  }

  /** Some sessions get no identity, as in stores of an older version. */
  #identified(clientId: string): readonly Change[] {
    if (this.below(3) === 0) return []
    const username = this.below(2) === 0 ? null : `user-${this.below(9)}`
    const identity = { clientId, username, address: '10.0.0.1', authentication: 'password' }
    return [{ kind: 'identified', clientId, identity }]
  }

  #left(clientId: string): readonly Change[] {
    const will = {
      topic: 'w',
      payload: Buffer.alloc(this.below(300), 7),
      qos: 1,
      retain: false,
      properties: {},
    } as const
    const all: readonly Change[] = [
      { kind: 'session-left', clientId, expiresAt: this.below(1_000) },
      { kind: 'will-set', clientId, will },
      ...this.#identified(clientId),
      { kind: 'will-delayed', clientId, at: this.below(1_000) },
      { kind: 'will-cleared', clientId },
      { kind: 'unsubscribed', clientId, filter: 'a/1' },
    ]
    return all.slice(this.below(4)).slice(0, 1 + this.below(2))
  }

  /** Also changes of subscriptions that do not exist. */
  #replay(clientId: string): readonly Change[] {
    const filter = `a/${this.below(3)}`
    const sequenceMax = this.below(100)
    const all: readonly Change[] = [
      { kind: 'subscribed', clientId, subscription: subscriptionOf(filter) },
      ...(this.below(2) === 0
        ? [{ kind: 'filtered', clientId, filter, where: 'a = 1' } as const]
        : []),
      ...(this.below(2) === 0
        ? [{ kind: 'conflated', clientId, filter, milliseconds: 500 } as const]
        : []),
      ...(this.below(3) === 0 ? [{ kind: 'transactional', clientId, filter } as const] : []),
      { kind: 'replay-begun', clientId, filter, sequenceMax },
      { kind: 'replayed', clientId, filter },
      { kind: 'unsubscribed', clientId, filter },
    ]
    const first = this.below(all.length)
    return all.slice(first, first + 1 + this.below(3))
  }

  #incoming(clientId: string): readonly Change[] {
    const packetId = 1 + this.below(5)
    const kind = this.below(2) === 0 ? 'incoming-opened' : 'incoming-released'
    return [{ kind, clientId, packetId }]
  }

  #message(): readonly Change[] {
    const sequence = ++this.#sequence
    const payload = Buffer.alloc(this.below(500), sequence % 251)
    const changes = [stored(sequence, { payload, ...oftenMissing(sequence) })]
    for (const owner of OWNERS) {
      if (this.below(3) === 0) changes.push(this.#queue(owner, sequence))
    }
    if (this.below(4) === 0) {
      const topic = `topic/${this.below(20)}`
      changes[0] = stored(sequence, { topic, retain: true })
      changes.push({ kind: 'retained-set', topic, sequence })
    }
    return changes
  }

  #queue(owner: Owner, sequence: number): Change {
    const delivery = ++this.#delivery
    // A named queue has nothing at QoS 2.
    const qos = owner.kind === 'queue' || this.below(2) === 0 ? 1 : 2
    const isSent = owner.kind === 'session' && this.below(3) === 0
    const sentTo = isSent ? owner.clientId : null
    this.#queued.push({ delivery, owner, qos, sentTo })
    const packetId = isSent ? 1 + this.below(99) : 0
    const identifiers = this.below(5) === 0 ? [1, 268_435_455] : []
    return {
      kind: 'queued',
      delivery,
      owner,
      sequence,
      qos,
      retain: qos === 1,
      identifiers,
      packetId,
    }
  }

  /** Also releases what is not held. */
  #delayed(): readonly Change[] {
    if (this.below(3) === 0)
      return [{ kind: 'released', sequence: 1 + this.below(this.#sequence + 1) }]
    const sequence = ++this.#sequence
    const key = this.below(2) === 0 ? '' : 'c\0k'
    return [stored(sequence), { kind: 'held', sequence, due: this.below(1_000), key }]
  }

  /** Also drops what was not decided, and decides again what was prepared. */
  #decision(clientId: string): readonly Change[] {
    const transaction = { clientId, name: 'n', number: this.below(20) }
    if (this.below(3) === 0) return [{ kind: 'decision-dropped', ...transaction }]
    const outcome = (['prepared', 'committed', 'aborted'] as const)[this.below(3)] ?? 'committed'
    const at = this.below(1_000)
    const dropped = this.below(2) === 0 ? null : this.below(20)
    const decision = { ...transaction, count: this.below(9), checksum: at, outcome, at }
    return [{ kind: 'decided', ...decision, dropped }]
  }

  /** Also forgets what was not published. */
  #messageId(clientId: string): readonly Change[] {
    const id = `m${this.below(9)}`
    return this.below(3) === 0
      ? [{ kind: 'message-id-forgotten', clientId, id }]
      : [{ kind: 'message-identified', clientId, id, at: this.below(1_000) }]
  }

  #retained(): readonly Change[] {
    return [{ kind: 'retained-cleared', topic: `topic/${this.below(20)}` }]
  }

  #endGroup(): readonly Change[] {
    const owner = GROUPS[this.below(GROUPS.length)]
    return owner === undefined ? [] : [{ kind: 'group-ended', owner }]
  }

  #reached(): readonly Change[] {
    const partition = [0, 7, 65_535][this.below(3)] ?? 0
    const number = this.below(1_000)
    return [{ kind: 'partition-reached', partition, log: 9_007_199_254_740_991, number }]
  }

  /** Also of queues whose settings were never stored. */
  #namedQueue(): readonly Change[] {
    const name = QUEUES[this.below(QUEUES.length)]?.name ?? ''
    if (this.below(10) === 0) return [{ kind: 'queue-ended', name }]
    return [{ kind: 'queue-set', name, settings: `{"order":${this.below(9)}}` }]
  }

  /** A message of a queue becomes a dead letter, or comes back. */
  #moved(): readonly Change[] {
    const index = this.#queued.findIndex(
      ({ owner, sentTo }) => owner.kind === 'queue' && sentTo === null,
    )
    const queued = this.#queued[index]
    const to = QUEUES[this.below(QUEUES.length)]
    if (queued?.owner.kind !== 'queue' || to === undefined) return []
    const { delivery, owner } = queued
    this.#queued.splice(index, 1)
    const moved = ++this.#delivery
    this.#queued.push({ delivery: moved, owner: to, qos: 1, sentTo: null })
    const reason = this.below(2) === 0 ? '' : 'expired'
    return [{ kind: 'moved', delivery, owner, to, moved, handOuts: this.below(3), reason }]
  }

  /** Sends, receives, returns or settles one of the older deliveries. */
  #progress(): readonly Change[] {
    const index = Math.floor(this.#random() * this.#random() * this.#queued.length)
    const queued = this.#queued[index]
    if (queued === undefined) return []
    const { delivery, owner, qos, sentTo } = queued
    const clientId = owner.kind === 'session' ? owner.clientId : (CLIENTS[this.below(3)] ?? '')
    if (owner.kind === 'queue' && this.below(3) === 0) {
      return this.below(2) === 0
        ? [{ kind: 'locked', delivery, owner, clientId, transaction: 't.1' }]
        : [{ kind: 'unlocked', delivery, owner }]
    }
    if (sentTo === null && this.below(3) > 0) {
      queued.sentTo = clientId
      const packetId = 1 + this.below(99)
      if (owner.kind !== 'session' && this.below(2) === 0) queued.qos = 1
      const retain = this.below(2) === 0
      const isShared = owner.kind !== 'session' && this.below(3) === 0
      const identifiers = isShared ? [1 + this.below(9)] : []
      const sent = { kind: 'sent', delivery, owner, clientId, packetId, retain } as const
      return [{ ...sent, qos: queued.qos, identifiers }]
    }
    if (sentTo !== null && qos === 2 && this.below(3) === 0) {
      return [{ kind: 'received', delivery, clientId: sentTo }]
    }
    if (sentTo !== null && qos === 1 && owner.kind !== 'session' && this.below(3) === 0) {
      queued.sentTo = null
      return [{ kind: 'returned', delivery, clientId: sentTo, owner }]
    }
    this.#queued.splice(index, 1)
    // A member without a stored session leaves the delivery with the group, so the other change is skipped.
    const settled = { kind: 'settled', delivery, owner } as const
    return sentTo === null ? [settled] : [settled, { ...settled, owner: ownerOf(sentTo) }]
  }
}

/** What only some messages have. */
function oftenMissing(sequence: number): Partial<Message> {
  const properties = { userProperties: [['trace', `${sequence}`]] } as const
  const author = { username: 'zoë', address: '10.0.0.2', authentication: 'password' }
  return { ...(sequence % 5 === 0 && { properties }), ...(sequence % 7 === 0 && { author }) }
}

/** Brings snapshots into one order: groups may come in any order, with any number of queued deliveries. */
export function inOrder(snapshot: Snapshot): Snapshot {
  const groups = [...snapshot.groups].sort((one, other) =>
    one.shareName.localeCompare(other.shareName),
  )
  const queues = [...snapshot.queues].sort((one, other) => one.name.localeCompare(other.name))
  const decisions = [...snapshot.decisions].sort(
    (one, other) => one.clientId.localeCompare(other.clientId) || one.number - other.number,
  )
  const messageIds = [...snapshot.messageIds].sort(
    (one, other) => one.clientId.localeCompare(other.clientId) || one.id.localeCompare(other.id),
  )
  const locked = [...snapshot.locked].sort(
    (one, other) => one.delivery.delivery - other.delivery.delivery,
  )
  const partitions = [...(snapshot.partitions ?? [])].sort(
    (one, other) => one.partition - other.partition,
  )
  return {
    ...snapshot,
    partitions: partitions.map(withoutPage),
    decisions,
    messageIds,
    locked,
    sessions: snapshot.sessions.map(withoutPage),
    groups: groups.map(withoutPage),
    queues: queues.map(withoutPage),
  }
}

type Line = Pick<StoredSession, 'deliveries' | 'remainder'>

function withoutPage<Owning extends Line>(owning: Owning): Owning {
  const { deliveries, remainder } = owning
  const waiting = deliveries.filter(({ packetId }) => packetId === 0)
  let { bytes } = remainder
  for (const { message, identifiers } of waiting) {
    bytes += identifiersBytes(identifiers)
    if (message !== null) bytes += contentBytes(message)
  }
  return {
    ...owning,
    deliveries: deliveries.filter(({ packetId }) => packetId !== 0),
    remainder: { messages: remainder.messages + waiting.length, bytes },
  }
}

function ownerOf(clientId: string): Owner {
  return { kind: 'session', clientId }
}
