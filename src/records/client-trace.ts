// Follows one client: its packets in both directions, and what happens to it.

import type { ClientFacts, EndedBy, Events, Observer } from '../broker/observer.ts'
import type { Message } from '../message.ts'
import { DROP_WORDS } from '../observe/drop-words.ts'
import type { ProtocolVersion } from '../packet/packet.ts'
import { type ReasonCode, reasonName } from '../packet/reason.ts'
import { shortened } from '../packet/text.ts'
import type { DropReason } from '../session/session-context.ts'
import { packetLine } from './packet-line.ts'
import { PacketPieces } from './packet-pieces.ts'
import { NO_DETAILS, type Trace, type TraceLine } from './trace.ts'

/** A socket, as a trace sees it. */
export interface TappedSocket {
  readonly connection: { readonly clientId: string | null; readonly facts: ClientFacts }
  tap: {
    received(chunk: Uint8Array, isAtPacket: boolean): void
    sent(pieces: readonly Uint8Array[]): void
  } | null
}

const TEXT_BYTES_MAX = 256
const NAME_BYTES_MAX = 128

export class ClientTrace implements Observer {
  readonly #trace: Trace
  readonly #clientId: string
  readonly #now: () => number
  readonly #sockets: () => Iterable<TappedSocket>
  #tapped: TappedSocket | null = null

  constructor(
    trace: Trace,
    clientId: string,
    now: () => number,
    sockets: () => Iterable<TappedSocket>,
  ) {
    this.#trace = trace
    this.#clientId = clientId
    this.#now = now
    this.#sockets = sockets
    this.#tapSocket()
  }

  end(): void {
    if (this.#tapped !== null) this.#tapped.tap = null
    this.#tapped = null
  }

  connected(client: ClientFacts, sessionPresent: boolean): void {
    if (client.clientId !== this.#clientId) return
    const { username, address, transport } = client
    const who = username === null ? '' : ` as ${username}`
    const session = sessionPresent ? 'its session continues' : 'with a new session'
    this.#add('connected', `from ${address} (${transport})${who}, ${session}`)
    this.end()
    this.#tapSocket()
  }

  disconnected(client: ClientFacts, reason: ReasonCode, sentence: string, by: EndedBy): void {
    if (client.clientId !== this.#clientId) return
    this.#add('disconnected', `by ${by}: ${sentence} (${reasonName(reason)})`)
  }

  refused(client: ClientFacts, reason: ReasonCode, sentence: string): void {
    if (client.clientId !== this.#clientId) return
    this.#add('refused', `from ${client.address}: ${sentence} (${reasonName(reason)})`)
  }

  publishRefused(...[clientId, topic, , sentence, rule]: Events['publishRefused']): void {
    if (clientId !== this.#clientId) return
    this.#add('publish-refused', rule === null ? sentence : `${sentence} (${rule})`, topic)
  }

  subscribeRefused(...[clientId, filter, , sentence, rule]: Events['subscribeRefused']): void {
    if (clientId !== this.#clientId) return
    this.#add('subscribe-refused', rule === null ? sentence : `${sentence} (${rule})`, filter)
  }

  publishHeld(...[clientId, topic, sentence]: Events['publishHeld']): void {
    if (clientId === this.#clientId) this.#add('publish-held', sentence, topic)
  }

  slowed(clientId: string, limit: string): void {
    if (clientId === this.#clientId) this.#add('slowed', `limits.${limit}`)
  }

  dropped(reason: DropReason, { topic }: Message, clientId: string | null): void {
    if (clientId !== this.#clientId) return
    this.#add('dropped', `${reason}: ${DROP_WORDS[reason].cause}`, topic)
  }

  /** Begins to hear the packets of the client's connection, if it has one. */
  #tapSocket(): void {
    for (const socket of this.#sockets()) {
      const { connection } = socket
      if (connection.clientId !== this.#clientId || connection.facts.version === null) continue
      const { version } = connection.facts
      const received = this.#pieces('in', version)
      const sent = this.#pieces('out', version)
      let isAligned = false
      socket.tap = {
        received: (chunk, isAtPacket) => {
          isAligned ||= isAtPacket
          if (isAligned) received.push(chunk)
        },
        sent: pieces => {
          for (const piece of pieces) sent.push(piece)
        },
      }
      this.#tapped = socket
    }
  }

  #pieces(direction: 'in' | 'out', version: ProtocolVersion): PacketPieces {
    return new PacketPieces((head, packetBytes) => {
      const { type, text, topic, qos, packetId, ...payload } = packetLine(
        head,
        packetBytes,
        version,
      )
      const { payloadBytes, encoding } = payload
      const about = { topic, qos, packetId, payloadBytes, payload: payload.payload, encoding }
      this.#trace.add({ ...this.#line(type, text), ...about, direction })
    })
  }

  #add(kind: string, text: string, topic: string | null = null): void {
    const shown = topic === null ? null : shortened(topic, NAME_BYTES_MAX)
    this.#trace.add({ ...this.#line(kind, text), topic: shown })
  }

  #line(kind: string, text: string): TraceLine {
    const clientId = shortened(this.#clientId, NAME_BYTES_MAX)
    const cut = shortened(text, TEXT_BYTES_MAX)
    return { ...NO_DETAILS, at: this.#now(), kind, clientId, text: cut }
  }
}
