// A broker whose machine's clock is set between its lives.

import { join } from 'node:path'
import mqtt from 'mqtt'
import { type Test, test } from 'tap'
import { CLI } from '../command.ts'
import { Program } from '../interop/programs.ts'

const DAY = 86_400_000

/** A broker that sees the time of day so many milliseconds off. */
async function brokerWithClock(directory: string, offMs: number): Promise<[Program, string]> {
  const script = `Object.defineProperty(performance, 'timeOrigin', { value: performance.timeOrigin + ${offMs} })`
  const setting = `data:text/javascript,${encodeURIComponent(script)}`
  const words = ['--port', '0', '--ws-port', '0', '--data', join(directory, 'data')]
  const broker = new Program(process.execPath, ['--import', setting, CLI, 'start', ...words])
  await broker.prints('ready')
  const port = /127\.0\.0\.1:(\d+)/.exec(broker.output)?.[1] ?? ''
  return [broker, `mqtt://127.0.0.1:${port}`]
}

const AWAY = {
  clientId: 'away',
  clean: false,
  protocolVersion: 5,
  properties: { sessionExpiryInterval: 3_600 },
} as const

async function comesAndGoes(t: Test, url: string, isExpected: boolean): Promise<void> {
  const client = mqtt.connect(url, AWAY)
  const sessionPresent = await new Promise<boolean>(found => {
    client.on('connect', ({ sessionPresent: isPresent }) => found(isPresent))
  })
  t.equal(sessionPresent, isExpected)
  await client.endAsync()
}

test('a session is there after a second, whatever the clock was set to meanwhile', async t => {
  const directory = t.testdir()
  for (const [index, offMs] of [-10 * DAY, 0, 400 * DAY, -400 * DAY].entries()) {
    const [broker, url] = await brokerWithClock(directory, offMs)
    await comesAndGoes(t, url, index > 0)
    await broker.killed()
  }
})
