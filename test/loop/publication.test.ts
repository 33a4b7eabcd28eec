import { test } from 'tap'
import { createBroker, type Publication, type Properties } from '../../src/index.ts'
import { brokerOnPort } from '../interop/programs.ts'
import mqtt from 'mqtt'

const LONG = 'x'.repeat(65_536)

/** What a program without types may hand in. */
function given(parts: object): Publication {
  return { topic: 't', payload: 'x', ...parts }
}

const UNSAYABLE: readonly (readonly [what: string, parts: object])[] = [
  ['an empty topic', { topic: '' }],
  ['a wildcard in the topic', { topic: 'a/+' }],
  ['a topic that is no text', { topic: 7 }],
  ['a topic longer than a string of MQTT', { topic: LONG }],
  ['a control character in the topic', { topic: 'a\u0001' }],
  ['half of a surrogate pair in the topic', { topic: 'a\ud800' }],
  ['QoS 3', { qos: 3 }],
  ['QoS 1.5', { qos: 1.5 }],
  ['RETAIN as a number', { retain: 1 }],
  ['a payload that is a number', { payload: 5 }],
  ['no payload', { payload: undefined }],
  ['no object of properties', { properties: null }],
  ['a payload format of 2', { properties: { payloadFormatIndicator: 2 } }],
  ['a fraction of a second', { properties: { messageExpiryInterval: 0.5 } }],
  ['an interval below 0', { properties: { messageExpiryInterval: -1 } }],
  ['an interval that 32 bits cannot hold', { properties: { messageExpiryInterval: 2 ** 32 } }],
  ['an interval that is no number', { properties: { messageExpiryInterval: '5' } }],
  ['a content type that is too long', { properties: { contentType: LONG } }],
  ['a response topic with a wildcard', { properties: { responseTopic: 'a/#' } }],
  ['an empty response topic', { properties: { responseTopic: '' } }],
  ['correlation data that is too long', { properties: { correlationData: Buffer.alloc(65_536) } }],
  ['correlation data that is a text', { properties: { correlationData: 'x' } }],
  ['user properties that are an object', { properties: { userProperties: { a: 'b' } } }],
  ['a user property of one text', { properties: { userProperties: [['a']] } }],
  ['a user property with a number', { properties: { userProperties: [['a', 1]] } }],
  ['a user property that is too long', { properties: { userProperties: [['a', LONG]] } }],
]

test('what MQTT cannot say is refused to the embedding program with a TypeError and a sentence', async t => {
  const broker = await createBroker()
  t.teardown(() => broker.close())

  for (const [what, parts] of UNSAYABLE) {
    await t.rejects(broker.publish(given(parts)), { name: 'TypeError', message: /\w+ \w+/ }, what)
  }
})

const REFUSED: readonly (readonly [what: string, parts: object])[] = [
  ['too many levels', { topic: 'a/'.repeat(300) }],
  ["the broker's own topics", { topic: '$SYS/x' }],
  [
    'a payload that is not the UTF-8 it is said to be',
    { payload: Buffer.from('ff', 'hex'), properties: { payloadFormatIndicator: 1 } },
  ],
  ['more retained messages than there may be', { retain: true }],
]

test('a publish that is refused to a client is refused to the embedding program as well', async t => {
  const broker = await createBroker({ limits: { retainedMessagesMax: 0 } })
  t.teardown(() => broker.close())

  for (const [what, parts] of REFUSED) {
    await t.rejects(broker.publish(given(parts)), { name: 'Error', message: /\w+ \w+/ }, what)
  }
})

test('properties of one connection are not forwarded to subscribers, and lent bytes are copied', async t => {
  const { broker, port } = await brokerOnPort()
  t.teardown(() => broker.close())
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, {
    reconnectPeriod: 0,
    protocolVersion: 5,
  })
  t.teardown(() => client.endAsync())
  await client.subscribeAsync('t', { qos: 1 })
  const heard = new Promise<mqtt.IPublishPacket>(got =>
    client.once('message', (_topic, _payload, packet) => got(packet)),
  )
  const payload = Buffer.from('before')
  const userProperties: [string, string][] = [['name', 'before']]
  const properties: Properties = {
    userProperties,
    contentType: 'text',
    topicAlias: 3,
    subscriptionIdentifiers: [9],
    reasonString: 'none of a PUBLISH',
  }
  const kept: string[] = []
  broker.subscribe('t', message => kept.push(...Object.keys(message.properties)))

  void broker.publish({ topic: 't', payload, qos: 1, properties })
  payload.write('after!')
  userProperties[0] = ['name', 'after']

  const packet = await heard
  t.equal(packet.payload.toString(), 'before')
  t.strictSame(kept, ['contentType', 'userProperties'])
  t.match(packet.properties, { userProperties: { name: 'before' }, contentType: 'text' })
  t.notOk(packet.properties?.topicAlias)
  t.notOk(packet.properties?.subscriptionIdentifier)
})
