// How a share group and the sessions of its members speak to each other. The group leads. A session reports what has
// happened to it and does nothing more about the group; the group decides, and asks sessions to take messages or to give
// some back.
//
// A session reports                        when
//   group.attached(session)                its client has come
//   group.detached(session)                its client has gone
//   group.ready(session)                   it can take a message: once after each `memberships.awaits(group)`
//   group.settled(clientId)                one delivery of the group is over: acknowledged, or dropped
//   group.ending(exchanges)                it is over, and deliveries of the group are still in flight
//
// A group asks                             when
//   session.memberships.joined, .left      a member subscribes or unsubscribes
//   session.memberships.awaits(group)      the member can take nothing at the moment
//   session.canTake, session.take(…)       it has chosen the member for a message; only after `canTake` was true
//   exchanges.giveBack(group)              the member's client is away and others are there, or the member ends: answers with
//                                          the deliveries, which the group queues again
//
// A session may have deliveries of a group in flight that it is no member of any more: it reports `settled` and `ending` of
// those as well.

import type { DeliveryOrigin } from './delivery.ts'

/** A share group, as its member sees it. */
export interface GroupOfMember<Member> extends DeliveryOrigin {
  attached(member: Member): void
  detached(member: Member): void
  ready(member: Member): void
}
