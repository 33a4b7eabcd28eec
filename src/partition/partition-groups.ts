// The share groups of all partitions, as this one sees them: those that it keeps have members elsewhere, and its clients are members of
// those that others keep.

import type { Broker } from '../broker/broker.ts'
import { TO_ONE } from '../broker/publishing.ts'
import { type GroupName, keyOf, nameOf } from '../broker/share-overrides.ts'
import { fromElsewhere, type Message } from '../message.ts'
import type { QoS } from '../packet/packet.ts'
import { ShareGroup } from '../session/share-group/share-group.ts'
import type { Target } from '../session/target.ts'
import type { GroupOwner, PartitionOwner } from '../store/change.ts'
import type { CommitId } from '../store/journal.ts'
import { GroupRoutes } from './group-routes.ts'
import { type Address, addressText } from './hand-over-address.ts'
import type { GroupItem, MemberItem, ToldOfGroups } from './item.ts'
import type { PartitionStatistics } from './partition-statistics.ts'
import { RemoteGroup, type RemoteGroupContext } from './remote-group.ts'
import { RemoteMember } from './remote-member.ts'

/** The line to one other partition. */
export interface GroupLink {
  readonly owner: PartitionOwner
  readonly isFull: boolean
  /** What matches a group that the partition keeps is owed to this target. */
  readonly forGroups: Target
  say(item: ToldOfGroups): void
  handsOver(to: string, message: Message, number: number, commitId: CommitId): void
}

interface GroupsContext {
  readonly broker: Broker
  readonly partition: number
  readonly statistics: PartitionStatistics
  /** Whether all that is owed to others since earlier starts was read. */
  readonly isComplete: boolean
  readonly others: readonly number[]
  linkTo(partition: number): GroupLink
  keeperOfGroup(key: string): number
  requestFlush(): void
}

// Wide on purpose: both sides of a group, and what links tell of both.
export class PartitionGroups implements RemoteGroupContext {
  readonly broker: Broker
  readonly #context: GroupsContext
  readonly #routes: GroupRoutes
  /** Those of this partition's clients that others keep. */
  readonly #remote = new Map<string, RemoteGroup>()
  readonly #changed = new Set<RemoteGroup>()
  /** By partition, members of groups that are kept here, by address. */
  readonly #members = new Map<number, Map<string, RemoteMember>>()
  /** By partition that has not told its members: what it is sent again, by address. */
  readonly #sentAgain = new Map<number, Map<string, number>>()
  /** The groups that have a member here, or are kept here. */
  readonly #there = new Map<string, GroupName>()
  readonly #told = new Map<string, GroupName>()
  readonly #changedKeys = new Set<string>()

  constructor(context: GroupsContext) {
    this.#context = context
    this.broker = context.broker
    this.#routes = new GroupRoutes({
      router: this.broker.subscriptions.router,
      targetFor: name => {
        const keeper = context.keeperOfGroup(keyOf(name))
        return keeper === context.partition ? null : context.linkTo(keeper).forGroups
      },
    })
    for (const other of context.others) this.#sentAgain.set(other, new Map())
  }

  get isComplete(): boolean {
    return this.#context.isComplete
  }

  groupElsewhere(name: GroupName): RemoteGroup | null {
    const key = keyOf(name)
    if (this.#context.keeperOfGroup(key) === this.#context.partition) return null
    const known = this.#remote.get(key)
    if (known !== undefined) return known
    const group = new RemoteGroup(nameOf(name), this)
    this.#remote.set(key, group)
    return group
  }

  /** A group that is kept here begins, or ends. */
  subscriptionChanged(target: Target, now: QoS | null): void {
    if (target instanceof ShareGroup) this.#isThere(target.owner, now !== null)
  }

  /** At the end of a turn: tells the others what is new. */
  flush(): void {
    for (const key of this.#changedKeys) this.#tell(key)
    this.#changedKeys.clear()
    for (const group of this.#changed) {
      const key = keyOf(group.name)
      const link = this.#context.linkTo(this.#context.keeperOfGroup(key))
      group.tell(item => link.say(item))
      if (group.isIdle) this.#remote.delete(key)
    }
    this.#changed.clear()
  }

  /** What the partition must know first in a new stream. */
  beginning(partition: number): readonly ToldOfGroups[] {
    const items: ToldOfGroups[] = []
    for (const [key, group] of this.#told) {
      if (this.#context.keeperOfGroup(key) !== partition) {
        items.push({ kind: 'group', group, isThere: true })
      }
    }
    return [...items, ...this.#keptBy(partition).flatMap(({ items: members }) => members)]
  }

  /** The partition has started. */
  begins(partition: number): void {
    for (const group of this.#keptBy(partition)) group.begins()
    for (const member of this.#membersOf(partition).values()) member.restarts()
    this.#sentAgain.set(partition, new Map())
    this.#routes.begin(partition)
  }

  /** A hand-out that was made earlier is in the line to the partition. */
  isInLine(partition: number, to: string): void {
    const member = this.#membersOf(partition).get(to)
    const counts = this.#sentAgain.get(partition)
    if (member !== undefined) member.sent += 1
    else counts?.set(to, (counts.get(to) ?? 0) + 1)
  }

  told(partition: number, item: ToldOfGroups): void {
    switch (item.kind) {
      case 'group':
        this.#routes.told(partition, keyOf(item.group), item.group, item.isThere)
        return
      case 'member':
        this.#toldMember(partition, item)
        return
      case 'member-gone':
        this.#leaves(partition, addressText(item))
    }
  }

  toldAll(partition: number): void {
    this.#routes.toldAll(partition)
    this.#sentAgain.delete(partition)
    for (const [to, { isTold }] of [...this.#membersOf(partition)]) {
      if (!isTold) this.#leaves(partition, to)
    }
  }

  /** A message came over for a member here, or back to a group here. */
  handedOver({ clientId, group }: Address, message: Message): void {
    if (clientId === '') this.#cameBack(group, message)
    else {
      this.#context.statistics.handOutsApplied += 1
      this.groupElsewhere(group)?.handedOut(clientId, message)
    }
  }

  /** It was applied before a start, and came again. */
  repeated({ clientId, group }: Address): void {
    if (clientId !== '') this.#remote.get(keyOf(group))?.repeated(clientId)
  }

  /** The line to the partition has room again. */
  hasRoom(partition: number): void {
    for (const member of this.#membersOf(partition).values()) member.pump()
  }

  /** All others have told their groups and members, and what is owed to them was read. */
  completes(): void {
    const { groups } = this.broker.subscriptions
    this.broker.changing += 1
    for (const group of [...groups.all]) groups.endIfEmpty(group)
    for (const partition of this.#context.others) this.hasRoom(partition)
    for (const [key, group] of [...this.#remote]) {
      group.completes()
      if (group.isIdle) this.#remote.delete(key)
    }
    this.broker.changing -= 1
  }

  // What groups use.

  givesBack(owner: GroupOwner, message: Message, stored: number): void {
    const keeper = this.#context.keeperOfGroup(keyOf(owner))
    this.#context.statistics.handOutsReturned += 1
    const to = addressText({ clientId: '', group: owner })
    this.#moves(this.#context.linkTo(keeper), owner, to, message, stored)
  }

  changed(group: RemoteGroup): void {
    this.#changed.add(group)
    this.#isThere(group.name, group.memberCount > 0)
    this.#context.requestFlush()
  }

  #toldMember(partition: number, item: MemberItem): void {
    const to = addressText(item)
    const members = this.#membersOf(partition)
    const known = members.get(to)
    const member = known ?? this.#newMember(partition, item, to)
    member.isTold = true
    this.broker.changing += 1
    if (known === undefined) members.set(to, member)
    member.joins(item)
    member.updates(item)
    this.broker.changing -= 1
  }

  #newMember(partition: number, item: MemberItem, to: string): RemoteMember {
    const link = this.#context.linkTo(partition)
    const owner: GroupOwner = { kind: 'group', ...item.group }
    const context = this.#context
    const member = new RemoteMember(item, this.broker, {
      // What is owed since earlier starts comes first.
      get isFull() {
        return link.isFull || !context.isComplete
      },
      handOut: (_member, { message, stored }) => {
        this.#context.statistics.handOutsSent += 1
        const { latest } = this.broker.journal
        if (message.qos === 0) link.handsOver(to, message, 0, latest)
        else this.#moves(link, owner, to, message, stored)
      },
    })
    member.sent = this.#sentAgain.get(partition)?.get(to) ?? 0
    return member
  }

  #leaves(partition: number, to: string): void {
    const members = this.#membersOf(partition)
    const member = members.get(to)
    if (member === undefined) return
    members.delete(to)
    this.broker.changing += 1
    member.leaves()
    this.broker.changing -= 1
  }

  #cameBack(name: GroupName, sent: Message): void {
    const { broker } = this
    const group = broker.subscriptions.groups.get(name)
    const message = fromElsewhere(sent, broker)
    if (group === null) {
      broker.dropped('group-ended', message, null)
      return
    }
    broker.changing += 1
    const { journal } = broker
    if (group.isDurable) journal.record({ kind: 'message-stored', message })
    group.deliver(message, TO_ONE, group.isDurable ? journal.current : 0)
    broker.changing -= 1
  }

  /** The delivery is of the other partition's from this commit on. */
  #moves(link: GroupLink, owner: GroupOwner, to: string, message: Message, delivery: number): void {
    const { journal } = this.broker
    const moved = this.broker.nextDelivery()
    const change = { delivery, owner, to: link.owner, moved, handOuts: 0, reason: to }
    journal.record({ kind: 'moved', ...change })
    link.handsOver(to, message, moved, journal.current)
  }

  #isThere(group: GroupName, isThere: boolean): void {
    const key = keyOf(group)
    if (this.#there.has(key) === isThere) return
    if (isThere) this.#there.set(key, nameOf(group))
    else this.#there.delete(key)
    this.#changedKeys.add(key)
    this.#context.requestFlush()
  }

  #tell(key: string): void {
    const name = this.#there.get(key) ?? this.#told.get(key)
    const isThere = this.#there.has(key)
    if (name === undefined || isThere === this.#told.has(key)) return
    if (isThere) this.#told.set(key, name)
    else this.#told.delete(key)
    const { others, partition } = this.#context
    const keeper = this.#context.keeperOfGroup(key)
    this.#routes.told(partition, key, name, isThere)
    const item: GroupItem = { kind: 'group', group: name, isThere }
    for (const other of others) {
      if (other !== keeper) this.#context.linkTo(other).say(item)
    }
  }

  #keptBy(partition: number): readonly RemoteGroup[] {
    return [...this.#remote.values()].filter(
      ({ name }) => this.#context.keeperOfGroup(keyOf(name)) === partition,
    )
  }

  #membersOf(partition: number): Map<string, RemoteMember> {
    const known = this.#members.get(partition)
    if (known !== undefined) return known
    const members = new Map<string, RemoteMember>()
    this.#members.set(partition, members)
    return members
  }
}
