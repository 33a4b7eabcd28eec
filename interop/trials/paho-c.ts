// Paho's C client (its example programs, as Debian ships them) over TCP and WebSocket.

import { Program, run } from '../../test/interop/programs.ts'
import { debianVersion } from '../programs.ts'
import { assertEqual, type Ground, type Trial, within } from '../trial.ts'

const COMBINATIONS = [
  ['tcp', '31', '3.1'],
  ['tcp', '311', '3.1.1'],
  ['tcp', '5', '5.0'],
  ['ws', '311', '3.1.1'],
  ['ws', '5', '5.0'],
] as const

const MESSAGES = 200

export const pahoC: readonly Trial[] = COMBINATIONS.map(([scheme, flag, version]) => ({
  program: `Paho C over ${scheme === 'tcp' ? 'TCP' : 'WebSocket'}, MQTT ${version}`,
  what: `paho_c_sub hears ${MESSAGES} messages of QoS 2 that are published at once, and one of paho_c_pub`,
  version: () => debianVersion('paho.mqtt.c-examples'),
  run: ground => within(60, exchange(ground, scheme, flag)),
}))

async function exchange(ground: Ground, scheme: 'tcp' | 'ws', flag: string): Promise<void> {
  const { broker, tcpPort, webSocketPort } = ground
  const url =
    scheme === 'tcp' ? `tcp://127.0.0.1:${tcpPort}` : `ws://127.0.0.1:${webSocketPort}/mqtt`
  const common = ['-c', url, '-V', flag, '-q', '2']
  const subscribed = new Promise<void>(resolve => broker.on('subscribed', () => resolve()))
  const sub = new Program('paho_c_sub', ['paho/#', ...common, '--quiet'])
  await subscribed
  // Many packets in one turn: what a WebSocket of Paho C cannot take in one frame.
  for (let count = 1; count <= MESSAGES; count++) {
    void broker.publish({ topic: 'paho/burst', payload: `m${count}`, qos: 2 })
  }
  const { status, errors } = await run('paho_c_pub', [
    'paho/end',
    ...common,
    '-m',
    'end',
    '--quiet',
  ])
  assertEqual(status, 0, `paho_c_pub ${errors}`)
  await sub.prints('end')
  const heard = sub.output.split('\n').filter(line => /^\d paho\//.test(line))
  await sub.killed()
  assertEqual(heard.length, MESSAGES + 1, 'messages heard')
  assertEqual(heard[0], '2 paho/burst\tm1', 'the first')
}
