// The client of NATS with a connection that loses answers of publishes, and publishes, and does some of them late.

import type { Random } from '../../sim/random.ts'
import type { NatsConnection } from '../../src/store/jetstream/nats.ts'

interface Package {
  connect(options: object): Promise<NatsConnection>
}

type Request = NatsConnection['request']

/** `isLossy` is asked at each publish. Returns what loads the client. */
export function lossyNats(random: Random, isLossy: () => boolean): () => Promise<unknown> {
  return async () => {
    const nats = (await import('@nats-io/transport-node' as string)) as Package
    return {
      ...nats,
      connect: async (options: object) => {
        const connection = await nats.connect(options)
        const request: Request = connection.request.bind(connection)
        connection.request = (subject, payload, settings) => {
          assertBounded(subject, String(payload))
          return subject.startsWith('$JS') || !isLossy()
            ? request(subject, payload, settings)
            : lost(random, () => request(subject, payload, settings))
        }
        return connection
      },
    }
  }
}

/** A replicated stream may repeat a purge when a server of it starts, and must not remove newer messages then. */
function assertBounded(subject: string, request: string): void {
  if (subject.includes('.PURGE.') && !request.includes('"seq":'))
    throw new Error(`a purge without a sequence: ${request}`)
}

async function lost(random: Random, act: () => ReturnType<Request>): ReturnType<Request> {
  const late = (): void => void act().catch(() => {})
  switch (random.below(4)) {
    case 0:
      await act()
      break
    case 1:
      break
    case 2:
      setTimeout(late, random.below(30))
      break
    default:
      return act()
  }
  throw Object.assign(new Error('timeout'), { name: 'TimeoutError' })
}
