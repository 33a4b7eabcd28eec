// A SUBSCRIBE or UNSUBSCRIBE with too many filters for one turn. All filters are checked, then all are processed, a few
// at a time. No other packet of the client is read meanwhile, and one answer is sent at the end.

import type { NotAdmitted } from '../broker/not-admitted.ts'
import type { Broker } from '../broker/broker.ts'
import { WORK } from '../limits.ts'
import type { FilterList } from '../packet/decode-filters.ts'
import { MalformedPacket } from '../packet/malformed.ts'
import { PROTOCOL_ERROR, type ReasonCode } from '../packet/reason.ts'
import type { Subscription } from '../routing/subscription.ts'
import {
  assertFilter,
  type Subscriber,
  Subscribing,
  Unsubscribing,
  workOfFilter,
} from './subscribe.ts'

/** The number of filters in one step. */
const STEP_FILTERS = 32

export class FilterWork {
  readonly list: FilterList
  readonly #subscribing: Subscribing
  readonly #unsubscribing: Unsubscribing
  readonly #broker: Broker
  readonly #subscriber: Subscriber
  #isChecked = false

  constructor(list: FilterList, subscriber: Subscriber, broker: Broker) {
    // [MQTT-3.8.3-2], [MQTT-3.10.3-2]
    if (list.isAtEnd) throw new MalformedPacket(PROTOCOL_ERROR, `${list.type} without a filter`)
    this.list = list
    this.#broker = broker
    this.#subscriber = subscriber
    this.#subscribing = new Subscribing(list.properties, subscriber, broker)
    this.#unsubscribing = new Unsubscribing(subscriber, broker)
  }

  get isOver(): boolean {
    return this.#isChecked && this.list.isAtEnd
  }

  /** What SUBACK says of it besides. */
  get reasonString(): string {
    return this.#subscribing.reasonString
  }

  get reasons(): readonly ReasonCode[] {
    return this.list.type === 'subscribe' ? this.#subscribing.reasons : this.#unsubscribing.reasons
  }

  /** Returns all filters, when it is over. */
  filters(): readonly string[] {
    const found: string[] = []
    this.list.rewind()
    while (!this.list.isAtEnd) {
      found.push(
        this.list.type === 'subscribe' ? this.list.nextRequest().filter : this.list.nextFilter(),
      )
    }
    return found
  }

  /** Processes the next few filters. Returns their work, without durable changes. */
  step(): number {
    let work = 0
    for (let count = 0; count < STEP_FILTERS && !this.list.isAtEnd; count++) {
      work += this.#isChecked ? this.#enter() : this.#check()
    }
    if (!this.#isChecked && this.list.isAtEnd) {
      this.#isChecked = true
      this.list.rewind()
    }
    return work
  }

  #check(): number {
    if (this.list.type === 'unsubscribe') {
      const filter = this.list.nextFilter()
      assertFilter(this.#broker.expressions.dividedFilter(filter).filter)
      return workOfFilter(filter) - WORK.filter + 1
    }
    const { filter } = this.#subscribing.check(this.list.nextRequest())
    return workOfFilter(filter) - WORK.filter + 1
  }

  /** Returns what the hooks have made of it. They must answer at once, because the packet is not read again. */
  #hooked(subscription: Subscription): Subscription | NotAdmitted {
    const { subscribe } = this.#broker.hooks
    return subscribe?.(subscription, this.#subscriber.session.rights, null) ?? subscription
  }

  #enter(): number {
    if (this.list.type === 'unsubscribe') {
      const filter = this.list.nextFilter()
      this.#unsubscribing.remove(filter)
      return workOfFilter(filter)
    }
    const subscription = this.#subscribing.check(this.list.nextRequest())
    this.#subscribing.enter(this.#hooked(subscription), subscription.filter)
    return workOfFilter(subscription.filter)
  }
}
