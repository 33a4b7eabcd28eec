// Streams of one to three packets, made from the grammar and then changed, cut into chunks at random.

import { Random } from '../random.ts'
import type { Outcome, Target } from '../target.ts'
import { withoutParts } from '../target.ts'
import type { Version } from './grammar.ts'
import { mendLength, mutate } from './mutate.ts'
import {
  type Cut,
  OUR_CODEC,
  PacketChecks,
  type PacketCodec,
  type StreamTerms,
} from './packet-checks.ts'
import { PacketMaker } from './packet-maker.ts'
import { sizeOfPacket } from './reference-decoder.ts'

const VERSIONS: readonly Version[] = [3, 4, 5, 5]
const NO_LIMIT = 268_435_460
const BYTE_BY_BYTE_MAX = 200

export class PacketTarget implements Target {
  readonly name = 'packets'
  readonly unit = 'packets'
  readonly #random = new Random()
  readonly #maker = new PacketMaker(this.#random)
  readonly #checks: PacketChecks
  readonly #terms: StreamTerms = {
    version: 4,
    packetBytesMax: NO_LIMIT,
    userPropertiesMax: NO_LIMIT,
  }
  readonly #whole: Cut = (_at, length) => length
  readonly #oneByOne: Cut = at => at + 1
  readonly #anywhere: Cut = (at, length) => at + 1 + this.#random.below(length - at)

  constructor(codec: PacketCodec = OUR_CODEC) {
    this.#checks = new PacketChecks(codec)
  }

  get counts(): Readonly<Record<string, number>> {
    return { ...this.#checks.counts }
  }

  run(seed: number): Outcome {
    const random = this.#random
    const maker = this.#maker
    const terms = this.#terms
    random.seed(seed)
    terms.version = random.of(VERSIONS)
    terms.packetBytesMax = random.chance(50) ? random.below(300) : NO_LIMIT
    terms.userPropertiesMax = random.chance(20) ? random.below(4) : NO_LIMIT
    maker.reset()
    for (let count = random.chance(2) ? 1 : 2 + random.below(6); count > 0; count--)
      maker.make(random.chance(30) ? random.of(VERSIONS) : terms.version)
    if (random.chance(3)) this.#mutate()
    return this.#checks.check(maker.bytes, maker.length, terms, this.#cut())
  }

  get input(): string {
    const { version, packetBytesMax, userPropertiesMax } = this.#terms
    const hex = this.#maker.bytes.toString('hex', 0, this.#maker.length)
    return `${version} ${packetBytesMax} ${userPropertiesMax} ${hex}`
  }

  /** Checks the stream in one chunk, byte by byte, and in two parts. */
  replay(input: string): Outcome {
    const [version = '', packetBytesMax, userPropertiesMax, hex = ''] = input.split(' ')
    const bytes = Buffer.from(hex, 'hex')
    const terms: StreamTerms = {
      version: version === '3' ? 3 : version === '4' ? 4 : 5,
      packetBytesMax: Number(packetBytesMax),
      userPropertiesMax: Number(userPropertiesMax),
    }
    const check = (cut: Cut): Outcome => this.#checks.check(bytes, bytes.length, terms, cut)
    return (
      check(this.#whole) ??
      check(this.#oneByOne) ??
      check((at, length) => (at === 0 ? Math.ceil(length / 2) : length))
    )
  }

  *smaller(input: string): Iterable<string> {
    const [version, packetBytesMax, userPropertiesMax, hex = ''] = input.split(' ')
    const bytes = [...Buffer.from(hex, 'hex')]
    const terms = `${version} ${packetBytesMax} ${userPropertiesMax}`
    for (const fewer of withoutParts(packetsIn(Buffer.from(bytes))))
      yield `${terms} ${Buffer.concat(fewer).toString('hex')}`
    for (const fewer of withoutParts(bytes)) {
      const shorter = Buffer.from(fewer)
      const mended = Buffer.from(fewer)
      mendLength(mended, mended.length)
      yield `${terms} ${mended.toString('hex')}`
      yield `${terms} ${shorter.toString('hex')}`
    }
  }

  #mutate(): void {
    const { bytes } = this.#maker
    this.#maker.length = mutate(bytes, this.#maker.length, this.#random)
    if (this.#random.chance(2)) mendLength(bytes, this.#maker.length)
  }

  #cut(): Cut {
    const random = this.#random
    if (!random.chance(4)) return this.#whole
    return this.#maker.length < BYTE_BY_BYTE_MAX && random.chance(10)
      ? this.#oneByOne
      : this.#anywhere
  }
}

/** The packets of a stream, and what is left behind them. */
function packetsIn(stream: Buffer): readonly Buffer[] {
  const packets: Buffer[] = []
  let at = 0
  for (;;) {
    const size = sizeOfPacket(stream, at, stream.length, NO_LIMIT)
    if (size <= 0) return [...packets, stream.subarray(at)]
    packets.push(stream.subarray(at, at + size))
    at += size
  }
}
