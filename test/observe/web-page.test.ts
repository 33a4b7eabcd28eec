// The page and /api/v1/status count the same things, and the page can be read.

import mqtt from 'mqtt'
import { test } from 'tap'
import { createBroker } from '../../src/index.ts'
import { FIGURES, type Status } from '../../src/observe/status.ts'

async function brokerWithPage() {
  const broker = await createBroker({ listeners: [{ port: 0 }, { protocol: 'ws', port: 0 }] })
  const [plain, web] = broker.listeners
  const get = async (path: string) => (await fetch(`http://127.0.0.1:${web?.port}${path}`)).text()
  return { broker, port: plain?.port ?? 0, get }
}

/** Relative luminance and contrast as WCAG 2.1 defines them. */
function contrastOf(one: string, other: string): number {
  const [light = 0, dark = 0] = [luminanceOf(one), luminanceOf(other)].sort((a, b) => b - a)
  return (light + 0.05) / (dark + 0.05)
}

function luminanceOf(color: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map(at => {
    const part = parseInt(color.slice(at, at + 2), 16) / 255
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

test('the figures are those of clients: not of the broker itself, nor of the program around it', async t => {
  const { broker, port, get } = await brokerWithPage()
  t.teardown(() => broker.close())
  const status = async () => JSON.parse(await get('/api/v1/status')) as Status
  const counts = async () => {
    const { clientsConnected, sessions, subscriptions, retainedMessages } = await status()
    return [clientsConnected, sessions, subscriptions, retainedMessages]
  }
  t.strictSame(await counts(), [0, 0, 0, 0])

  broker.subscribe('#', () => {})
  await broker.publish({ topic: 'kept', payload: 'x', retain: true })
  const options = { protocolVersion: 5, clean: false, reconnectPeriod: 0 } as const
  const join = (clientId: string) =>
    mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, {
      ...options,
      clientId,
      properties: { sessionExpiryInterval: 60 },
    })
  const [one, other] = [await join('one'), await join('other')]
  await one.subscribeAsync(['a', '$share/g/b'])
  await one.subscribeAsync('a')
  await other.subscribeAsync('$share/g/b')
  t.strictSame(await counts(), [2, 2, 3, 1])

  await other.unsubscribeAsync('$share/g/b')
  await one.endAsync()
  t.strictSame(await counts(), [1, 2, 2, 1])
  await other.endAsync()
})

test('the page shows every figure of the status, by its name', async t => {
  const { broker, get } = await brokerWithPage()
  t.teardown(() => broker.close())
  const page = await get('/')
  const status = JSON.parse(await get('/api/v1/status')) as Record<string, unknown>

  const others = ['uptimeSeconds', 'storeFreeBytes', 'rssBytes']
  const numbers = Object.keys(status).filter(name => typeof status[name] === 'number')
  const shown = FIGURES.map(({ name }) => name as string)
  t.strictSame(shown.toSorted(), numbers.filter(name => !others.includes(name)).toSorted())
  for (const name of [...shown, 'durability', 'dropped']) t.match(page, `<dd id="${name}">`)
})

test('every colour of a text has a contrast of 4.5:1 with what may be behind it, in both schemes', async t => {
  const { broker, get } = await brokerWithPage()
  t.teardown(() => broker.close())
  const page = await get('/')
  const schemes = [...page.matchAll(/:root \{([^}]*)\}/g)].map(([, body = '']) =>
    Object.fromEntries(
      [...body.matchAll(/--(\w+): (#[0-9a-f]{6})/g)].map(([, name, color]) => [name, color]),
    ),
  )
  t.equal(schemes.length, 2)

  for (const colors of schemes) {
    for (const [text, behind] of [
      ['text', 'page'],
      ['text', 'card'],
      ['faint', 'page'],
      ['faint', 'card'],
      ['code', 'screen'],
    ] as const) {
      const contrast = contrastOf(colors[text] ?? '', colors[behind] ?? '')
      t.ok(contrast >= 4.5, `${text} on ${behind}: ${contrast.toFixed(2)}`)
    }
  }
  // No other colours than these.
  const rules = page.slice(page.indexOf('body {'), page.indexOf('</style>'))
  t.notMatch(rules, /#[0-9a-f]{3}|rgb|hsl/)
})

test('nothing else is answered beside MQTT: an unknown path is 404, and only GET and HEAD are read', async t => {
  const { broker } = await brokerWithPage()
  t.teardown(() => broker.close())
  const address = `http://127.0.0.1:${broker.listeners[1]?.port}`

  for (const path of ['/nothing', '/api', '/api/v1', '//', '/%00', '/healthz/x']) {
    const response = await fetch(`${address}${path}`)
    t.equal(response.status, 404, path)
    t.match(await response.text(), /^Nothing is here\. /)
  }
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
    t.equal((await fetch(`${address}/`, { method })).status, 405, method)
  }
  const head = await fetch(`${address}/healthz`, { method: 'HEAD' })
  t.equal(head.status, 200)
  t.equal(await head.text(), '')
})
