// The PUBLISH packets of a connection wait: the broker is overloaded, a subscriber's queue has no room and the client cannot be told, or a
// hook has not answered, which holds SUBSCRIBE as well. Packets that need not wait are handled meanwhile: PINGREQ, and acknowledgements.

import type { Deadline, Deadlines } from '../broker/deadlines.ts'
import { WORK } from '../limits.ts'
import { decodeWithin } from '../packet/decode.ts'
import type { ConnectedClient } from './connected-client.ts'
import type { Connection } from './connection.ts'

// Reasons to hold, as bits.
const OVERLOADED = 1
const QUEUE_FULL = 2
const HOOK_ASKED = 4

/** How long a PUBLISH waits before the queues are looked at again. */
const RETRY_MS = 100

const PUBLISH = 3
const PUBACK = 4
const PUBCOMP = 7
const PINGREQ = 12

export class HeldPublishes implements Deadline {
  place: Deadline['place'] = undefined
  /** Whether a packet has arrived and waits. */
  isWaiting = false
  /** The bytes from that PUBLISH on that were searched for packets that need not wait. */
  searched = 0
  #reasons = 0
  readonly #deadlines: Deadlines
  readonly #retry: () => void

  /** `retry` is called when a full queue may have room again. */
  constructor(deadlines: Deadlines, retry: () => void) {
    this.#deadlines = deadlines
    this.#retry = retry
  }

  /** Whether this packet must wait. */
  stops(firstByte: number): boolean {
    if (this.#reasons === 0 || firstByte >> 4 !== PUBLISH) return false
    this.isWaiting = true
    return true
  }

  hold(reason: number): void {
    this.#reasons |= reason
  }

  /** A queue has no room for the PUBLISH that was just read. */
  waitForRoom(now: number): void {
    this.#reasons |= QUEUE_FULL
    this.isWaiting = true
    this.#deadlines.set(this, now + RETRY_MS)
  }

  /** A hook answers later about the packet that was just read. */
  waitForHook(): void {
    this.#reasons |= HOOK_ASKED
    this.isWaiting = true
  }

  get waitsForHook(): boolean {
    return (this.#reasons & HOOK_ASKED) !== 0
  }

  /** The reason does not apply any more. Returns whether a PUBLISH waited and may be handled now. */
  release(reason: number): boolean {
    this.#reasons &= ~reason
    if (this.#reasons !== 0 || !this.isWaiting) return false
    this.isWaiting = false
    this.searched = 0
    return true
  }

  expired(): void {
    this.#retry()
  }

  end(): void {
    this.#deadlines.clear(this)
  }
}

/** Whether a PUBLISH of the connection has arrived and waits. */
export function isHeld({ held }: Connection): boolean {
  return held !== null && held.isWaiting
}

/** Whether the packet that was just read must wait. Called only if one may have to. */
export function mustWait(connection: Connection, firstByte: number): boolean {
  if (firstByte >> 4 !== PUBLISH) return false
  if (isOverloadedBy(connection)) {
    heldOf(connection).hold(OVERLOADED)
    connection.context.broker.statistics.overload.publishersPaused += 1
  }
  return connection.held?.stops(firstByte) === true
}

/** Whether the broker can do no more for this publisher now. The last packets of a client that has gone are not held back. */
function isOverloadedBy({ state, context }: Connection): boolean {
  if (state.kind !== 'connected' || state.client.isUnanswered) return false
  const { pausesSome, pausesAll } = context.broker.overload
  return pausesAll || (pausesSome && state.client.spending?.isOverdrawn === true)
}

/** The broker can do more for this publisher. */
export function releaseOverloaded(connection: Connection): void {
  releasePublishes(connection, OVERLOADED)
}

/** Lets PUBLISH packets pass again, if there is no other reason to hold them. */
function releasePublishes(connection: Connection, reason: number): void {
  if (connection.held?.release(reason) !== true) return
  connection.heard()
  connection.host.requestProceed()
}

/** The PUBLISH that was just read found no room: it will be read again. */
export function waitForRoom(connection: Connection): null {
  const { broker } = connection.context
  broker.statistics.packetsReceived -= 1
  connection.framer.putBack()
  heldOf(connection).waitForRoom(broker.now)
  return null
}

/** The packet that was just read will be read again when the hook has answered. */
export function waitForHook(connection: Connection, client: ConnectedClient): null {
  const { statistics } = connection.context.broker
  statistics.packetsReceived -= 1
  statistics.hookWaits += 1
  connection.framer.putBack()
  heldOf(connection).waitForHook()
  const { hookDecisions } = client
  if (hookDecisions !== null) {
    hookDecisions.answered = () => releasePublishes(connection, HOOK_ASKED)
  }
  return null
}

function heldOf(connection: Connection): HeldPublishes {
  connection.held ??= new HeldPublishes(connection.context.broker.deadlines, () =>
    releasePublishes(connection, QUEUE_FULL),
  )
  return connection.held
}

/** Handles the packets behind a PUBLISH that waits, if they need not wait as well. */
export function proceedBehind(connection: Connection): void {
  const { framer, context, held } = connection
  const { broker } = context
  if (held === null) return
  const { taken, searched } = framer.takeBehind(maySkip, held.searched)
  held.searched = searched
  for (const bytes of taken) {
    const { state } = connection
    if (state.kind !== 'connected' || state.question !== null) return
    const packet = decodeWithin(bytes, 0, bytes.length, state.terms)
    if (packet.type === 'disconnect' || packet.type === 'auth') return
    const before = broker.journal.length
    broker.statistics.packetsReceived += 1
    state.client.handle(packet)
    const changes = broker.journal.length - before
    broker.turnWorkLeft -= WORK.packet + WORK.durableChange * changes
  }
}

/** Whether a packet may be handled before a PUBLISH that came before it: no order between them is required. */
function maySkip(firstByte: number): boolean {
  const type = firstByte >> 4
  return type === PINGREQ || (type >= PUBACK && type <= PUBCOMP)
}
