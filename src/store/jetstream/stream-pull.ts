// Reads many messages of a stream in a row, in batches: a request for each costs ten times as much.

import type { NatsConnection, NatsMessage, NatsSubscription } from './nats.ts'

const BATCH = 512
const BATCH_BYTES = 8_388_608
/** Without a message for so long, the rest is asked for in another way. */
const STALL_MS = 3_000

/** `bytes` stay as they are. */
export type OnPulled = (sequence: number, subject: string, bytes: Uint8Array) => void

export class StreamPull {
  readonly #connection: NatsConnection
  readonly #requests: string
  readonly #inbox: string
  readonly #last: number
  readonly #onPulled: OnPulled
  #next: number
  /** Messages that were asked for and have not come. */
  #credit = 0
  #end: () => void = () => {}
  #timer: NodeJS.Timeout | undefined
  #failure: unknown = null

  /** `requests`: the subject on which the consumer takes requests. It begins at `first`. */
  constructor(
    connection: NatsConnection,
    { requests, inbox }: { readonly requests: string; readonly inbox: string },
    { first, last }: { readonly first: number; readonly last: number },
    onPulled: OnPulled,
  ) {
    this.#connection = connection
    this.#requests = requests
    this.#inbox = inbox
    this.#next = first
    this.#last = last
    this.#onPulled = onPulled
  }

  /** Passes on messages in order. Returns the sequence of the first one that did not come; throws what the callback throws. */
  async run(): Promise<number> {
    const subscription: NatsSubscription = this.#connection.subscribe(this.#inbox, {
      callback: (error, message) => this.#received(error, message),
    })
    await new Promise<void>(resolve => {
      this.#end = resolve
      this.#ask()
    })
    clearTimeout(this.#timer)
    subscription.unsubscribe()
    if (this.#failure !== null) throw this.#failure
    return this.#next
  }

  #ask(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#end(), STALL_MS)
    while (this.#credit < BATCH && this.#next + this.#credit <= this.#last) {
      const batch = Math.min(BATCH, this.#last + 1 - this.#next - this.#credit)
      const request = JSON.stringify({ batch, max_bytes: BATCH_BYTES, no_wait: true })
      this.#connection.publish(this.#requests, request, { reply: this.#inbox })
      this.#credit += batch
    }
  }

  #received(error: Error | null, message: NatsMessage): void {
    if (this.#next > this.#last || this.#failure !== null) return
    const sequence = sequenceIn(message.reply ?? '')
    // A status ends a batch before it is whole.
    if (error !== null || sequence !== this.#next) {
      this.#end()
      return
    }
    try {
      this.#onPulled(sequence, message.subject, message.data)
    } catch (thrown) {
      this.#failure = thrown
      this.#end()
      return
    }
    this.#next += 1
    this.#credit -= 1
    if (this.#next > this.#last) this.#end()
    else if (this.#credit <= BATCH / 2) this.#ask()
  }
}

/** `$JS.ACK.STREAM.CONSUMER.DELIVERED.SEQUENCE.…`, or with a domain and the hash of an account before STREAM. */
function sequenceIn(reply: string): number {
  const words = reply.split('.')
  return Number(words.length > 9 ? words[7] : words[5])
}
