// Plugins of an embedded broker: order, encapsulation, failures. And the options that add hooks before the first client.

import mqtt from 'mqtt'
import { test } from 'tap'
import {
  createBroker,
  type EmbeddedBroker,
  type Log,
  type Plugin,
  PluginError,
  UNRESTRICTED,
} from '../../src/index.ts'

type ThePlugin = Plugin<EmbeddedBroker>

async function brokerFor(t: { teardown: (done: () => unknown) => void }) {
  const broker = await createBroker({ listeners: [{ port: 0 }] })
  t.teardown(() => broker.close())
  const url = `mqtt://127.0.0.1:${broker.listeners[0]?.port}`
  const client = await mqtt.connectAsync(url, { protocolVersion: 5, reconnectPeriod: 0 })
  t.teardown(() => client.endAsync(true))
  return { broker, client, url }
}

test('plugins are ready in the order of their calls, and plugins within them before them', async t => {
  const { broker } = await brokerFor(t)
  const order: string[] = []
  const slow: ThePlugin = async scope => {
    await scope.register(() => {
      order.push('within')
    })
    await new Promise(resolve => setTimeout(resolve, 5))
    order.push('slow')
  }

  await Promise.all([
    broker.register(slow),
    broker.register(() => {
      order.push('fast')
    }),
  ])

  t.strictSame(order, ['within', 'slow', 'fast'])
})

test('the hooks of a plugin with a prefix see only what is below it', async t => {
  const { broker, client } = await brokerFor(t)
  const seen: string[] = []
  const plugin: ThePlugin = async (scope, { prefix }) => {
    const say = (what: string): void => {
      seen.push(`${prefix} ${what}`)
    }
    scope.addHook('onPublish', ({ topic }) => say(`publish ${topic}`))
    scope.addHook('onSubscribe', ({ filter }) => say(`subscribe ${filter}`))
    scope.addHook('onDeliver', ({ topic }) => say(`deliver ${topic}`))
    scope.addHook('onSubscribed', ({ subscription }) => say(`subscribed ${subscription.filter}`))
    if (prefix === 'lab') await scope.register(plugin, { prefix: 'scales' })
  }
  await broker.register(plugin, { prefix: 'lab' })

  for (const filter of ['lab/#', '$share/g/lab/scales/1', '#', 'labour/1']) {
    await client.subscribeAsync(filter)
  }
  await client.publishAsync('labour/1', 'x', { qos: 1 })
  await client.publishAsync('lab/1', 'x', { qos: 1 })
  await client.publishAsync('lab/scales/2', 'x', { qos: 1 })

  const of = (what: string) => seen.filter(each => each.includes(` ${what} `))
  t.strictSame(of('publish'), [
    'lab publish lab/1',
    'lab publish lab/scales/2',
    'scales publish lab/scales/2',
  ])
  t.strictSame(of('subscribe'), [
    'lab subscribe lab/#',
    'lab subscribe $share/g/lab/scales/1',
    'scales subscribe $share/g/lab/scales/1',
  ])
  t.equal(of('subscribed').length, 3)
  t.notOk(seen.some(each => each.includes('labour')))
  t.ok(of('deliver').includes('scales deliver lab/scales/2'))
})

test('a plugin that fails or is not ready in time is named, and its hooks are gone', async t => {
  const { broker, client } = await brokerFor(t)
  let calls = 0
  let kept: (() => void) | null = null
  const failing: ThePlugin = async scope => {
    scope.addHook('onPublish', () => {
      calls += 1
    })
    await scope.register(function inner(within) {
      within.addHook('onPublish', () => {
        calls += 1
      })
    })
    kept = () => void scope.addHook('onPublish', () => {})
    throw new Error('no scales found')
  }

  await t.rejects(broker.register(failing, { name: 'scales' }), {
    code: 'ERR_PLUGIN',
    message: 'the plugin "scales" has failed: no scales found',
  })
  const outer: ThePlugin = scope =>
    scope.register(() => new Promise(() => {}), { name: 'inner', timeoutMs: 5 })
  await t.rejects(broker.register(outer, { name: 'outer' }), {
    code: 'ERR_PLUGIN_TIMEOUT',
    message: 'the plugin "outer/inner" was not ready in 0.005 s',
  })
  await broker.register(() => {}, { name: 'after' })
  t.throws(() => kept?.(), PluginError)
  await client.publishAsync('a', 'x', { qos: 1 })

  t.equal(calls, 0)
})

test('wrong hooks, plugins and prefixes are refused with what was meant', async t => {
  const { broker } = await brokerFor(t)
  const wrong = (name: string): unknown => Reflect.apply(broker.addHook, broker, [name, () => {}])

  t.throws(() => wrong('onPublsh'), /no hook "onPublsh" \(did you mean onPublish\?\)/)
  t.throws(() => Reflect.apply(broker.addHook, broker, ['onPublish', 7]), /must be a function/)
  await t.rejects(
    Reflect.apply(broker.register, broker, [7]) as Promise<void>,
    /must be a function/,
  )
  for (const prefix of ['/a', 'a/', '+', 'a/#']) {
    await t.rejects(
      broker.register(() => {}, { prefix }),
      /without a slash at either end/,
    )
  }
  const table: readonly (readonly [object, string])[] = [
    [
      { hooks: { onPublsh: () => {} } },
      'hooks.onPublsh: unknown hook "onPublsh" (did you mean onPublish?)',
    ],
    [{ hooks: { onPublish: 7 } }, 'hooks.onPublish: must be a function, not a number'],
    [{ hooks: 7 }, 'hooks: must be functions by name, not a number'],
    [{ hookTimeoutMs: 0 }, 'hookTimeoutMs: must be a number above 0'],
    [{ setUp: 7 }, 'setUp: must be a function'],
  ]
  for (const [options, message] of table) await t.rejects(createBroker(options), { message })
})

test('hooks and plugins of the options are there before the first client', async t => {
  const order: string[] = []
  const broker = await createBroker({
    listeners: [{ port: 0 }],
    hooks: { onAuthenticate: ({ username }) => username === 'pond' },
    setUp: async each => {
      order.push(`listeners: ${each.listeners.length}`)
      await each.register(scope => {
        scope.addHook('onConnect', ({ clientId }) => clientId !== 'unwanted')
      })
    },
  })
  t.teardown(() => broker.close())
  const url = `mqtt://127.0.0.1:${broker.listeners[0]?.port}`
  const connects = (clientId: string, username: string) =>
    mqtt.connectAsync(url, { clientId, username, reconnectPeriod: 0, protocolVersion: 5 })

  const client = await connects('a', 'pond')
  t.equal(broker.clients.get('a')?.username, 'pond')
  await client.endAsync()
  await t.rejects(connects('b', 'nobody'), { code: 0x86 })
  await t.rejects(connects('unwanted', 'pond'), { code: 0x87 })
  t.strictSame(order, ['listeners: 0'])
  await t.rejects(
    createBroker({
      setUp: () => {
        throw new Error('no database')
      },
    }),
    /no database/,
  )
})

test('hooks do not give more rights than an access that keeps everybody out for enhanced authentication', async t => {
  const log: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
  const connects: string[] = []
  const broker = await createBroker({
    log,
    listeners: [{ port: 0 }],
    access: {
      authenticate: () => false,
      beginExchange: () => ({
        step: ({ data }) =>
          data?.toString() === 'right' && { kind: 'allowed', permissions: UNRESTRICTED },
      }),
    },
    hooks: {
      onAuthenticate: () => true,
      onConnect: ({ clientId }) => {
        connects.push(clientId)
      },
    },
  })
  t.teardown(() => broker.close())
  const url = `mqtt://127.0.0.1:${broker.listeners[0]?.port}`
  const properties = { authenticationMethod: 'own', authenticationData: Buffer.from('wrong') }

  await t.rejects(
    mqtt.connectAsync(url, { clientId: 'a', protocolVersion: 5, properties, reconnectPeriod: 0 }),
    { code: 0x86 },
  )
  t.strictSame(connects, ['a'], 'onConnect is asked for each CONNECT')
})

declare module '../../src/hooks/decorators.ts' {
  interface Decorations {
    readonly depth: number
    readonly tide: string
  }
}

test('a member is seen where it was added and in the plugins within, also in those that are there already', async t => {
  const broker = await createBroker()
  t.teardown(() => broker.close())
  let tide = 'low'
  let inner: { tide: string; depth: number } | null = null
  const outer: ThePlugin = async scope => {
    await scope.register(each => {
      inner = each
    })
    scope.decorate('tide', { getter: () => tide })
    t.equal(scope.hasDecorator('tide'), true)
  }
  await broker.register(outer)
  t.equal(broker.decorate('depth', 3), broker)
  tide = 'high'

  t.match(inner, { tide: 'high', depth: 3 })
  t.equal(broker.depth, 3)
  t.equal(broker.hasDecorator('tide'), false)
  t.equal('tide' in broker, false, 'what a plugin adds is its own')
  await broker.register(scope => {
    t.equal(scope.depth, 3)
    scope.decorate('tide', 'another')
  })
  t.throws(() => Object.assign(broker, { depth: 4 }), TypeError)
})

test('a member that is there already is refused with the name of the plugin, and of the one that was first', async t => {
  const broker = await createBroker()
  t.teardown(() => broker.close())
  function tides(scope: Parameters<ThePlugin>[0]): void {
    scope.decorate('tide', 'low')
  }
  const twice: ThePlugin = async scope => {
    tides(scope)
    await scope.register(tides)
  }
  broker.decorate('depth', 3)

  await t.rejects(broker.register(twice), {
    code: 'ERR_DECORATOR',
    message: 'the plugin "twice/tides" cannot add "tide": the plugin "twice" has added it',
  })
  const again = {
    code: 'ERR_DECORATOR',
    message: /the program cannot add "depth": the program has/,
  }
  t.throws(() => broker.decorate('depth', 4), again)
  for (const name of ['publish', 'register', 'then', 'prefix', 'constructor', 'toString'])
    t.throws(() => broker.decorate(name, 1), /it is a member already/, name)
  t.throws(() => broker.decorate('', 1), /the name is no text/)
})

test('what MQTT does not allow is of the plugin that has made it, whatever others change', async t => {
  const faults: string[] = []
  const log: Log = {
    debug: () => {},
    info: () => {},
    warn: () => {},
    error: ({ event, cause }) => {
      if (event === 'fault.contained') faults.push(String(cause))
    },
  }
  const broker = await createBroker({ log })
  t.teardown(() => broker.close())
  let isCalled = false
  function wild(scope: Parameters<ThePlugin>[0]): void {
    scope.addHook('onPublish', context => {
      context.topic = 'a/#'
    })
  }
  await broker.register(wild)
  await broker.register(scope => {
    scope.addHook('onPublish', context => {
      isCalled = true
      context.qos = 0
    })
  })
  const client = await broker.connect()

  await t.rejects(client.publish({ topic: 'a', payload: 'x', qos: 1 }))
  t.equal(isCalled, false)
  t.match(faults, [/^onPublish of plugin "wild" has made what MQTT does not allow/])
})
