// Ways to fill a broker's memory. Each one continues until it is refused, or until it has made more than it should be able to.

import { NO_PROPERTIES, type Properties, type UserProperty } from '../src/packet/packet.ts'
import { MemoryClient } from './memory-client.ts'

export interface Filling {
  readonly name: string
  readonly limits?: Readonly<Record<string, number>>
  /** Returns how many items it has made. */
  fill(port: number, hasEnded: () => boolean): Promise<number>
}

const LONG = 'y'.repeat(60_000)
/** One character beyond Latin-1 doubles the memory of the whole text. */
const WIDE = `${'y'.repeat(29_998)}\u{1f985}`
const SMALL = Buffer.from('0123456789abcdef')
const MANY = 60_000
const REFUSALS_MAX = 20

const LARGE_PROPERTIES: Properties = { userProperties: pairs(16, 60_000) }
const MANY_PROPERTIES: Properties = { userProperties: pairs(100, 4) }

export const FILLINGS: readonly Filling[] = [
  retained('retained-long-topics', index => `${index}/${LONG}`, NO_PROPERTIES),
  retained('retained-wide-topics', index => `${index}/${WIDE}`, NO_PROPERTIES),
  retained('retained-small', index => `home/device/${index}/state`, NO_PROPERTIES),
  retained('retained-properties', index => `t/${index}`, LARGE_PROPERTIES),
  retained('retained-many-properties', index => `t/${index}`, MANY_PROPERTIES),
  retained(
    'retained-deep-topics',
    index => `${index >> 1}/${'q/'.repeat(190)}${index}`,
    NO_PROPERTIES,
  ),
  filters('filters-long', index => `${index}/${LONG}`),
  filters('filters-wild', index => `${index}/+/${LONG}`),
  filters('filters-shared', index => `$share/g${index}/${index}/x`),
  filters('filters-shared-long', index => `$share/g${index}/${index}/${LONG}`),
  queues('queue-properties', LARGE_PROPERTIES),
  queues('queue-small', NO_PROPERTIES),
  { name: 'sessions', limits: { subscriptionsPerClientMax: 10 }, fill: fillWithSessions },
  { name: 'wills', fill: fillWithWills },
  { name: 'aliases', limits: { topicAliasBytesMax: 10_000_000 }, fill: fillWithAliases },
  { name: 'half-packets', fill: fillWithHalfPackets },
]

function pairs(count: number, length: number): readonly UserProperty[] {
  return Array.from({ length: count }, (_, index) => [`k${index}`, 'v'.repeat(length)] as const)
}

/** Runs `step` until it was refused several times. */
async function until(
  hasEnded: () => boolean,
  step: (index: number) => Promise<boolean>,
  count = MANY,
): Promise<number> {
  let refused = 0
  for (let index = 0; index < count; index += 8) {
    if (hasEnded()) return index
    const eight = Array.from({ length: 8 }, (_, offset) => step(index + offset))
    for (const isTaken of await Promise.all(eight)) if (!isTaken) refused += 1
    if (refused >= REFUSALS_MAX) return index
  }
  return count
}

function retained(
  name: string,
  topicOf: (index: number) => string,
  properties: Properties,
): Filling {
  return {
    name,
    fill: async (port, hasEnded) => {
      const client = await connected(port, 'first')
      const made = await until(hasEnded, async index => {
        return (await client.publishes(topicOf(index), SMALL, true, properties)) === 0
      })
      client.ends()
      return made
    },
  }
}

function filters(name: string, filterOf: (index: number) => string): Filling {
  return {
    name,
    fill: async (port, hasEnded) => {
      let client = await connected(port, 'first')
      const made = await until(hasEnded, async index => {
        if (index % 800 === 0 && index > 0) client = await connected(port, `client-${index}`)
        return (await client.subscribes([filterOf(index)])) === 0
      })
      client.ends()
      return made
    },
  }
}

/** Sessions without a connection, each with a queue. */
function queues(name: string, properties: Properties): Filling {
  return {
    name,
    fill: async (port, hasEnded) => {
      const publisher = await connected(port, 'first')
      for (let index = 0; index < 40; index++) {
        const client = await connected(port, `away-${index}`)
        await client.subscribes([`q/${index}`])
        client.ends()
      }
      return until(
        hasEnded,
        async index => {
          const topic = `q/${index % 40}`
          return (await publisher.publishes(topic, SMALL, false, properties)) !== -1
        },
        properties === NO_PROPERTIES ? MANY : 2_000,
      )
    },
  }
}

async function fillWithSessions(port: number, hasEnded: () => boolean): Promise<number> {
  const first = await connected(port, 'first')
  first.ends()
  return until(hasEnded, async index => {
    const client = new MemoryClient(port)
    const name = `${'n'.repeat(240)}${index}`
    const greeting = await client.connects(name, { isLasting: true, username: LONG.slice(0, 100) })
    if (greeting === 0) await client.subscribes([`${name}/+`])
    client.ends()
    return greeting === 0
  })
}

async function fillWithWills(port: number, hasEnded: () => boolean): Promise<number> {
  const first = await connected(port, 'first')
  first.ends()
  return until(
    hasEnded,
    async index => {
      const client = new MemoryClient(port)
      const properties = { willDelayInterval: 3_600 }
      const will = {
        topic: `${index}/${WIDE}`,
        payload: SMALL,
        qos: 1,
        retain: true,
        properties,
      } as const
      const greeting = await client.connects(`w${index}`, { isLasting: true, will })
      client.ends()
      return greeting === 0
    },
    8_000,
  )
}

/** Connects clients until no more are accepted. `fills` returns whether its client was accepted. */
async function fillWithClients(
  port: number,
  hasEnded: () => boolean,
  letter: string,
  fills: (client: MemoryClient, index: number) => Promise<boolean>,
): Promise<number> {
  const clients: MemoryClient[] = []
  const made = await until(
    hasEnded,
    async index => {
      const client = new MemoryClient(port)
      clients.push(client)
      if ((await client.connects(`${letter}${index}`)) !== 0) return false
      return fills(client, index)
    },
    800,
  )
  for (const client of clients) client.ends()
  return made
}

function fillWithAliases(port: number, hasEnded: () => boolean): Promise<number> {
  return fillWithClients(port, hasEnded, 'a', async (client, index) => {
    for (let alias = 1; alias <= 32; alias++) {
      const topic = `${index}/${alias}/${WIDE}`
      if ((await client.publishes(topic, SMALL, false, { topicAlias: alias })) === -1) return false
    }
    return true
  })
}

/** Packets without their last byte. */
function fillWithHalfPackets(port: number, hasEnded: () => boolean): Promise<number> {
  return fillWithClients(port, hasEnded, 'h', async client => {
    client.half(1_000_000)
    await new Promise(resolve => setTimeout(resolve, 20))
    return !client.isClosed
  })
}

async function connected(port: number, clientId: string): Promise<MemoryClient> {
  const client = new MemoryClient(port)
  const greeting = await client.connects(clientId, { isLasting: true })
  if (greeting !== 0) client.ends()
  return client
}
