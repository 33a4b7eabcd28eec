// What the broker says of itself in $SYS.

import { test } from 'tap'
import mqtt from 'mqtt'
import { createBroker } from '../../src/index.ts'
import { SysFigures, type SysSources } from '../../src/observe/sys-figures.ts'
import { SysTopics } from '../../src/observe/sys-topics.ts'
import { freePort, Program, run } from '../interop/programs.ts'
import { Pond } from '../pond.ts'

type Numbers = Partial<SysSources['statistics'] & SysSources['status']>

function sources(numbers: Numbers = {}): SysSources {
  const none = { connectionsAccepted: 0, connectionsRefused: 0, sessionsExpired: 0 }
  const packets = { packetsReceived: 0, packetsSent: 0, bytesReceived: 0, bytesSent: 0 }
  const payload = { publishBytesReceived: 0, publishBytesSent: 0 }
  const messages = { messagesReceived: 0, messagesSent: 0, ...payload }
  const statistics = { ...none, ...packets, ...messages, ...numbers }
  const holdings = { clientsConnected: 0, sessions: 0, subscriptions: 0, retainedMessages: 0 }
  const kept = { sharedSubscriptions: 0, retainedBytes: 0, queuedMessages: 0, queuedBytes: 0 }
  const status = { uptimeSeconds: 0, ...holdings, ...kept, dropped: {}, ...numbers }
  return { version: '1.2.3', status, statistics, heapBytes: 1_000 }
}

function toldBy(limited: Record<string, number>, dropped: Record<string, number>, more?: Numbers) {
  const all = sources(more)
  return { ...all, status: { ...all.status, limited, dropped } }
}

test('figures and counters are retained, and sent again when they have changed', async t => {
  const pond = new Pond()
  const { publishing } = pond.broker
  const announce = (topic: string, payload: string): void => {
    pond.turn.begin()
    publishing.announce(topic, payload)
  }
  const topics = new SysTopics(announce, new SysFigures())
  topics.tell(toldBy({ sessionsMax: 0, packetBytesMax: 2 }, { 'queue-full': 1 }), 10)
  const admin = pond.client('admin')
  for (const tree of ['dropped/+', 'limits/+', 'version', 'clients/total'])
    admin.subscribes(`$SYS/broker/${tree}`)
  const heard = admin.hears().filter(each => each.startsWith('publish'))
  t.strictSame(heard.sort(), [
    'publish $SYS/broker/clients/total 0 q0 retain',
    'publish $SYS/broker/dropped/queue-full 1 q0 retain',
    'publish $SYS/broker/limits/packetBytesMax 2 q0 retain',
    'publish $SYS/broker/version pondhawk version 1.2.3 q0 retain',
  ])

  topics.tell(
    toldBy({ sessionsMax: 7, packetBytesMax: 2 }, { 'queue-full': 1 }, { sessions: 3 }),
    10,
  )
  pond.settles()

  t.strictSame(admin.hears(), [
    'publish $SYS/broker/clients/total 3 q0',
    'publish $SYS/broker/limits/sessionsMax 7 q0',
  ])
  t.equal(pond.broker.retainedCount, 0, 'they are not those of clients')
  t.equal(pond.broker.retained.bytes, 0)
})

test('a load is what comes in a minute, and forgets in one, five and fifteen minutes', async t => {
  const figures = new SysFigures()
  let messagesReceived = 0
  const after = (minutes: number, aMinute: number): readonly number[] => {
    let last = new Map<string, string>() as ReadonlyMap<string, string>
    for (let interval = 0; interval < minutes * 6; interval++) {
      messagesReceived += aMinute / 6
      last = figures.of(sources({ messagesReceived }), 10)
    }
    return [1, 5, 15].map(each => Number(last.get(`load/publish/received/${each}min`)))
  }

  const [one = 0, five = 0, fifteen = 0] = after(5, 600)
  t.ok(one > 590 && five > 370 && five < 385 && fifteen < 175, `${one} ${five} ${fifteen}`)
  const [last = 0, , slow = 0] = after(120, 600)
  t.ok(last === 600 && slow > 599, `${last} ${slow}`)
  t.strictSame(after(600, 0), [0, 0, 0])
})

test('the most clients, and the most heap, are remembered', async t => {
  const figures = new SysFigures()
  figures.of({ ...sources({ sessions: 5, clientsConnected: 2 }), heapBytes: 9 }, 10)
  const now = figures.of({ ...sources({ sessions: 1, clientsConnected: 1 }), heapBytes: 3 }, 10)

  t.match(Object.fromEntries(now), {
    'clients/maximum': '5',
    'clients/total': '1',
    'clients/disconnected': '0',
    'heap/current': '3',
    'heap/maximum': '9',
  })
})

test('mosquitto has every topic that is not of our own', async t => {
  const port = await freePort()
  const mosquitto = new Program('mosquitto', ['-p', `${port}`])
  t.teardown(() => mosquitto.killed())
  const names = async (at: number): Promise<Set<string>> => {
    const words = ['-p', `${at}`, '-t', '$SYS/#', '-F', '%t', '-W', '2']
    const { output } = await run('mosquitto_sub', words)
    return new Set(output.trim().split('\n'))
  }
  let theirs = await names(port)
  // Its figures come with its first interval, but for a few.
  while (!theirs.has('$SYS/broker/load/sockets/15min')) theirs = await names(port)
  const broker = await createBroker({ listeners: [{ port: 0 }] })
  t.teardown(() => broker.close())
  const ours = await names(broker.listeners[0]?.port ?? 0)

  const own = /^\$SYS\/broker\/(?:limits|dropped|store\/durability|clients\/maximum)/
  t.strictSame(
    [...ours].filter(name => !theirs.has(name) && !own.test(name)),
    [],
  )
  const missing = [...theirs].filter(name => !ours.has(name)).sort()
  t.strictSame(missing, [])
})

test('a client that comes right after the start finds them', async t => {
  const broker = await createBroker({ listeners: [{ port: 0 }] })
  t.teardown(() => broker.close())
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${broker.listeners[0]?.port}`)
  const heard = new Map<string, string>()
  client.on('message', (topic, payload) => heard.set(topic, payload.toString()))
  await client.subscribeAsync('$SYS/broker/#')
  while (heard.size < 20) await new Promise(setImmediate)

  t.match(heard.get('$SYS/broker/uptime'), /^\d+ seconds$/)
  await client.endAsync()
})
