// The first minute: a broker on a terminal, with keys.

import { readFileSync } from 'node:fs'
import { type Test, test } from 'tap'
import { Observers } from '../../src/broker/observers.ts'
import { banner } from '../../src/cli/banner.ts'
import { LiveEvents } from '../../src/cli/terminal/live-events.ts'
import { parseConfig } from '../../src/config/parse.ts'
import { VERSION } from '../../src/observe/version.ts'
import { makeMessage } from '../../src/message.ts'
import { NO_PROPERTIES } from '../../src/packet/packet.ts'
import { CLI } from '../command.ts'
import { Program, run } from '../interop/programs.ts'
import { noTerminal, PseudoTerminal } from './pseudo-terminal.ts'

const START = `exec ${process.execPath} ${CLI} start -p 0 --ws-port 0`

async function started(t: Test, command = START) {
  const folder = t.testdir({})
  const terminal = new PseudoTerminal(t, command, folder)
  const { input: before, 1: port = '' } = await terminal.shows(/MQTT +mqtt:\/\/localhost:(\d+)/)
  return { terminal, port, folder, before }
}

test(
  'the terminal says where the broker is, what clients do, and which keys there are',
  {
    skip: noTerminal,
  },
  async t => {
    const { terminal, port } = await started(t)
    await terminal.shows(/WebSocket +ws:\/\/localhost:\d+\/mqtt/)
    await terminal.shows(/Dashboard +http:\/\/localhost:\d+\//)
    await terminal.shows(/Data +\.\/pondhawk-data/)
    await terminal.shows(/Only this computer can connect\. .*press l/)
    await terminal.shows(new RegExp(`mosquitto_sub -p ${port} -t 'hello/#' -v`))
    await terminal.shows(/o open the dashboard .* q quit/)

    const sub = run('mosquitto_sub', ['-p', port, '-i', 'sub-1', '-t', 'hello/#', '-C', '1'])
    await terminal.shows(/\+ sub-1 +connected +127\.0\.0\.1 +MQTT 3\.1\.1/)
    await terminal.shows(/sub-1 +subscribed +hello\/# {2}QoS 0/)
    terminal.types('c')
    await terminal.shows(/CLIENT +USER +ADDRESS[^]*sub-1 +- +127\.0\.0\.1 +1 +0/)
    await run('mosquitto_pub', ['-p', port, '-i', 'pub-1', '-t', 'hello/world', '-m', 'hi'])
    await terminal.shows(/pub-1 +published +hello\/world {2}2 bytes → 1 client {3}\(the first/)
    await sub
    terminal.types('v')
    await terminal.shows(/More log\. v again for less\./)
    terminal.types('?')
    await terminal.shows(/q {3}quit, as Control-C does/)
    terminal.types('o')
    await terminal.shows(/http:\/\/localhost:\d+\//)
    terminal.types('q')

    await terminal.shows(/stopped/)
    t.equal(await terminal.ends(), 0)
  },
)

test(
  'the key l serves the network, after a second one while somebody is connected',
  {
    skip: noTerminal,
  },
  async t => {
    const { terminal, port, folder } = await started(t)
    const sub = new Program('mosquitto_sub', ['-p', port, '-t', 'a'])
    t.teardown(() => sub.killed())
    await terminal.shows(/subscribed/)
    terminal.types('l')
    await terminal.shows(/One client will be disconnected, and may connect again/)
    terminal.types('l')

    const [, again = ''] = await terminal.shows(/MQTT +mqtt:\/\/localhost:(\d+)/)
    const [, password = ''] = await terminal.shows(/as user device with password ([\w-]+)/)
    const at = ['-h', '127.0.0.1', '-p', again, '-q', '1', '-t', 'a', '-m', 'b']
    t.equal((await run('mosquitto_pub', [...at, '-u', 'device', '-P', password])).errors, '')
    t.match((await run('mosquitto_pub', [...at, '-u', 'device', '-P', 'wrong'])).errors, /bad user/)
    terminal.types('l')
    await terminal.shows(/The network is served already/)
    const inFolder = ['-c', 'cd "$0" && exec "$@"', folder, process.execPath, CLI]
    t.equal((await run('sh', [...inFolder, 'status'])).status, 0, 'the admin socket is open again')
    terminal.types('\u0003')
    t.equal(await terminal.ends(), 0)
  },
)

test(
  'a broker in the background leaves the terminal alone, and is not stopped by it',
  {
    skip: noTerminal,
  },
  async t => {
    const command = `exec bash -c 'set -m; ${process.execPath} ${CLI} start -p 0 --ws-port 0 & echo pid $!; wait'`
    const { terminal, port, before } = await started(t, command)
    t.teardown(() => process.kill(Number(/pid (\d+)/.exec(before)?.[1]), 'SIGKILL'))
    await terminal.shows(/mosquitto_pub/)
    terminal.types('q')

    const { errors } = await run('mosquitto_pub', ['-p', port, '-t', 'a', '-m', 'b', '-q', '1'])

    t.equal(errors, '')
    await terminal.shows(/published +a {2}1 byte → nobody/)
  },
)

test('a broker whose terminal is closed ends', { skip: noTerminal }, async t => {
  const { terminal, port } = await started(t)
  await terminal.shows(/q quit/)

  await terminal.closed()

  const publishes = () => run('mosquitto_pub', ['-p', port, '-t', 'a', '-m', 'b'])
  while ((await publishes()).status === 0) await new Promise(setImmediate)
  t.match((await publishes()).errors, /refused/)
})

test('the README shows what the terminal shows', async t => {
  const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8')
  const [, shown = ''] = /```text\n([^]*?)```/.exec(readme) ?? []

  const printed = banner({
    version: VERSION,
    milliseconds: 130,
    config: parseConfig({}),
    durability: 'fsync',
    listeners: [
      { name: 'mqtt://127.0.0.1:1883', port: 1_883 },
      { name: 'ws://127.0.0.1:8083', port: 8_083 },
    ],
    dashboard: 'http://localhost:8083/#key=KEY',
    hasKeys: true,
  })

  t.equal(shown, `${printed.replace(/^\n/, '').trimEnd()}\n`)
})

test('a flood of messages makes two lines a second, and is not looked at between them', async t => {
  const observers = new Observers(error => t.fail(String(error)))
  const lines: string[] = []
  let received = 0
  const live = new LiveEvents({
    observers,
    write: text => lines.push(text.slice(10).trim()),
    skipsSubscriptions: () => false,
    messagesReceived: () => received,
  })
  t.teardown(() => live.close())
  const numbers = { now: 0, nextSequence: () => 1 }
  const from = {
    payload: Buffer.from('x'),
    qos: 0,
    retain: false,
    properties: NO_PROPERTIES,
  } as const
  const message = makeMessage(from, 'a\u001b[2J', 'flooder', numbers)
  const flood = (count: number): void => {
    for (let each = 0; each < count; each++) {
      received += 1
      observers.heard.published?.(message, 2)
    }
  }

  flood(10_000)
  t.equal(lines.length, 20)
  t.equal(observers.heard.published, undefined)
  t.notMatch(lines.join(''), '\u001b')
  live.tick()
  flood(5_000)
  live.tick()

  t.strictSame(lines.slice(20), [
    'and 9,980 more messages',
    'flooder       published     a\\u001b[2J  1 byte → 2 clients',
    'and 4,999 more messages',
  ])
})
