// The memory of large PUBLISH packets, which is used again when the packet was read, every socket has taken its payload and nobody
// keeps the message. Fresh memory costs page faults, and each 64 MiB of it a collection of the whole heap.

import { LARGE_BYTES_MIN } from './sizes.ts'

/** What a packet has beside a payload, mostly: payloads of a power of two fit into half of what they would need otherwise. */
const HEAD_BYTES = 1_024
/** The sizes of the memory. Packets above the last get memory that is not used again. */
const SIZES = [32_768, 65_536, 131_072, 262_144, 524_288, 1_048_576].map(
  bytes => bytes + HEAD_BYTES,
)
/** Of all sizes. Half of what V8 lets lie as garbage before it collects. */
const KEPT_BYTES_MAX = 33_554_432

const QOS_BITS = 0x06
const QOS0_NOT_RETAINED = 0x30

const LOANS = new WeakMap<ArrayBufferLike, PacketLoan>()

/** Returns the loan that the payload lies in, or null. Loans that nobody gives back are forgotten with their memory. */
export function loanOf(payload: Buffer): PacketLoan | null {
  return payload.length < LARGE_BYTES_MIN ? null : (LOANS.get(payload.buffer) ?? null)
}

/** Memory that is lent to one packet. A holder that never releases it leaves it to the garbage collector. */
export class PacketLoan {
  readonly memory: Buffer
  /** Whether the message may be kept: at QoS 0 it never is. */
  mayBeKept = false
  readonly #home: PacketMemory
  #holders = 0

  constructor(memory: Buffer, home: PacketMemory) {
    this.memory = memory
    this.#home = home
  }

  get isHeld(): boolean {
    return this.#holders > 0
  }

  hold(): void {
    this.#holders += 1
  }

  /** The holder does not read the memory any more. */
  release(): void {
    this.#holders -= 1
    if (this.#holders === 0) this.#home.give(this)
  }
}

/**
 * Each broker has one. The holders are framer and outboxes, and the memory account for the windows and queues that keep a message of QoS 1
 * or 2. Whoever else keeps one beyond the turn copies it, as those of QoS 0: see `withOwnBytes`.
 */
export class PacketMemory {
  readonly #kept: readonly PacketLoan[][] = SIZES.map(() => [])
  /** Loans of messages that nobody keeps, or that are just going from one keeper to another. */
  #returned: PacketLoan[] = []
  #keptBytes = 0
  /** How often memory was made because none was kept: what tests count. */
  made = 0

  /** Returns a loan for a packet with this first byte and size, held by the caller; null if its memory is not to be used again. */
  take(firstByte: number, size: number): PacketLoan | null {
    if ((firstByte & ~QOS_BITS) !== QOS0_NOT_RETAINED || size < LARGE_BYTES_MIN) return null
    const index = SIZES.findIndex(bytes => bytes >= size)
    if (index < 0) return null
    const loan = this.#taken(this.#kept[index]) ?? this.#make(SIZES[index] ?? size)
    loan.mayBeKept = firstByte !== QOS0_NOT_RETAINED
    loan.hold()
    return loan
  }

  /** Called by the loan, without a holder. */
  give(loan: PacketLoan): void {
    if (loan.mayBeKept) this.#returned.push(loan)
    else this.#keep(loan)
  }

  /** Takes the memory of messages that nobody has kept in this turn. */
  turnEnded(): void {
    if (this.#returned.length === 0) return
    const returned = new Set(this.#returned)
    this.#returned = []
    for (const loan of returned) if (!loan.isHeld) this.#keep(loan)
  }

  #keep(loan: PacketLoan): void {
    const { length } = loan.memory
    const kept = this.#kept[SIZES.indexOf(length)]
    if (kept === undefined) return
    kept.push(loan)
    this.#keptBytes += length
    // Sizes that were in use before make room for this one.
    for (const others of this.#kept) {
      if (this.#keptBytes <= KEPT_BYTES_MAX) return
      if (others !== kept) this.#taken(others)
    }
    while (this.#keptBytes > KEPT_BYTES_MAX) this.#taken(kept)
  }

  #taken(kept: PacketLoan[] | undefined): PacketLoan | undefined {
    const loan = kept?.pop()
    if (loan !== undefined) this.#keptBytes -= loan.memory.length
    return loan
  }

  #make(bytes: number): PacketLoan {
    this.made += 1
    const memory = Buffer.allocUnsafeSlow(bytes)
    const loan = new PacketLoan(memory, this)
    LOANS.set(memory.buffer, loan)
    return loan
  }
}
