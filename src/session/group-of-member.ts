// What a session knows of the share groups that it is a member of.

import type { DeliveryOrigin } from './delivery.ts'

/** A share group, as its member sees it. */
export interface GroupOfMember<Member> extends DeliveryOrigin {
  /** The member can take a message: the group may hand it one. Told once after each `awaits`. */
  ready(member: Member): void
  attached(member: Member): void
  detached(member: Member): void
}
