// What has happened, over the API: events, refusals, charts, topics, traces and explanations.

import mqtt from 'mqtt'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { test } from 'tap'
import { asking, brokerWithApi, signedIn } from './api-client.ts'

test('an operator finds out who floods, why another was refused, and where a message went', async t => {
  const {
    server,
    ask,
    operator,
    port,
    mqtt: url,
  } = await brokerWithApi(t, {
    access: { users: {} },
    limits: { queuedMessagesMax: 2 },
  })
  server.core.broker.faults.observers.heard.refused?.(
    { clientId: 'esp-7', username: 'esp', address: '10.0.0.7', transport: 'tcp', version: 5 },
    0x86,
    'no such user',
  )
  const join = (clientId: string) =>
    mqtt.connectAsync(url, { clientId, clean: false, reconnectPeriod: 0 }).catch(() => null)
  t.equal(await join('<script>'), null)

  t.match((await operator('GET', '/client/events?clientId=esp-7')).json.events, [
    { kind: 'refused', count: 1, cause: 'no such user', address: '10.0.0.7' },
  ])
  const { json: refused } = await operator('GET', '/refused?limit=1')
  t.match(refused, { matched: 2, total: 2, items: [{ clientId: '<script>' }] })
  const next = await operator('GET', `/refused?cursor=${refused.nextCursor}`)
  t.match(next.json.items, [{ clientId: 'esp-7', mend: /user/, count: 1 }])
  server.records.tick()
  const { json: status } = await operator('GET', '/status')
  t.ok(status.alarms.some(({ code }: { code: string }) => code === 'refusals'))
  t.equal((await ask('GET', '/refused')).status, 401)
  const user = await operator('POST', '/keys', { body: { name: 'u', role: 'user', username: 'x' } })
  const asUser = asking(server, port, { authorization: `Bearer ${user.json.key}` })
  t.equal((await asUser('GET', '/refused')).status, 403)
})

test('events, topics, charts, traces and explanations of a live broker', async t => {
  const { server, operator, port, ask, mqtt: url } = await brokerWithApi(t)
  const join = (clientId: string) =>
    mqtt.connectAsync(url, {
      clientId,
      clean: false,
      reconnectPeriod: 0,
      protocolVersion: 5,
      properties: { sessionExpiryInterval: 60 },
    })
  const viewer = asking(server, port, { cookie: await signedIn(ask, server, 'viewer', port) })
  const twin = await join('twin')
  const ended = new Promise<void>(settle => twin.once('close', () => settle()))
  await join('twin')
  await ended
  const reader = await join('reader')
  await reader.subscribeAsync('fleet/#', { qos: 1 })

  const begun = await operator('POST', '/traces', { body: { filter: 'fleet/#', seconds: 300 } })
  t.match(begun, { status: 201, json: { id: 1, filter: 'fleet/#', clientId: null, isOver: false } })
  const lines = followed(port, begun.json.id, await signedIn(ask, server, 'operator', port))
  const heard = new Promise<void>(settle => reader.once('message', () => settle()))
  const truck = await join('truck')
  await truck.publishAsync('fleet/1', '{"lat":48}', { qos: 1, retain: true })
  await heard
  await reader.publishAsync('other', 'x', { qos: 1 })

  t.match((await viewer('GET', '/client/events?clientId=twin')).json.events, [
    { kind: 'connected', by: null },
    { kind: 'takeover', address: '127.0.0.1', otherAddress: '127.0.0.1', topic: null },
    { kind: 'disconnected', by: 'takeover', reasonCode: 0x8e },
    { kind: 'connected', cause: 'its session continues' },
  ])
  const { json: topics } = await viewer('GET', '/topics')
  t.match(topics, {
    sampledOneIn: 1,
    items: [{ topic: 'fleet', retainedBelow: 1, hasChildren: true }, { topic: 'other' }],
  })
  t.match((await viewer('GET', '/topic?topic=fleet%2F1')).json, {
    isRetained: true,
    lastPublisher: 'truck',
    hasChildren: false,
  })
  server.records.tick()
  const { json: history } = await viewer('GET', '/metrics/history?range=60s')
  t.equal(history.mean.clientsConnected.at(-1), 3)
  t.equal(history.mean.clientsConnected.length, 60)

  t.match((await operator('GET', '/trace?id=1')).json.lines, [
    { kind: 'received', clientId: 'truck', payload: '{"lat":48}' },
    { kind: 'sent', clientId: 'reader' },
    { kind: 'matched', text: '1 receiver' },
    { kind: 'acknowledged', clientId: 'reader' },
  ])
  t.equal((await viewer('GET', '/trace?id=1')).status, 403, 'a viewer sees no payloads')
  t.match((await viewer('GET', '/traces')).json.items, [{ id: 1, lines: 4, leftOut: 0 }])
  const body = { topic: 'fleet/1', publisher: 'truck', receiver: 'reader' }
  const { json: story } = await viewer('POST', '/explain/delivery', { body })
  t.equal(story.verdict, '1 of 1 would receive a message at once now.')
  t.match(story.steps[0], { source: 'recorded', clientId: 'truck', cause: 'received, QoS 1' })
  const right = { clientId: 'truck', action: 'publish', topic: 'fleet/1' }
  t.equal(
    (await viewer('POST', '/explain/access', { body: right })).json.verdict,
    'It is allowed now.',
  )

  t.same((await operator('DELETE', '/traces?id=1')).json, { deleted: 1 })
  t.same((await operator('DELETE', '/traces?id=1')).json, { deleted: 0 })
  t.equal((await lines).split('\n').length, 5, 'the follower got each line, and then the end')
})

test('the last lines of the log, and further ones with those of a trace, are streamed', async t => {
  const { server, operator, port, ask, mqtt: url } = await brokerWithApi(t)
  const viewer = asking(server, port, { cookie: await signedIn(ask, server, 'viewer', port) })
  const { json: begun } = await operator('POST', '/traces', { body: { clientId: 'esp' } })
  const cookie = await signedIn(ask, server, 'operator', port)
  const stream = frames(port, `/stream?log=info&trace=${begun.id}`, cookie)

  const esp = await mqtt.connectAsync(url, { clientId: 'esp', reconnectPeriod: 0 })
  await esp.publishAsync('a', 'x')
  await esp.endAsync()

  t.match(await stream('log', 'client.connected'), { level: 'info', clientId: 'esp' })
  t.match(await stream('trace', 'publish'), { kind: 'publish', topic: 'a', payload: 'x' })
  const { json } = await viewer('GET', '/log?event=client.disconnected&q=ESP&level=info')
  t.match(json, {
    matched: 1,
    items: [{ clientId: 'esp', text: /^disconnected: the client said/ }],
  })
  t.equal((await viewer('GET', '/log?level=loud')).status, 422)
  t.equal((await viewer('GET', `/stream?trace=${begun.id}`)).status, 403)
  t.equal((await operator('GET', '/stream?trace=99')).status, 404)
})

test('wrong questions are refused with a sentence', async t => {
  const { operator } = await brokerWithApi(t)
  for (const [method, path, body] of [
    ['GET', '/client/events', undefined],
    ['GET', '/metrics/history?range=2h', undefined],
    ['GET', '/topic?topic=a%2F%23', undefined],
    ['POST', '/traces', {}],
    ['POST', '/traces', { filter: 'a/#/b' }],
    ['POST', '/traces', { filter: 'a', seconds: 601 }],
    ['POST', '/explain/delivery', { topic: '+' }],
    ['POST', '/explain/delivery', { topic: 'a', qos: 3 }],
    ['POST', '/explain/access', { topic: 'a', action: 'delete' }],
  ] as const) {
    const { status, json } = await operator(method, path, body === undefined ? {} : { body })
    t.equal(status, 422, `${method} ${path} ${JSON.stringify(body)}`)
    t.ok(json.detail)
  }
  t.equal((await operator('GET', '/trace?id=7')).status, 404)
  for (const clientId of ['..', '%2e%2e', '<img onerror>', '\u202e', 'a\r\nb']) {
    const query = encodeURIComponent(clientId)
    t.same((await operator('GET', `/client/events?clientId=${query}`)).json, {
      clientId,
      events: [],
    })
    const answer = await operator('POST', '/explain/delivery', {
      body: { topic: 'a', receiver: clientId },
    })
    t.equal(answer.json.steps.at(-1).clientId, clientId)
  }
  for (let id = 1; id <= 4; id++) {
    t.equal((await operator('POST', '/traces', { body: { filter: `f/${id}` } })).status, 201)
  }
  const fifth = await operator('POST', '/traces', { body: { filter: 'f/5' } })
  t.match(fifth, { status: 409, json: { detail: /4 traces run already/ } })
})

/** Reads the lines of a trace until it ends. */
async function followed(port: number, id: number, cookie: string): Promise<string> {
  const headers = { host: `localhost:${port}`, cookie, accept: 'application/x-ndjson' }
  const question = request({
    host: '127.0.0.1',
    port,
    path: `/api/v1/trace?id=${id}`,
    headers,
  }).end()
  const [response] = (await once(question, 'response')) as [IncomingMessage]
  let text = ''
  for await (const chunk of response) text += String(chunk)
  return text
}

/** Opens a stream. What it returns waits for a frame of this event that contains the text. */
function frames(port: number, path: string, cookie: string) {
  const headers = { host: `localhost:${port}`, cookie }
  const question = request({ host: '127.0.0.1', port, path: `/api/v1${path}`, headers }).end()
  let text = ''
  const changed: (() => void)[] = []
  question.on('response', response => {
    response.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      for (const tell of changed.splice(0)) tell()
    })
  })
  question.on('error', () => {})
  return async (event: string, part: string): Promise<object> => {
    for (;;) {
      const frame = text
        .split('\n\n')
        .find(each => each.startsWith(`event: ${event}\n`) && each.includes(part))
      const data = /^data: (.*)$/m.exec(frame ?? '')?.[1]
      if (data !== undefined) return JSON.parse(data) as object
      await new Promise<void>(tell => changed.push(tell))
    }
  }
}
