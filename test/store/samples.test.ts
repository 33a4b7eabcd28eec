// Stores that older versions wrote, with a little of everything: nothing of them is lost. Each lies in `samples`,
// named after the decision or version that it was written before, as `write-sample.ts` wrote it there.

import { cpSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test, type Test } from 'tap'
import { createBroker, type EmbeddedBroker } from '../../src/index.ts'
import { NO_PROPERTIES, type Packet } from '../../src/packet/packet.ts'
import { FileStore } from '../../src/store/file-store.ts'
import { ACKNOWLEDGED, SampleClient } from './sample-client.ts'

const SAMPLES = resolve(import.meta.dirname, '../../../test/store/samples')
const STORED = { sessionExpiryInterval: 0xffff_ffff }
const LISTENERS = [{ host: '127.0.0.1', port: 0 }]
const LIMITS = { sessionExpirySecondsMax: 0xffff_ffff }

for (const sample of readdirSync(SAMPLES)) {
  test(`nothing of an older store is lost: ${sample}`, async t => {
    const directory = join(t.testdir(), 'data')
    cpSync(join(SAMPLES, sample), directory, { recursive: true })

    await hearsAll(t, directory)

    // Written by this version, with a checkpoint, and read once more: what was settled stays so.
    const store = new FileStore(directory)
    const { sessions, groups, retained } = await store.open()
    await store.close()
    t.strictSame(
      sessions.map(({ clientId, deliveries, remainder, incoming, subscriptions }) => [
        clientId,
        subscriptions.length,
        deliveries.length + remainder.messages + incoming.length,
      ]),
      [
        ['reader', 2, 0],
        ['one', 1, 0],
        ['two', 1, 0],
        ['delayed', 0, 0],
      ],
    )
    t.strictSame(groups, [])
    t.strictSame(
      retained.map(({ topic, payload }) => `${topic} ${payload.toString()}`).filter(isOfAll),
      ['w/7 work 7', 'r/1 retained later'],
    )
    t.equal(sessions.at(-1)?.will?.topic, 'will/delayed')
    // Who came back is known now, and who did not was never known.
    t.match(sessions[0]?.identity, { username: null, authentication: 'none' })
    t.equal(sessions.at(-1)?.identity, null)
  })
}

/** A sample with a checkpoint has one topic more, to fill its log. */
function isOfAll(retained: string): boolean {
  return !retained.startsWith('r/3')
}

async function hearsAll(t: Test, directory: string): Promise<void> {
  const store = new FileStore(directory, { checkpointBytes: 1 })
  const broker = await createBroker({ store, listeners: LISTENERS, limits: LIMITS })
  t.strictSame(await readerHears(broker), [
    'a/1 in flight at QoS 1 q1 dup [5]',
    'b/1 in flight at QoS 2 q2 dup []',
    'pubrel #3',
    'a/2 waits q1 [5] name=value',
    ...[0, 1, 2, 3, 4].map(count => `b/3 waits ${count} q2 []`),
  ])
  t.strictSame(await groupHears(broker), [
    // 2 had been begun by a member whose session ended with the broker [MQTT-4.8.2-5].
    ...[0, 1, 3, 4, 5, 6, 7].map(count => `work ${count}`),
  ])
  t.strictSame(await newcomerHears(broker), ['r/1 retained later', 'w/7 work 7'])
  await broker.close()
}

/** With all that it answers: each is settled in the end. */
async function readerHears(broker: EmbeddedBroker): Promise<readonly string[]> {
  const reader = new SampleClient(broker.listeners[0]?.port ?? 0)
  await reader.connects('reader', { ...STORED, receiveMaximum: 3 })
  const heard: string[] = []
  for (let settled = 0; settled < 9;) {
    const packet = await reader.next()
    if (packet.type === 'publish') heard.push(sentenceOf(packet))
    if (packet.type === 'pubrel' && packet.packetId === 3) heard.push('pubrel #3')
    settled += answer(reader, packet)
  }
  // It was routed when it came first, and is not begun anew.
  await reader.publishes('c', 'begun by the reader', 2, { packetId: 77 })
  await reader.vanishes()
  return heard
}

async function groupHears(broker: EmbeddedBroker): Promise<readonly string[]> {
  const heard: string[] = []
  let settled = 0
  await new Promise<void>(resolve => {
    const listens = async (name: string): Promise<void> => {
      const member = new SampleClient(broker.listeners[0]?.port ?? 0)
      await member.connects(name, { ...STORED, receiveMaximum: 1 })
      for (;;) {
        const packet = await member.hears()
        if (packet === null) return
        if (packet.type === 'publish') heard.push(packet.payload.toString())
        settled += answer(member, packet)
        if (settled === 7) resolve()
      }
    }
    for (const name of ['one', 'two']) void listens(name)
  })
  return heard.toSorted()
}

async function newcomerHears(broker: EmbeddedBroker): Promise<readonly string[]> {
  const newcomer = new SampleClient(broker.listeners[0]?.port ?? 0)
  await newcomer.connects('newcomer', NO_PROPERTIES)
  await newcomer.subscribes('#', 0, NO_PROPERTIES, 0)
  newcomer.says({ type: 'pingreq' })
  const heard: string[] = []
  for (let packet = await newcomer.next(); packet.type !== 'pingresp';) {
    if (packet.type === 'publish') heard.push(`${packet.topic} ${packet.payload.toString()}`)
    packet = await newcomer.next()
  }
  await newcomer.vanishes()
  return heard.filter(isOfAll).toSorted()
}

/** Returns 1 when that settles a message. */
function answer(client: SampleClient, packet: Packet): 0 | 1 {
  if (packet.type === 'pubrel') {
    client.says({ type: 'pubcomp', packetId: packet.packetId, ...ACKNOWLEDGED })
    return 1
  }
  if (packet.type !== 'publish' || packet.qos === 0) return 0
  const type = packet.qos === 1 ? 'puback' : 'pubrec'
  client.says({ type, packetId: packet.packetId, ...ACKNOWLEDGED })
  return packet.qos === 1 ? 1 : 0
}

function sentenceOf(packet: Extract<Packet, { type: 'publish' }>): string {
  const { topic, payload, qos, duplicate, properties } = packet
  const identifiers = properties.subscriptionIdentifiers?.join() ?? ''
  const names =
    properties.userProperties?.map(([name, value]) => ` ${name}=${value}`).join('') ?? ''
  return `${topic} ${payload.toString()} q${qos}${duplicate ? ' dup' : ''} [${identifiers}]${names}`
}
