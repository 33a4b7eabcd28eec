// Announces the broker in the local network by mDNS, as `_mqtt._tcp`, if the package bonjour-service is installed: an optional peer.

import { hostname } from 'node:os'
import { thrownSentence } from '../thrown.ts'

const PACKAGE = 'bonjour-service'

/** What is used of the package. */
interface Bonjour {
  publish(service: { name: string; type: string; port: number }): unknown
  unpublishAll(done: () => void): void
  destroy(): void
}

interface BonjourPackage {
  readonly Bonjour: new (options: object, failed: (error: Error) => void) => Bonjour
}

export interface Announcement {
  /** What to say about it. */
  readonly sentence: string
  readonly stop: () => Promise<void>
}

/** Never rejects: a broker that nobody finds by itself is a broker. */
export async function announced(
  port: number,
  load: () => Promise<unknown> = () => import(PACKAGE),
): Promise<Announcement> {
  const stop = async (): Promise<void> => {}
  let found: BonjourPackage
  try {
    // Its types are not here, because it is not installed with this package.
    found = (await load()) as BonjourPackage
  } catch {
    const sentence = `Not announced by mDNS: ${PACKAGE} is not installed (npm install ${PACKAGE}).`
    return { sentence, stop }
  }
  try {
    // What fails later concerns the network, and not the broker.
    const bonjour = new found.Bonjour({}, () => {})
    bonjour.publish({ name: `Pondhawk on ${hostname()}`, type: 'mqtt', port })
    return {
      sentence: 'Announced by mDNS as _mqtt._tcp.',
      stop: () =>
        new Promise(settle => {
          const timer = setTimeout(settle, STOP_MS_MAX)
          bonjour.unpublishAll(() => {
            clearTimeout(timer)
            bonjour.destroy()
            settle()
          })
        }),
    }
  } catch (error) {
    const cause = thrownSentence(error)
    return { sentence: `Not announced by mDNS: ${cause}.`, stop }
  }
}

const STOP_MS_MAX = 1_000
