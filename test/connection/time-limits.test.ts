// How long a client is waited for, and that our own absence is not taken for its silence.

import { test } from 'tap'
import type { Verdict } from '../../src/access/access.ts'
import { UNRESTRICTED } from '../../src/access/permissions.ts'
import { Pond } from '../pond.ts'

const WILL = { will: { topic: 'gone', payload: 'x' } }

/** The process stands still for so long, and goes on with its timers. */
function standsStill(pond: Pond, seconds: number): void {
  pond.now += seconds * 1_000
  pond.turn.begin()
}

test('after a pause of the process, silence is judged when what lies in the sockets was read', async t => {
  const pond = new Pond()
  const watcher = pond.client('watcher', { keepAliveSeconds: 0 })
  watcher.subscribes('gone')
  watcher.hears()
  const talking = Array.from({ length: 5 }, (_, index) =>
    pond.client(`talking-${index}`, { keepAliveSeconds: 3, ...WILL }),
  )
  const silent = pond.client('silent', { keepAliveSeconds: 3, ...WILL })

  pond.inOneTurn(() => {
    standsStill(pond, 60)
    for (const client of talking) client.pings()
  })
  t.ok(talking.every(client => client.hears().join() === 'pingresp'))
  pond.passes({ seconds: 0 })
  t.ok(silent.isClosed)
  t.notOk(talking.some(({ isClosed }) => isClosed))
  t.strictSame(watcher.hears(), ['publish gone x q0'])

  pond.passes({ seconds: 5 })
  t.ok(talking.every(({ isClosed }) => isClosed))
})

test('a pause that is noticed while sockets are read leaves the others a whole reading', async t => {
  const pond = new Pond()
  const [early, late] = ['early', 'late'].map(id => pond.client(id, { keepAliveSeconds: 3 }))

  pond.inOneTurn(() => {
    standsStill(pond, 60)
    early?.pings()
  })
  // The socket of the other was not among those that this reading was about.
  pond.inOneTurn(() => {
    pond.turn.begin()
    late?.pings()
  })
  pond.passes({ seconds: 1 })

  t.notOk(early?.isClosed)
  t.notOk(late?.isClosed)
})

test('a client that really is silent is given up after one and a half keep-alives, not later', async t => {
  const pond = new Pond()
  const client = pond.client('a', { keepAliveSeconds: 10 })

  pond.passes({ seconds: 14.9 })
  t.notOk(client.isClosed)
  pond.passes({ seconds: 0.1 })

  t.strictSame(client.hears(), ['disconnect 0x8d', 'closed'])
})

test('parts of something larger keep a client alive as whole packets do', async t => {
  const pond = new Pond()
  const client = pond.client('a', { keepAliveSeconds: 2 })

  for (let second = 0; second < 10; second++) {
    pond.passes({ seconds: 2 })
    client.wire.saysPart()
  }
  t.notOk(client.isClosed)
  pond.passes({ seconds: 3 })

  t.ok(client.isClosed)
})

test('a CONNECT that lay in its socket during a pause is taken, and one that never comes is not waited for', async t => {
  const pond = new Pond()
  const there = pond.stranger('there')
  const absent = pond.stranger('absent')

  pond.inOneTurn(() => {
    standsStill(pond, 60)
    there.connects()
  })
  pond.passes({ seconds: 1 })

  t.strictSame(there.hears(), ['connack 0x0'])
  t.ok(absent.isClosed)
})

test('an authentication has its own time, and a pause of the process is not taken from it', async t => {
  const answers: ((verdict: Verdict) => void)[] = []
  const pond = new Pond({
    access: {
      authenticate: () => new Promise(resolve => answers.push(resolve)),
      beginExchange: () => null,
      permissionsOf: () => null,
    },
  })
  const client = pond.stranger('a')
  pond.passes({ seconds: 9 })
  client.connects()
  pond.passes({ seconds: 9 })
  t.notOk(client.isClosed)

  pond.inOneTurn(() => standsStill(pond, 60))
  pond.passes({ seconds: 9 })
  t.notOk(client.isClosed)
  answers[0]?.({ kind: 'allowed', permissions: UNRESTRICTED })
  await new Promise(resolve => setImmediate(resolve))
  pond.settles()

  t.strictSame(client.hears(), ['connack 0x0'])
})

test('a client that ends while its silence is checked leaves no deadline behind', async t => {
  const pond = new Pond()
  const client = pond.client('a', { keepAliveSeconds: 3 })

  pond.inOneTurn(() => {
    standsStill(pond, 60)
    client.disconnects()
  })
  pond.passes({ seconds: 10 })

  t.equal(pond.broker.deadlines.count, 0)
})

test('a client that comes is set among the deadlines once, and moved when CONNECT was due', async t => {
  const pond = new Pond()
  const { deadlines } = pond.broker
  const set = deadlines.set.bind(deadlines)
  let moves = 0
  deadlines.set = (...args) => {
    moves += 1
    set(...args)
  }

  pond.client('a', { keepAliveSeconds: 60 })
  t.equal(moves, 1)
  pond.passes({ seconds: 89 })
  t.equal(moves, 2)
})
