import { test } from 'tap'
import type { Log, LogFields } from '../../src/observe/log.ts'
import { LogObserver } from '../../src/observe/log-observer.ts'
import { RatedLog } from '../../src/observe/rated-log.ts'
import { Pond } from '../pond.ts'

function watched() {
  const warnings: LogFields[] = []
  const log: Log = {
    debug: () => {},
    info: () => {},
    warn: (fields, sentence) => warnings.push({ ...fields, sentence }),
    error: () => {},
  }
  const world: { pond: Pond | null } = { pond: null }
  const now = (): number => world.pond?.now ?? 0
  const bounds = { repeatsMax: 5, addressLinesMax: 100, eventLinesMax: 1_000 }
  const observer = new LogObserver(new RatedLog(log, { bounds, now }))
  const pond = new Pond({
    observer,
    limits: { queuedMessagesMax: 2, subscriptionsPerClientMax: 1 },
  })
  world.pond = pond
  return { pond, warnings }
}

test('two devices with one client id are reported once, with both addresses', async t => {
  const { pond, warnings } = watched()

  for (let count = 0; count < 10; count++) pond.client('twin', { cleanStart: false })

  t.strictSame(
    warnings.map(({ event, clientId, addresses, sentence }) => [
      event,
      clientId,
      addresses,
      sentence,
    ]),
    [['client.contested', 'twin', ['192.0.2.1', '192.0.2.1'], 'two devices use this client id?']],
  )
})

test('a client that takes its session over now and then does not count as two devices', async t => {
  const { pond, warnings } = watched()

  for (let count = 0; count < 10; count++) {
    pond.client('lonely', { cleanStart: false })
    pond.passes({ seconds: 61 })
  }

  t.strictSame(warnings, [])
})

test('messages dropped for a full queue are one line for each client, with the key to raise', async t => {
  const { pond, warnings } = watched()
  const durable = { cleanStart: false, properties: { sessionExpiryInterval: 600 } }
  for (const name of ['bob', 'carol']) {
    const client = pond.client(name, durable)
    client.subscribes('a', 1)
    client.vanishes()
  }

  const alice = pond.client('alice', { acknowledges: true })
  for (let count = 0; count < 50; count++) alice.publishes('a', 'x', { qos: 1 })

  t.strictSame(
    warnings.map(({ event, clientId, reason, limit }) => [event, clientId, reason, limit]),
    ['bob', 'carol'].map(name => [
      'message.dropped',
      name,
      'queue-full',
      'limits.queuedMessagesMax, limits.queuedBytesMax',
    ]),
  )
})

test('a filter that SUBACK refuses leaves a line that names the limit, and a count', async t => {
  const { pond, warnings } = watched()
  const bob = pond.client('bob')

  bob.subscribes('a')
  bob.subscribes('b')
  bob.subscribes(`c${'/c'.repeat(300)}`)

  t.equal(pond.broker.statistics.subscribesRefused, 2)
  t.match(warnings, [
    {
      event: 'subscribe.refused',
      clientId: 'bob',
      filter: 'b',
      cause: 'the client has 1 subscriptions (limits.subscriptionsPerClientMax)',
    },
    { filter: /^c/, cause: 'the filter has more than 200 levels (limits.topicLevelsMax)' },
  ])
})

test('where lines of a level are not written, none are made of clients that come and go', async t => {
  const { pond, made } = countedAt(['warn', 'error'])

  const client = pond.client('a')
  client.subscribes('a')
  client.disconnects()

  t.equal(made(), 0)
})

test('where the log does not tell its level, lines are made', async t => {
  const { pond, made } = countedAt(null)

  pond.client('a').disconnects()

  t.equal(made(), 2)
})

/** Counts the lines that a log is given; `levels` are those that it writes. */
function countedAt(levels: readonly string[] | null) {
  let lines = 0
  const line = (): void => {
    lines += 1
  }
  const log: Log = {
    ...(levels !== null && { isLevelEnabled: level => levels.includes(level) }),
    debug: line,
    info: line,
    warn: line,
    error: line,
  }
  const bounds = { repeatsMax: 5, addressLinesMax: 100, eventLinesMax: 1_000 }
  const rated = new RatedLog(log, { bounds, now: () => 0 })
  const pond = new Pond({ observer: new LogObserver(rated) })
  return { pond, made: () => lines }
}

const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

test('the line of a message that was refused or dropped names its trace, if it is one', async t => {
  const { pond, warnings } = watched()
  const away = pond.client('away', { cleanStart: false, properties: { sessionExpiryInterval: 60 } })
  away.subscribes('t', 1)
  away.vanishes()
  const publisher = pond.client('publisher')
  const traced = (traceparent: string) => ({
    qos: 1 as const,
    properties: { userProperties: [['traceparent', traceparent]] as const },
  })

  for (let each = 0; each < 3; each++) publisher.publishes('t', 'x', traced(TRACE))
  publisher.publishes('$SYS/mine', 'x', traced(TRACE))
  publisher.publishes('$SYS/other', 'x', traced('<script>'))

  const found = warnings.map(({ event, traceparent }) => [event, traceparent])
  t.strictSame(found, [
    ['message.dropped', TRACE],
    ['publish.refused', TRACE],
    ['publish.refused', undefined],
  ])
})
