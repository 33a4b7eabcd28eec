// Follows the messages of a topic filter: who received each, who was sent it, where it waits, why it was dropped, when it was acknowledged.

import type { Broker } from '../broker/broker.ts'
import type { Events, Observer } from '../broker/observer.ts'
import type { Message } from '../message.ts'
import { DROP_WORDS } from '../observe/drop-words.ts'
import { shortened } from '../packet/text.ts'
import { isHiddenFromWildcards, topicMatches } from '../routing/topic.ts'
import { Session } from '../session/session.ts'
import { ShareGroup } from '../session/share-group/share-group.ts'
import type { DropReason } from '../session/session-context.ts'
import type { Target } from '../session/target.ts'
import { shownPayload } from './packet-line.ts'
import { NO_DETAILS, type Trace, type TraceLine } from './trace.ts'

const RECEIVERS_MAX = 32
const MESSAGES_MAX = 1_000
const MESSAGES_A_SECOND_MAX = 200
const SECOND_MS = 1_000
const NAME_BYTES_MAX = 128

/** A message that is followed. */
interface Followed {
  /** Its receivers that have a line. */
  readonly receivers: Set<string>
}

export class MessageTrace implements Observer {
  readonly #trace: Trace
  readonly #filter: string
  readonly #clientId: string | null
  readonly #broker: Broker
  readonly #now: () => number
  /** Messages that are older are not followed from their beginning. */
  readonly #firstSequence: number
  /** By the number of the message, oldest first. */
  readonly #followed = new Map<number, Followed>()
  #second = { start: 0, messages: 0 }
  #lastLeftOut = 0

  constructor(trace: Trace, filter: string, broker: Broker, now: () => number) {
    this.#trace = trace
    this.#filter = filter
    this.#clientId = trace.request.clientId
    this.#broker = broker
    this.#now = now
    this.#firstSequence = broker.nextSequence()
  }

  published(message: Message, receivers: number): void {
    const followed = this.#follow(message)
    if (followed === null) return
    for (const { target } of this.#broker.subscriptions.router.match(message.topic)) {
      this.#tellOf(target, message, followed)
    }
    const text = receivers === 1 ? '1 receiver' : `${receivers} receivers`
    this.#add({ kind: 'matched', text }, message)
  }

  sent(clientId: string, message: Message, duplicate: boolean): void {
    this.#step('sent', clientId, message, duplicate ? 'again' : '')
  }

  acknowledged(clientId: string, message: Message): void {
    this.#step('acknowledged', clientId, message, '')
  }

  dropped(reason: DropReason, message: Message, clientId: string | null): void {
    const text = `${reason}: ${DROP_WORDS[reason].cause}`
    this.#step('dropped', clientId ?? 'a share group', message, text)
  }

  publishRefused(...[clientId, topic, , sentence, rule]: Events['publishRefused']): void {
    if (!this.#matches(topic) || !this.#isAsked(clientId, null)) return
    const text = rule === null ? sentence : `${sentence} (${rule})`
    const details = { ...NO_DETAILS, clientId: cut(clientId), topic: cut(topic), text }
    this.#trace.add({ ...details, at: this.#now(), kind: 'publish-refused' })
  }

  /** What the events of QoS 1 and 2 do not tell: QoS 0, and what waits. */
  #tellOf(target: Target, message: Message, followed: Followed): void {
    if (target instanceof ShareGroup) {
      const { queue, owner } = target
      const name = `$share/${owner.shareName}/${owner.topicFilter}`
      const waits = queue.messages > 0
      const text = waits ? `waits as one of ${queue.messages}` : 'handed to a member'
      this.#tell(waits ? 'queued' : 'sent', name, message, followed, text)
    } else if (target instanceof Session) {
      const { clientId, queuedMessages } = target
      if (followed.receivers.has(clientId)) return
      const isOwn = clientId === message.publisher
      const waits = queuedMessages > 0
      const sent = isOwn ? 'sent, unless its subscription has No Local' : ''
      const text = waits ? `waits as one of ${queuedMessages}` : sent
      this.#tell(waits ? 'queued' : 'sent', clientId, message, followed, text)
    }
  }

  #step(kind: string, clientId: string, message: Message, text: string): void {
    const followed = this.#follow(message)
    if (followed !== null) this.#tell(kind, clientId, message, followed, text)
  }

  #tell(kind: string, clientId: string, message: Message, followed: Followed, text: string): void {
    const { receivers } = followed
    if (!receivers.has(clientId)) {
      if (receivers.size === RECEIVERS_MAX || !this.#isAsked(message.publisher, clientId)) return
      receivers.add(clientId)
    }
    this.#add({ kind, clientId: cut(clientId), text }, message)
  }

  /** Returns what is kept of a message that is followed, or null. A new one gets its first line. */
  #follow(message: Message): Followed | null {
    const { topic, sequence, publisher } = message
    if (!this.#matches(topic)) return null
    const known = this.#followed.get(sequence)
    if (known !== undefined) return known
    if (this.#broker.retained.isAnnounced(message)) return null
    const isOld = sequence <= this.#firstSequence
    if (!isOld && !this.#hasRoom(message)) return null
    const followed = { receivers: new Set<string>() }
    this.#followed.set(sequence, followed)
    const [oldest] = this.#followed.keys()
    if (this.#followed.size > MESSAGES_MAX && oldest !== undefined) this.#followed.delete(oldest)
    if (isOld) return followed
    this.#add({ kind: 'received', clientId: publisher === null ? null : cut(publisher) }, message)
    return followed
  }

  /** Whether one more message may be followed in this second. One that is not is not followed later either. */
  #hasRoom({ sequence }: Message): boolean {
    const now = this.#now()
    if (now - this.#second.start >= SECOND_MS) this.#second = { start: now, messages: 0 }
    this.#second.messages += 1
    if (this.#second.messages <= MESSAGES_A_SECOND_MAX) return true
    if (this.#lastLeftOut !== sequence) this.#trace.leftOut += 1
    this.#lastLeftOut = sequence
    return false
  }

  #matches(topic: string): boolean {
    if (!topicMatches(this.#filter, topic)) return false
    return !isHiddenFromWildcards(topic) || this.#filter.startsWith('$')
  }

  #isAsked(publisher: string | null, receiver: string | null): boolean {
    const asked = this.#clientId
    return asked === null || asked === publisher || asked === receiver
  }

  #add(line: Partial<TraceLine> & Pick<TraceLine, 'kind'>, message: Message): void {
    const { topic, qos, sequence, payload } = message
    const isFirst = line.kind === 'received'
    const shown = isFirst ? { payloadBytes: payload.length, ...shownPayload(payload) } : {}
    const details = { ...NO_DETAILS, topic: cut(topic), qos, sequence, ...shown }
    this.#trace.add({ ...details, ...line, at: this.#now() })
  }
}

function cut(text: string): string {
  return shortened(text, NAME_BYTES_MAX)
}
