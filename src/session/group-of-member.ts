// What a session knows of the share groups that it is a member of.

import type { DeliveryOrigin } from './delivery.ts'
import type { Session } from './session.ts'

/** A share group, as its member sees it. */
export interface GroupOfMember extends DeliveryOrigin {
  /** The member can take a message: the group may hand it one. */
  ready(session: Session): void
  attached(session: Session): void
  detached(session: Session): void
  /** A member's durability has changed. */
  membershipChanged(): void
}
