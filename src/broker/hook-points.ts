// Where hooks of the embedding program decide on what passes. A point without a hook is null: it costs one property access.

import type { Message, Publishable } from '../message.ts'
import type { QoS } from '../packet/packet.ts'
import type { Subscription } from '../routing/subscription.ts'
import type { Asker } from './admission.ts'
import type { NotAdmitted } from './not-admitted.ts'

/** What the hooks have made of a publication. The rights are checked on this. */
export interface Hooked {
  readonly topic: string
  /** Its bytes are not lent. */
  readonly said: Publishable
}

/** A PUBLISH of a client, its will that is due, or a publication over the REST API. */
export interface Publishing extends Hooked {
  readonly asker: Asker
  readonly isWill: boolean
}

/** Is called in a turn, never before the question has returned. */
type Later<Answer> = (answer: Answer) => void

export interface HookPoints {
  /** Null: the answer comes later. */
  publish:
    | ((publishing: Publishing, later: Later<Hooked | NotAdmitted>) => Hooked | NotAdmitted | null)
    | null
  /** Null: the answer comes later. With null for `later` it must come at once. */
  subscribe:
    | ((
        subscription: Subscription,
        asker: Asker,
        later: Later<Subscription | NotAdmitted> | null,
      ) => Subscription | NotAdmitted | null)
    | null
  /** Returns what is sent to this receiver; null for nothing. */
  deliver:
    ((message: Message, clientId: string, qos: QoS, duplicate: boolean) => Message | null) | null
}
