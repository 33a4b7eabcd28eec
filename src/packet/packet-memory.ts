// The memory of large PUBLISH packets of QoS 0, which is used again when the packet was read and every socket has taken its
// payload. Fresh memory costs page faults, and each 64 MiB of it a collection of the whole heap.

import { LARGE_BYTES_MIN } from './sizes.ts'

/** What a packet has beside a payload, mostly: payloads of a power of two fit into half of what they would need otherwise. */
const HEAD_BYTES = 1_024
/** The sizes of the memory. Packets above the last get memory that is not used again. */
const SIZES = [32_768, 65_536, 131_072, 262_144, 524_288, 1_048_576].map(
  bytes => bytes + HEAD_BYTES,
)
/** Of each size, in bytes. */
const KEPT_BYTES_MAX = 2_097_152

const QOS0_NOT_RETAINED = 0x30

/** Memory that is lent to one packet. A holder that never releases it leaves it to the garbage collector. */
export class PacketLoan {
  readonly memory: Buffer
  readonly #home: PacketMemory
  #holders = 0

  constructor(memory: Buffer, home: PacketMemory) {
    this.memory = memory
    this.#home = home
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

/** Each broker has one. Who keeps a payload of QoS 0 beyond the turn copies it, so the only holders are framer and outboxes. */
export class PacketMemory {
  readonly #kept: readonly PacketLoan[][] = SIZES.map(() => [])
  /** By the memory, so that an outbox finds the loan of a payload. Loans that nobody gives back are forgotten with it. */
  readonly #loans = new WeakMap<ArrayBufferLike, PacketLoan>()
  /** How often memory was made because none was kept: what tests count. */
  made = 0

  /** Returns a loan for a packet with this first byte and size, held by the caller; null if its memory is not to be used again. */
  take(firstByte: number, size: number): PacketLoan | null {
    if (firstByte !== QOS0_NOT_RETAINED || size < LARGE_BYTES_MIN) return null
    const index = SIZES.findIndex(bytes => bytes >= size)
    if (index < 0) return null
    const loan = this.#kept[index]?.pop() ?? this.#make(SIZES[index] ?? size)
    loan.hold()
    return loan
  }

  /** Returns the loan that the payload lies in, or null. */
  loanOf(payload: Buffer): PacketLoan | null {
    return this.#loans.get(payload.buffer) ?? null
  }

  give(loan: PacketLoan): void {
    const { length } = loan.memory
    const kept = this.#kept[SIZES.indexOf(length)]
    if (kept !== undefined && kept.length * length < KEPT_BYTES_MAX) kept.push(loan)
  }

  #make(bytes: number): PacketLoan {
    this.made += 1
    const memory = Buffer.allocUnsafeSlow(bytes)
    const loan = new PacketLoan(memory, this)
    this.#loans.set(memory.buffer, loan)
    return loan
  }
}
