// The protocol between a share group, or a named queue, and the sessions of its members. The group makes all decisions. A session only reports
// events; the group calls sessions to take messages or to give some back.
//
// A session reports                        when
//   group.attached(session)                its client has connected
//   group.detached(session)                its client has disconnected
//   group.ready(session)                   it can take a message: once after each `memberships.awaits(group)`
//   group.settled(clientId, delivery)      one delivery of the group was acknowledged or dropped
//   group.refused(clientId, delivery)      it was not taken: a share group has it settled, a named queue takes it back
//   group.ending(exchanges)                the session ends while deliveries of the group are in flight
//
// A group calls                            when
//   session.memberships.joined, .left      a member subscribes or unsubscribes
//   session.memberships.awaits(group)      the member cannot take a message now
//   session.canTake, session.take(…)       it has chosen the member for a message; only after `canTake` was true
//   exchanges.giveBack(group)              the member's client is not connected and another member's is, or the member leaves: returns
//                                          the deliveries, which the group queues again
//
// A session may still have deliveries of a group in flight after it has left the group. It reports `settled` and `ending` for
// those as well.

import type { DeliveryOrigin } from '../delivery.ts'

/** A share group, as its member sees it. */
export interface GroupOfMember<Member> extends DeliveryOrigin {
  attached(member: Member): void
  detached(member: Member): void
  ready(member: Member): void
}
