// What hooks have decided on the packet of a client. If they answer later, the packet is read again then, and finds their answer here.

import { type Admission, type Asker } from '../broker/admission.ts'
import { NotAdmitted } from '../broker/not-admitted.ts'
import type { Hooked, HookPoints } from '../broker/hook-points.ts'
import type { Message } from '../message.ts'
import type { PublishPacket } from '../packet/packet.ts'
import type { Subscription } from '../routing/subscription.ts'

/** What the hooks have made of each filter of a SUBSCRIBE. */
type Subscriptions = readonly (Subscription | NotAdmitted)[]

export class HookDecisions {
  /** Lets the packet be read again that waits. */
  answered: () => void = () => {}
  readonly #hooks: HookPoints
  readonly #rights: Asker
  #publish: Hooked | NotAdmitted | null = null
  #subscribe: Subscriptions | null = null

  constructor(hooks: HookPoints, rights: Asker) {
    this.#hooks = hooks
    this.#rights = rights
  }

  /** Returns what the hooks have made of the PUBLISH; null if there are none. */
  publish(said: PublishPacket, topic: string): Hooked | NotAdmitted | 'later' | null {
    const decided = this.#publish
    this.#publish = null
    const { publish } = this.#hooks
    if (decided !== null || publish === null) return decided
    const asked = { said, topic, asker: this.#rights, isWill: false }
    const answer = publish(asked, late => {
      this.keep(late)
      this.answered()
    })
    return answer ?? 'later'
  }

  /** The PUBLISH is read again for another reason. */
  keep(decided: Hooked | NotAdmitted): void {
    this.#publish = decided
  }

  /** Returns what the hooks have made of each filter. */
  subscribe(asked: readonly Subscription[]): Subscriptions | 'later' {
    const decided = this.#subscribe
    this.#subscribe = null
    if (decided !== null) return decided
    const answers: (Subscription | NotAdmitted)[] = [...asked]
    let open = 0
    for (const [index, subscription] of asked.entries()) {
      const answer = this.#hooks.subscribe?.(subscription, this.#rights, late => {
        answers[index] = late
        open -= 1
        if (open > 0) return
        this.#subscribe = answers
        this.answered()
      })
      if (answer === null) open += 1
      else if (answer !== undefined) answers[index] = answer
    }
    return open === 0 ? answers : 'later'
  }
}

/** Returns the message that the hooks have left, if it may be published. */
export function admittedFrom(
  hooked: Hooked | NotAdmitted,
  rights: Asker,
  admission: Admission,
): Message | NotAdmitted {
  if (hooked instanceof NotAdmitted) return hooked
  return admission.publish(hooked.said, hooked.topic, rights)
}
