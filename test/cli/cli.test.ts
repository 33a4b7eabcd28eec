// The command as people run it: a process of its own.

import { createServer } from 'node:net'
import { resolve } from 'node:path'
import mqtt from 'mqtt'
import { type Test, test } from 'tap'
import { CLI } from '../command.ts'
import { Program, run } from '../interop/programs.ts'

function pondhawk(
  ...args: string[]
): Promise<{ status: number | null; output: string; errors: string }> {
  return run(process.execPath, [CLI, ...args])
}

/** A broker on free ports, and the port of its MQTT listener. */
async function started(t: Test) {
  const yaml = 'listeners: [{port: 0}, {protocol: ws, port: 0}]\nstore: {directory: data}\n'
  const file = resolve(t.testdir({ 'pondhawk.yaml': yaml }), 'pondhawk.yaml')
  const program = new Program(process.execPath, [CLI, 'start', '--config', file])
  t.teardown(() => program.process.kill('SIGKILL'))
  await program.prints('"ready"}')
  const ports = [...program.output.matchAll(/127\.0\.0\.1:(\d+)/g)].map(([, port]) => port ?? '')
  return { program, port: ports[0] ?? '', webPort: ports[1] ?? '' }
}

test('a started broker serves the mosquitto clients and stops with status 0 on SIGTERM', async t => {
  const { program, port } = await started(t)
  const address = ['-h', '127.0.0.1', '-p', port]
  await run('mosquitto_pub', [...address, '-t', 'a', '-m', 'kept', '-r', '-q', '1'])

  const { output } = await run('mosquitto_sub', [...address, '-t', 'a', '-C', '1', '-W', '5'])
  program.process.kill('SIGTERM')
  const { status } = await program.ends()

  t.equal(output, 'kept\n')
  t.equal(status, 0)
  t.match(program.output, /"event":"client.connected".*"address":"127.0.0.1"/)
  t.match(program.output, /"event":"broker.stopped"/)
})

test('a client of MQTT 5 is told that the broker stops', async t => {
  const { program, port } = await started(t)
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, {
    protocolVersion: 5,
    reconnectPeriod: 0,
  })
  const heard = new Promise<number | undefined>(resolve => {
    client.once('disconnect', ({ reasonCode }) => resolve(reasonCode))
  })

  program.process.kill('SIGTERM')

  t.equal(await heard, 0x8b)
  t.equal((await program.ends()).status, 0)
})

test('the web page, its figures and health are served beside WebSocket', async t => {
  const { webPort } = await started(t)
  const get = async (path: string) => fetch(`http://127.0.0.1:${webPort}${path}`)

  const page = await get('/')
  t.match(await page.text(), /<title>Pondhawk<\/title>/)
  t.match(page.headers.get('content-security-policy'), /default-src 'none'/)
  t.match(await (await get('/api/v1/status')).json(), {
    clientsConnected: 0,
    dropped: { 'queue-full': 0 },
  })
  t.equal((await get('/healthz')).status, 200)
  t.equal((await get('/readyz')).status, 200)
  t.equal((await get('/nothing')).status, 404)
})

test('a port that is taken is told in a sentence', async t => {
  const other = createServer()
  await new Promise<void>(done => other.listen(0, '127.0.0.1', done))
  t.teardown(() => other.close())
  const address = other.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0

  const { status, errors } = await pondhawk('-p', `${port}`)

  t.equal(status, 1)
  t.match(errors, `mqtt://127.0.0.1:${port} is taken by another program`)
})

test('--host cannot open what the configuration would not', async t => {
  const { status, errors } = await pondhawk('--host', '0.0.0.0')

  t.equal(status, 78)
  t.match(errors, /anybody could connect/)
  t.match(errors, /listeners\.1\.plaintext: true/)
  t.match(errors, /pondhawk start --lan opens/)
})

test('check prints what a configuration amounts to, or what is wrong with it', async t => {
  const directory = t.testdir({ 'good.yaml': 'limits: {receiveMax: 7}', 'bad.yaml': 'limts: {}' })

  const good = await pondhawk('check', resolve(directory, 'good.yaml'))
  const bad = await pondhawk('check', resolve(directory, 'bad.yaml'))

  t.equal(good.status, 0)
  t.match(good.output, /receiveMax: 7/)
  t.equal(bad.status, 78)
  t.match(bad.errors, /bad.yaml:1:1 {2}limts: unknown key "limts" \(did you mean "limits"\?\)/)
})

test('an unknown command or flag is reported with the nearest known one', async t => {
  const command = await pondhawk('strat')
  const flag = await pondhawk('start', '--prot', '1')

  t.strictSame([command.status, flag.status], [2, 2])
  t.match(command.errors, /Did you mean start\?/)
  t.match(flag.errors, /has no flag --prot\. Did you mean --port\?/)
})

test('help and version are printed', async t => {
  t.match((await pondhawk('--help')).output, /check \[FILE\] +validate/)
  t.match((await pondhawk('--version')).output, /^pondhawk \d+\.\d+\.\d+\n$/)
})
