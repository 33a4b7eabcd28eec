// Lists, single clients, their subscriptions, and what is done to them.

import mqtt from 'mqtt'
import { test } from 'tap'
import { brokerWithApi } from './api-client.ts'

test('clients are listed, found, shown, disconnected and forgotten', async t => {
  const { operator, mqtt: url, lines } = await brokerWithApi(t)
  const join = (clientId: string, options: mqtt.IClientOptions = {}) =>
    mqtt.connectAsync(url, {
      clientId,
      clean: false,
      protocolVersion: 5,
      reconnectPeriod: 0,
      properties: { sessionExpiryInterval: 3_600 },
      ...options,
    })
  const will = { topic: 'gone', payload: Buffer.from('x'), qos: 1 as const, retain: true }
  const pump = await join('pump-1', { keepalive: 30, will })
  await pump.subscribeAsync({ 'a/+': { qos: 1, nl: true }, '$share/g/b': { qos: 2 } })
  const away = await join('away-1')
  await away.subscribeAsync('a/#', { qos: 1, properties: { subscriptionIdentifier: 7 } })
  await away.endAsync()
  await pump.publishAsync('a/b', 'x', { qos: 1, retain: true })

  const { json } = await operator('GET', '/clients?sort=-queuedMessages')
  t.match(json, { matched: 2, total: 2, nextCursor: null })
  t.match(json.items, [
    { clientId: 'away-1', state: 'away', queuedMessages: 1, connectedAt: null, protocol: null },
    {
      clientId: 'pump-1',
      state: 'connected',
      protocol: '5.0',
      messagesReceived: 1,
      transport: 'tcp',
    },
  ])
  t.match((await operator('GET', '/client?clientId=pump-1')).json, {
    keepAliveSeconds: 30,
    listener: /^mqtt:/,
    will: { topic: 'gone', qos: 1, retain: true, payloadBytes: 1 },
    subscriptions: 2,
    sessionExpirySeconds: 3_600,
  })
  const namesOf = async (query: string) => {
    const page = await operator('GET', `/clients?${query}`)
    return page.json.items.map(({ clientId }: { clientId: string }) => clientId)
  }
  t.strictSame(await namesOf('q=PUMP'), ['pump-1'])
  t.strictSame(await namesOf('state=away'), ['away-1'])
  t.strictSame(await namesOf('queued=1'), ['away-1'])
  t.strictSame(await namesOf('username=nobody'), [])
  t.match((await operator('GET', '/subscriptions?clientId=pump-1')).json, {
    items: [
      { filter: '$share/g/b', shareName: 'g', qos: 2 },
      { filter: 'a/+', noLocal: true, qos: 1, subscriptionId: null },
    ],
  })
  const matching = await operator('GET', '/subscriptions?topic=a%2Fb')
  t.match(matching.json.items, [{ clientId: 'away-1', subscriptionId: 7 }, { clientId: 'pump-1' }])
  t.match((await operator('GET', '/subscriptions?filter=a%2F%23')).json, { matched: 1, total: 1 })
  t.match((await operator('GET', '/search?q=a')).json, {
    items: [
      { kind: 'client', name: 'away-1' },
      { kind: 'topic', name: 'a/b' },
    ],
    isComplete: true,
  })

  const reason = new Promise(told => pump.once('disconnect', packet => told(packet.reasonCode)))
  const body = { clientId: 'pump-1' }
  t.match(await operator('POST', '/client/disconnect', { body }), { json: { disconnected: 1 } })
  t.equal(await reason, 0x98)
  t.match(await operator('DELETE', '/client?clientId=pump-1'), { json: { deleted: 1 } })
  t.match(await operator('GET', '/client?clientId=pump-1'), { status: 404 })
  t.match(
    lines.find(line => line.includes('DELETE')),
    /"by":"sign-in .*clientId=pump-1/,
  )
})

test('pages go on behind their cursor, in every order, while clients come and go', async t => {
  const { server, operator } = await brokerWithApi(t)
  const { core } = server
  const names = Array.from({ length: 25 }, (_, index) => `client-${String(index).padStart(2, '0')}`)
  const clients = await Promise.all(
    names.map(clientId =>
      mqtt.connectAsync(`mqtt://127.0.0.1:${server.listeners[0]?.port}`, { clientId }),
    ),
  )
  const seen: string[] = []
  let cursor = ''

  for (let page = 0; page < 3; page++) {
    const { json } = await operator('GET', `/clients?limit=10&sort=-clientId${cursor}`)
    for (const { clientId } of json.items) seen.push(clientId)
    cursor = `&cursor=${json.nextCursor}`
    t.equal(json.total, 25 - page)
    await clients[page]?.endAsync()
    while (core.broker.sessions.count !== 24 - page) await new Promise(setImmediate)
  }

  t.strictSame(seen, names.slice(2).reverse())
  const other = await operator('GET', `/clients?limit=10${cursor}`)
  t.match(other, { status: 422 })
  await Promise.all(clients.slice(3).map(client => client.endAsync()))
})

test('what a query or a body gets wrong is said by field', async t => {
  const { operator } = await brokerWithApi(t)
  const detailOf = async (path: string) => {
    const { status, json } = await operator('GET', path)
    t.equal(status, 422, path)
    return json.detail
  }

  t.match(await detailOf('/clients?limit=201'), /limit: must be a whole number from 1 to 200/)
  t.match(await detailOf('/clients?sort=colour'), /sort: /)
  t.match(await detailOf('/clients?limt=2'), /"limt" \(did you mean limit\?\)/)
  t.match(await detailOf('/clients?limit=1&limit=2'), /limit twice/)
  t.match(await detailOf('/clients?cursor=x'), /cursor: it is not of this list/)
  t.match(await detailOf('/client'), /clientId: is missing/)
  t.match(await detailOf('/subscriptions?topic=a&clientId=b'), /give one of/)
  t.match(await detailOf('/subscriptions?topic=a%2F%23'), /must be a topic, without/)
  t.match((await operator('POST', '/client/disconnect', { text: '{"clientId":["a"]}' })).json, {
    detail: /clientId: .*expected string, received array/,
  })
  const post = (text: string) => operator('POST', '/client/disconnect', { text })
  t.match(await post('{"clientId":"a","clientId":"b"}'), {
    status: 400,
    json: { detail: /key twice/ },
  })
  t.match(await post('{'), { status: 400 })
  t.match(await post('[]'), { status: 422 })
  t.match(await post('{"clientId":5}'), { status: 422 })
  t.match(await post(JSON.stringify({ clientId: 'x'.repeat(70_000) })), { status: 413 })
  t.match(await operator('GET', '/nothing'), { status: 404, json: { detail: /openapi.json/ } })
  t.match(await operator('PUT', '/client'), { status: 405, headers: { allow: 'GET, DELETE' } })
  t.equal((await operator('HEAD', '/clients')).status, 200)
})

test('every path is in the document of the API, with who may ask and what is answered', async t => {
  const { server, ask } = await brokerWithApi(t)
  const { json } = await ask('GET', '/openapi.json')

  t.match(json, { openapi: '3.1.0', components: { schemas: { Problem: { type: 'object' } } } })
  const routes = await server.api.routes()
  for (const { method, path, summary } of routes) {
    const operation = json.paths[`/api/v1${path}`]?.[method.toLowerCase()]
    t.match(operation, { summary, operationId: String, responses: { default: {} } }, path)
  }
  const ids = routes.map(
    ({ method, path }) => json.paths[`/api/v1${path}`][method.toLowerCase()].operationId,
  )
  t.equal(new Set(ids).size, ids.length)
  t.match(json.paths['/api/v1/clients'].get.parameters[0], {
    name: 'limit',
    in: 'query',
    required: false,
    schema: { type: 'integer', minimum: 1, maximum: 200 },
  })
})

test('of each client it is known what was dropped for it, by reason and in words', async t => {
  const {
    operator,
    mqtt: url,
    server,
  } = await brokerWithApi(t, {
    limits: { queuedMessagesMax: 2 },
  })
  const join = (clientId: string) => {
    const properties = { sessionExpiryInterval: 3_600 }
    return mqtt.connectAsync(url, { clientId, clean: false, protocolVersion: 5, properties })
  }
  for (const clientId of ['slow', 'well']) {
    const client = await join(clientId)
    await client.subscribeAsync(clientId, { qos: 1 })
    await client.endAsync()
  }
  const sequences: number[] = []
  for (const qos of [1, 1, 1, 1, 1, 0]) {
    const { json } = await operator('POST', '/publish', { body: { topic: 'slow', qos } })
    t.equal(json.receivers, 1)
    sequences.push(json.sequence)
  }

  t.strictSame(
    sequences,
    sequences.toSorted((one, other) => one - other),
  )
  t.equal(new Set(sequences).size, 6)
  const { json } = await operator('GET', '/client?clientId=slow')
  t.match(json, { dropped: { 'queue-full': 3, 'client-away': 1 } })
  t.match(json.dropWords, {
    'queue-full': { cause: 'its queue is full', key: /queuedMessagesMax/, isWarned: true },
    'client-away': { isWarned: false },
  })
  t.match((await operator('GET', '/clients?dropped=1')).json, {
    matched: 1,
    items: [{ clientId: 'slow', dropped: { 'queue-full': 3 } }],
  })
  t.match((await operator('GET', '/clients?sort=-dropped')).json.items, [{}, { dropped: {} }])
  t.match((await operator('GET', '/client/events?clientId=slow')).json.events.at(-1), {
    kind: 'dropped',
    drop: { cause: 'it is away, and messages of QoS 0 are not kept', isWarned: false },
  })
  const { timelines } = server.records
  const before = timelines.bytes
  timelines.dropped('new', 'overload', 't')
  t.ok(timelines.bytes - before >= 512 + 512, 'the counts are part of the bound')
})
