// The limits of decoding before and after CONNECT. All connections share these objects.

import type { Limits } from '../limits.ts'
import type { PacketLimit } from '../packet/framer.ts'
import type { ProtocolVersion, ReadingTerms } from '../packet/packet.ts'

export class ReadingLimits {
  readonly beforeConnect: PacketLimit
  readonly whenConnected: PacketLimit
  readonly #terms: Readonly<Record<ProtocolVersion, ReadingTerms>>

  constructor({ connectPacketBytesMax, packetBytesMax, userPropertiesMax }: Limits) {
    this.beforeConnect = { bytesMax: connectPacketBytesMax, name: 'limits.connectPacketBytesMax' }
    this.whenConnected = { bytesMax: packetBytesMax, name: 'limits.packetBytesMax' }
    this.#terms = {
      3: { version: 3, userPropertiesMax },
      4: { version: 4, userPropertiesMax },
      5: { version: 5, userPropertiesMax },
    }
  }

  /** Returns the terms for a version. A CONNECT contains its own version. */
  termsOf(version: ProtocolVersion): ReadingTerms {
    return this.#terms[version]
  }
}
