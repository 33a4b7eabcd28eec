// What clients do, as it happens, for the person at the terminal: subscriptions and messages, a few lines a second. Connections are lines
// of the log.

import type { Events, Observer } from '../../broker/observer.ts'
import type { Observers } from '../../broker/observers.ts'
import type { Message } from '../../message.ts'
import { prettyLine } from '../../observe/pretty-stream.ts'

/** Lines that may come at once. After them one line a second, with the number of those between. */
const LINES_AT_ONCE_MAX = 20
const TICK_MS = 1_000
/** `$SYS` is the broker's own. */
const OWN = '$SYS/'

interface LiveEventsOptions {
  readonly observers: Observers
  readonly write: (text: string) => void
  /** Whether somebody else tells of subscriptions now. */
  readonly skipsSubscriptions: () => boolean
  /** The number of messages that clients have sent. */
  readonly messagesReceived: () => number
}

export class LiveEvents {
  readonly #options: LiveEventsOptions
  readonly #subscriptions: Observer = { subscribed: (...args) => this.#subscribed(...args) }
  readonly #messages: Observer = { published: (...args) => this.#published(...args) }
  readonly #ticks: NodeJS.Timeout
  #subscriptionLines = LINES_AT_ONCE_MAX
  #subscriptionsUnshown = 0
  #messageLines = LINES_AT_ONCE_MAX
  /** How many messages there were when messages were last watched; null while they are. */
  #unwatchedSince: number | null = null
  #isFirstMessage = true

  constructor(options: LiveEventsOptions) {
    this.#options = options
    options.observers.add(this.#subscriptions)
    options.observers.add(this.#messages)
    this.#ticks = setInterval(() => this.tick(), TICK_MS).unref()
  }

  close(): void {
    clearInterval(this.#ticks)
    const { observers } = this.#options
    observers.remove(this.#subscriptions)
    observers.remove(this.#messages)
  }

  /** Each second: tells how much was not shown, and has room for one line more. */
  tick(): void {
    this.#subscriptionLines = Math.min(this.#subscriptionLines + 1, LINES_AT_ONCE_MAX)
    this.#messageLines = Math.min(this.#messageLines + 1, LINES_AT_ONCE_MAX)
    this.#tellUnshown(this.#subscriptionsUnshown, 'subscriptions')
    this.#subscriptionsUnshown = 0
    if (this.#unwatchedSince === null) return
    const { messagesReceived, observers } = this.#options
    this.#tellUnshown(messagesReceived() - this.#unwatchedSince, 'messages')
    this.#unwatchedSince = null
    observers.add(this.#messages)
  }

  #subscribed(...[clientId, { filter, qos }]: Events['subscribed']): void {
    if (this.#options.skipsSubscriptions()) return
    if (this.#subscriptionLines === 0) {
      this.#subscriptionsUnshown += 1
      return
    }
    this.#subscriptionLines -= 1
    this.#write({ clientId, msg: 'subscribed', cause: `${filter}  QoS ${qos}` })
  }

  #published(message: Message, receivers: number): void {
    if (message.publisher === null && message.topic.startsWith(OWN)) return
    this.#messageLines -= 1
    this.#write({
      clientId: message.publisher ?? 'the broker',
      msg: 'published',
      cause: `${message.topic}  ${bytesOf(message)} → ${clients(receivers)}${this.#praise()}`,
    })
    if (this.#messageLines > 0) return
    // Messages may come in floods. While there is no line for them, they are not even looked at.
    const { observers, messagesReceived } = this.#options
    observers.remove(this.#messages)
    this.#unwatchedSince = messagesReceived()
  }

  #praise(): string {
    const isFirst = this.#isFirstMessage
    this.#isFirstMessage = false
    return isFirst ? '   (the first message)' : ''
  }

  #tellUnshown(count: number, what: string): void {
    if (count > 0) this.#write({ msg: `and ${count.toLocaleString('en')} more ${what}` })
  }

  #write(line: { clientId?: string; msg: string; cause?: string }): void {
    this.#options.write(`${prettyLine(line)}\n`)
  }
}

function bytesOf({ payload, retain }: Message): string {
  const { length } = payload
  return `${length.toLocaleString('en')} ${length === 1 ? 'byte' : 'bytes'}${retain ? ', retained' : ''}`
}

function clients(receivers: number): string {
  if (receivers === 0) return 'nobody'
  return `${receivers.toLocaleString('en')} ${receivers === 1 ? 'client' : 'clients'}`
}
