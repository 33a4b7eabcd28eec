// Threat 39: no text of a client begins a line of the log, and none reaches the terminal as a control sequence.

import { test } from 'tap'
import { AttackedBroker } from './attacked-broker.ts'

const HOSTILE = [
  'a\r\n{"level":"error","event":"forged"}',
  'a\n{"level":"error","event":"forged"}\n',
  'a\u2028{"event":"forged"}',
  'a\u001b[2J',
  'a"}\n{"event":"forged"',
  'a\u0085b',
]

test('line ends and quotes in client ids, user names and topics forge no line of the log', async t => {
  const broker = await AttackedBroker.started(t, {
    access: { rules: 'topic readwrite fresh', anonymous: 'everywhere' },
    log: { format: 'json', level: 'debug' },
  })

  for (const text of HOSTILE) {
    for (const options of [{ clientId: text }, { clientId: 'a', username: text }]) {
      const client = await broker.client({ ...options, protocolVersion: 5 }).catch(() => null)
      await client?.publishAsync(`t/${text}`, 'x', { qos: 1 }).catch(() => {})
      await client?.endAsync()
    }
  }

  await broker.hasSurvived(t)
  // `lines` has thrown for a line that is no JSON.
  t.strictSame(
    broker.lines.filter(({ event }) => event === 'forged'),
    [],
  )
})
