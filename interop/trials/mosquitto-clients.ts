// mosquitto_pub and mosquitto_sub, as Debian ships them.

import { Program, run } from '../../test/interop/programs.ts'
import { debianVersion } from '../programs.ts'
import { assertEqual, type Ground, type Trial, within } from '../trial.ts'

const VERSIONS = [
  ['31', '3.1'],
  ['311', '3.1.1'],
  ['5', '5.0'],
] as const

export const mosquittoClients: readonly Trial[] = VERSIONS.map(([flag, version]) => ({
  program: `mosquitto_pub and mosquitto_sub, MQTT ${version}`,
  what: 'publish and subscribe at QoS 0, 1 and 2; a retained message; a session kept while away',
  version: () => debianVersion('mosquitto-clients'),
  run: ground => within(60, exchange(ground, flag)),
}))

async function exchange({ broker, tcpPort }: Ground, flag: string): Promise<void> {
  const address = ['-h', '127.0.0.1', '-p', `${tcpPort}`, '-V', flag]
  const subscribed = new Promise<void>(resolve => broker.on('subscribed', () => resolve()))
  const sub = new Program('mosquitto_sub', [...address, '-t', 'q/#', '-q', '2', '-v', '-C', '3'])
  await subscribed
  for (const qos of ['0', '1', '2']) {
    const { status } = await run('mosquitto_pub', [
      ...address,
      '-t',
      `q/${qos}`,
      '-m',
      'x',
      '-q',
      qos,
    ])
    assertEqual(status, 0, `mosquitto_pub at QoS ${qos}`)
  }
  assertEqual((await sub.ends()).output, 'q/0 x\nq/1 x\nq/2 x\n', 'mosquitto_sub')
  await run('mosquitto_pub', [...address, '-t', 'kept', '-m', 'y', '-r', '-q', '1'])
  const retained = await run('mosquitto_sub', [...address, '-t', 'kept', '-C', '1', '-W', '5'])
  assertEqual(retained.output, 'y\n', 'the retained message')
  await keepsSession(address, flag)
}

async function keepsSession(address: readonly string[], flag: string): Promise<void> {
  const expiry = flag === '5' ? ['-x', '600'] : []
  const session = [...address, '-i', 'stays', '-c', ...expiry, '-t', 'away', '-q', '1']
  await run('mosquitto_sub', [...session, '-E'])
  await run('mosquitto_pub', [...address, '-t', 'away', '-m', 'z', '-q', '1'])
  const { output } = await run('mosquitto_sub', [...session, '-C', '1', '-W', '5'])
  assertEqual(output, 'z\n', 'what waited')
}
