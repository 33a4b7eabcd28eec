// A broker whose machine's clocks jump by hours while it runs: the time of day is set, or the whole machine was stopped for so long.

import { join } from 'node:path'
import mqtt, { type MqttClient } from 'mqtt'
import { type Test, test } from 'tap'
import { CLI } from '../command.ts'
import { Program } from '../interop/programs.ts'

const HOUR_MS = 3_600_000
const WAITS_MAX = 1_000
const EXPIRES = { clean: false, protocolVersion: 5 } as const

/** The clocks of the process go by these steps further with each SIGUSR2, in milliseconds. */
interface Jumps {
  readonly timeOfDay: readonly number[]
  readonly monotonic: readonly number[]
}

class JumpingBroker {
  readonly #program: Program
  #jumps = 0

  constructor(directory: string, { timeOfDay, monotonic }: Jumps) {
    const script = `
      const [date, now] = [Date.now, performance.now.bind(performance)]
      let [day, hours, jumps] = [0, 0, 0]
      Date.now = () => date() + day
      Object.defineProperty(performance, 'now', { value: () => now() + hours })
      process.on('SIGUSR2', () => {
        day += ${JSON.stringify(timeOfDay)}[jumps] ?? 0
        hours += ${JSON.stringify(monotonic)}[jumps] ?? 0
        console.log('jump ' + ++jumps)
      })`
    const setting = `data:text/javascript,${encodeURIComponent(script)}`
    const words = ['start', '--port', '0', '--ws-port', '0', '--data', join(directory, 'data')]
    this.#program = new Program(process.execPath, ['--import', setting, CLI, ...words])
  }

  async url(): Promise<string> {
    await this.#program.prints('ready')
    return `mqtt://127.0.0.1:${/127\.0\.0\.1:(\d+)/.exec(this.#program.output)?.[1] ?? ''}`
  }

  async jumps(): Promise<void> {
    this.#program.process.kill('SIGUSR2')
    await this.#program.prints(`jump ${++this.#jumps}`)
  }

  async ends(): Promise<void> {
    await this.#program.killed()
  }
}

interface Listener {
  readonly client: MqttClient
  readonly heard: string[]
  readonly closings: { count: number }
}

/** Pings each second. */
async function listener(url: string): Promise<Listener> {
  const options = { clientId: 'listener', keepalive: 1, reconnectPeriod: 0 }
  const client = await mqtt.connectAsync(url, { ...options, protocolVersion: 5 })
  const heard: string[] = []
  const closings = { count: 0 }
  client.on('message', (_topic, payload) => heard.push(payload.toString()))
  client.on('close', () => (closings.count += 1))
  await client.subscribeAsync('due', { qos: 1 })
  return { client, heard, closings }
}

/** A client with a session that is away; messages wait for it that expire. */
async function goesAway(url: string, sessionExpiryInterval: number): Promise<void> {
  const properties = { sessionExpiryInterval }
  const options = { ...EXPIRES, clientId: `away-${sessionExpiryInterval}`, properties }
  const client = await mqtt.connectAsync(url, options)
  await client.subscribeAsync('waits', { qos: 1 })
  await client.endAsync()
}

/** Returns what it got as it came back; null if its session had ended. */
async function comesBack(url: string, sessionExpiryInterval: number): Promise<string[] | null> {
  const properties = { sessionExpiryInterval }
  const options = { ...EXPIRES, clientId: `away-${sessionExpiryInterval}`, properties }
  const client = mqtt.connect(url, options)
  const got: string[] = []
  client.on('message', (_topic, payload) => got.push(payload.toString()))
  const isPresent = await new Promise<boolean>(found => {
    client.once('connect', ({ sessionPresent }) => found(sessionPresent))
  })
  await passes(300)
  await client.endAsync()
  return isPresent ? got : null
}

function passes(milliseconds: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, milliseconds))
}

async function until(isSo: () => boolean): Promise<void> {
  for (let left = WAITS_MAX; !isSo(); left--) {
    if (left === 0) throw new Error('what is due has not come')
    await passes(20)
  }
}

function published(client: MqttClient, seconds: number): Promise<unknown> {
  const properties = { messageExpiryInterval: seconds }
  return client.publishAsync('waits', `within ${seconds} s`, { qos: 1, properties })
}

async function withBroker(t: Test, jumps: Jumps): Promise<[JumpingBroker, string]> {
  const broker = new JumpingBroker(t.testdir(), jumps)
  t.teardown(() => broker.ends())
  return [broker, await broker.url()]
}

test('setting the time of day by hours makes nothing due, and holds nothing back', async t => {
  const [broker, url] = await withBroker(t, {
    timeOfDay: [5 * HOUR_MS, -10 * HOUR_MS],
    monotonic: [],
  })
  const { client, heard, closings } = await listener(url)
  for (const seconds of [60, 3_600]) await goesAway(url, seconds)
  await published(client, 120)
  await client.publishAsync('$delayed/3600/due', 'in an hour', { qos: 1 })

  for (const payload of ['after it was set forward', 'after it was set back']) {
    await client.publishAsync('$delayed/1/due', payload, { qos: 1 })
    await broker.jumps()
    await until(() => heard.includes(payload))
  }
  t.strictSame(heard, ['after it was set forward', 'after it was set back'])
  t.equal(closings.count, 0)
  t.strictSame(await comesBack(url, 60), ['within 120 s'])
  t.strictSame(await comesBack(url, 3_600), ['within 120 s'])
  await client.endAsync()
})

test('after five hours in which the whole machine stood still, what is due is due, and nobody is thrown out', async t => {
  const [broker, url] = await withBroker(t, { timeOfDay: [5 * HOUR_MS], monotonic: [5 * HOUR_MS] })
  const { client, heard, closings } = await listener(url)
  for (const seconds of [3_600, 36_000]) await goesAway(url, seconds)
  for (const seconds of [7_200, 36_000]) await published(client, seconds)
  await client.publishAsync('$delayed/14400/due', 'second', { qos: 1 })
  await client.publishAsync('$delayed/7200/due', 'first', { qos: 1 })
  await client.publishAsync('$delayed/72000/due', 'much later', { qos: 1 })

  await broker.jumps()
  await until(() => heard.length === 2)
  await passes(2_000)
  t.strictSame(heard, ['first', 'second'])
  t.equal(closings.count, 0, 'the keep-alive counts from what is read after it')
  t.equal(await comesBack(url, 3_600), null)
  t.strictSame(await comesBack(url, 36_000), ['within 36000 s'])
  await client.endAsync()
})
