// A member of a share group here whose client is of another partition: a session without a client, as far as the group knows.

import type { Broker } from '../broker/broker.ts'
import { unknownIdentity } from '../access/identity.ts'
import { UNRESTRICTED } from '../access/permissions.ts'
import type { GroupName } from '../broker/share-overrides.ts'
import { type Subscription, wholeSubscription } from '../routing/subscription.ts'
import { ClientRights } from '../session/client-rights.ts'
import type { Delivery } from '../session/delivery.ts'
import { Session } from '../session/session.ts'
import type { ShareGroup } from '../session/share-group/share-group.ts'
import type { MemberItem } from './item.ts'

/** The most messages that a member may be handed before its partition gives it more credit. */
export const CREDIT_MAX = 16

/** The line to the partition of the member. */
interface MemberWay {
  readonly isFull: boolean
  handOut(member: RemoteMember, delivery: Delivery): void
}

export class RemoteMember extends Session {
  /** It survives a crash of this partition. */
  override readonly isDurable = true
  readonly name: GroupName
  /** Whether its partition has told of it since that one has started. */
  isTold = true
  isHere = false
  /** How many hand-outs it was sent in the present stream. */
  sent = 0
  /** How many it may be sent. */
  #credit = 0
  #subscription: Subscription
  readonly #broker: Broker
  readonly #way: MemberWay

  constructor(item: MemberItem, broker: Broker, way: MemberWay) {
    super(new ClientRights(unknownIdentity(item.clientId), UNRESTRICTED, broker), 1, broker)
    this.name = item.group
    this.#broker = broker
    this.#way = way
    this.exchanges.windowMax = CREDIT_MAX
    this.#subscription = subscriptionOf(item)
  }

  override get canTake(): boolean {
    return this.isHere && this.sent < this.#credit && !this.#way.isFull
  }

  #group(): ShareGroup | null {
    return this.#broker.subscriptions.groups.get(this.name)
  }

  /** It takes the place of a member of its name, or becomes one. */
  joins(item: MemberItem): void {
    this.#subscription = subscriptionOf(item)
    this.#broker.subscriptions.groups.join(this, this.#subscription)
  }

  leaves(): void {
    this.#broker.subscriptions.groups.leave(this, this.#subscription)
  }

  /** What its partition says of it. */
  updates({ isHere, credit }: MemberItem): void {
    const more = credit - this.#credit
    this.#credit = credit
    const group = this.#group()
    if (isHere !== this.isHere) {
      this.isHere = isHere
      if (isHere) group?.attached(this)
      else this.#loses(group)
    }
    this.#settles(group, more)
    this.pump()
  }

  /** Its partition has started, and will tell of it anew. */
  restarts(): void {
    this.isTold = false
    this.isHere = false
    this.#credit = 0
    this.sent = 0
    this.#loses(this.#group())
  }

  override take(delivery: Delivery): void {
    this.sent += 1
    this.#way.handOut(this, delivery)
  }

  /** Tells the groups that wait for it that it can take a message. */
  override pump(): void {
    this.memberships.tell(this)
  }

  #loses(group: ShareGroup | null): void {
    group?.detached(this)
    this.#settles(group, Infinity)
  }

  /** What it was handed counts as in flight until its partition gives it more credit. */
  #settles(group: ShareGroup | null, most: number): void {
    const inFlight = group?.memberOf(this.clientId)?.inFlightOfGroup ?? 0
    for (let left = Math.min(inFlight, most); left > 0; left--) group?.settled(this.clientId)
  }
}

function subscriptionOf({ group, weight, strategy }: MemberItem): Subscription {
  const { topicFilter, where, shareName } = group
  return {
    ...wholeSubscription(topicFilter, where),
    shareName,
    ...(weight !== null && { weight }),
    ...(strategy !== null && { strategy }),
  }
}
