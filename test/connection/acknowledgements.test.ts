// Every acknowledgement at every stage of the identifier that it names, in every version.

import { test } from 'tap'
import type { ProtocolVersion } from '../../src/packet/packet.ts'
import type { ReasonCode } from '../../src/packet/reason.ts'
import { Pond } from '../pond.ts'
import type { PondClient } from '../pond-client.ts'

const VERSIONS = [3, 4, 5] as const

type Acknowledgement = 'puback' | 'pubrec' | 'pubrec, refusing' | 'pubrel' | 'pubcomp'

/**
 * `settles`: it is never sent again. `answers` with PUBREL or PUBCOMP. `not found`: the same with 0x92, and nothing else happens.
 * `breaks`: the connection ends with 0x82, and what was owed is sent again. `ignored`: nothing happens.
 */
type Outcome = 'settles' | 'answers' | 'not found' | 'breaks' | 'ignored'

interface Stage {
  readonly pond: Pond
  readonly bob: PondClient
  /** What is still owed to Bob under the identifier 1. */
  readonly owed: 'publish' | 'pubrel' | null
}

function connected(pond: Pond, version: ProtocolVersion): PondClient {
  const properties = version === 5 ? { properties: { sessionExpiryInterval: 600 } } : {}
  const bob = pond.stranger('bob', { version, cleanStart: false, ...properties })
  bob.connects()
  return bob
}

/** Bob, and what he was sent under the identifier 1. */
function sent(version: ProtocolVersion, qos: 1 | 2 | null): Stage {
  // Whatever is on the way to Bob, another message waits behind it.
  const pond = new Pond({ limits: { outboxBytesMax: 1 } })
  const bob = connected(pond, version)
  bob.subscribes('a', 2)
  if (qos !== null) pond.client('alice').publishes('a', 'x', { qos })
  bob.receives()
  return { pond, bob, owed: qos === null ? null : 'publish' }
}

function received(version: ProtocolVersion): Stage {
  const stage = sent(version, 2)
  stage.bob.acknowledges('pubrec', 1)
  stage.bob.receives()
  return { ...stage, owed: 'pubrel' }
}

/** Bob is back, and does not read: behind CONNACK what is owed to him is not sent yet. */
function back({ pond, bob, owed }: Stage, version: ProtocolVersion): Stage {
  bob.vanishes()
  const again = pond.stranger('bob', {
    version,
    cleanStart: false,
    ...(version === 5 ? { properties: { sessionExpiryInterval: 600 } } : {}),
  })
  again.freezes()
  again.connects()
  return { pond, bob: again, owed }
}

const STAGES: Readonly<Record<string, (version: ProtocolVersion) => Stage>> = {
  'an unknown identifier': version => sent(version, null),
  'QoS 1 in flight': version => sent(version, 1),
  'QoS 2 sent': version => sent(version, 2),
  'QoS 2 received': received,
  'QoS 2 begun by the client': version => {
    const stage = sent(version, null)
    stage.bob.publishes('elsewhere', 'y', { qos: 2, packetId: 1 })
    stage.bob.receives()
    return stage
  },
  'QoS 1 of an earlier connection': version => back(sent(version, 1), version),
  'QoS 2 of an earlier connection': version => back(sent(version, 2), version),
  'QoS 2 received on an earlier connection': version => back(received(version), version),
}

const EXPECTED: Readonly<Record<string, Readonly<Record<Acknowledgement, Outcome>>>> = {
  'an unknown identifier': {
    puback: 'ignored',
    pubrec: 'not found',
    'pubrec, refusing': 'ignored',
    pubrel: 'not found',
    pubcomp: 'ignored',
  },
  'QoS 1 in flight': {
    puback: 'settles', // [MQTT-4.3.2-3]
    pubrec: 'breaks', // [MQTT-4.13.1-1], [MQTT-4.8.0-1] of 3.1.1
    'pubrec, refusing': 'breaks',
    pubrel: 'not found', // An identifier of the client is another than the broker's [MQTT-2.2.1-4].
    pubcomp: 'breaks',
  },
  'QoS 2 sent': {
    puback: 'breaks',
    pubrec: 'answers', // [MQTT-4.3.3-4]
    'pubrec, refusing': 'settles', // [MQTT-4.4.0-2]
    pubrel: 'not found',
    pubcomp: 'breaks', // [MQTT-4.3.3-3]
  },
  'QoS 2 received': {
    puback: 'breaks',
    pubrec: 'answers', // 3.1 lets clients repeat it.
    'pubrec, refusing': 'settles', // It had it, and says that it will say no more.
    pubrel: 'not found',
    pubcomp: 'settles', // [MQTT-4.3.3-5]
  },
  'QoS 2 begun by the client': {
    puback: 'ignored',
    pubrec: 'not found',
    'pubrec, refusing': 'ignored',
    pubrel: 'answers', // [MQTT-4.3.3-11]
    pubcomp: 'ignored',
  },
}

// What was sent on an earlier connection of the session is answered for like what was sent on this one.
const SAME: Readonly<Record<string, string>> = {
  'QoS 1 of an earlier connection': 'QoS 1 in flight',
  'QoS 2 of an earlier connection': 'QoS 2 sent',
  'QoS 2 received on an earlier connection': 'QoS 2 received',
}

function says(bob: PondClient, acknowledgement: Acknowledgement): void {
  const refusing: ReasonCode = 0x97
  if (acknowledgement === 'pubrec, refusing') bob.acknowledges('pubrec', 1, refusing)
  else bob.acknowledges(acknowledgement, 1)
}

/** What Bob hears of his acknowledgement: not what was sent to him for other reasons. */
function answersTo(bob: PondClient): readonly string[] {
  bob.thaws()
  return bob.hears().filter(each => !/^(connack|publish)/.test(each))
}

/** What is sent again under the identifier 1 when Bob comes back. */
function owedTo({ pond, bob }: Stage, version: ProtocolVersion): string | null {
  bob.vanishes()
  const again = connected(pond, version)
  const packet = again
    .receives()
    .find(each => (each.type === 'publish' || each.type === 'pubrel') && each.packetId === 1)
  return packet?.type ?? null
}

for (const [name, make] of Object.entries(STAGES)) {
  test(`${name}: each acknowledgement has its outcome`, async t => {
    const outcomes = EXPECTED[SAME[name] ?? name] ?? EXPECTED['an unknown identifier']
    for (const version of VERSIONS) {
      for (const [key, outcome] of Object.entries(outcomes ?? {})) {
        const acknowledgement = key as Acknowledgement
        // 3.x has no reason that could refuse.
        if (version < 5 && acknowledgement === 'pubrec, refusing') continue
        const where = `${acknowledgement} in version ${version}`
        const stage = make(version)

        says(stage.bob, acknowledgement)

        const isOnAnother = SAME[name] !== undefined
        const heard = answersTo(stage.bob)
        const said = new Set(isOnAnother ? heard.filter(each => !isResent(each, outcome)) : heard)
        t.strictSame([...said], expectedAnswers(acknowledgement, outcome, version), where)
        t.equal(owedTo(stage, version), owedAfter(stage, acknowledgement, outcome), where)
      }
    }
  })
}

/** The PUBREL of an earlier connection comes by itself. */
function isResent(sentence: string, outcome: Outcome): boolean {
  return outcome !== 'answers' && sentence === 'pubrel #1 0x0'
}

function expectedAnswers(
  acknowledgement: Acknowledgement,
  outcome: Outcome,
  version: ProtocolVersion,
): readonly string[] {
  const answer = acknowledgement === 'pubrel' ? 'pubcomp' : 'pubrel'
  switch (outcome) {
    case 'settles':
    case 'ignored':
      return []
    case 'answers':
      return [`${answer} #1 0x0`]
    case 'not found':
      return [`${answer} #1 ${version === 5 ? '0x92' : '0x0'}`]
    case 'breaks':
      return version === 5 ? ['disconnect 0x82', 'closed'] : ['closed']
  }
}

function owedAfter(
  { owed }: Stage,
  acknowledgement: Acknowledgement,
  outcome: Outcome,
): string | null {
  if (outcome === 'settles') return null
  return outcome === 'answers' && acknowledgement === 'pubrec' ? 'pubrel' : owed
}

test('with a Receive Maximum of 1 a client still gets messages after any wrong acknowledgement', async t => {
  for (const qos of [1, 2] as const) {
    for (const wrong of ['puback', 'pubrec', 'pubcomp'] as const) {
      const pond = new Pond()
      const options = {
        cleanStart: false,
        properties: { sessionExpiryInterval: 600, receiveMaximum: 1 },
      }
      const bob = pond.client('bob', options)
      bob.subscribes('a', 2)
      const alice = pond.client('alice', { acknowledges: true })
      for (const text of ['1', '2', '3']) {
        alice.publishes('a', text, { qos })
        alice.receives()
      }
      bob.acknowledges(wrong, 1)
      bob.vanishes()

      const again = pond.stranger('bob', { ...options, acknowledges: true })
      again.connects()

      const heard = again.receivesMessages().map(({ payload }) => payload.toString())
      const isRight = wrong === (qos === 1 ? 'puback' : 'pubrec')
      t.strictSame(heard, isRight ? ['2', '3'] : ['1', '2', '3'], `${wrong} at QoS ${qos}`)
    }
  }
})
