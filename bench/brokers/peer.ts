// Any other broker: PEER="name=command". Several are separated by semicolons. `{port}` in the command is the port
// that it must listen on at 127.0.0.1, and `{directory}` an empty directory; the environment has PORT as well.

import type { BrokerKind } from './broker.ts'

export function peersIn(text: string): readonly BrokerKind[] {
  return text
    .split(';')
    .map(each => each.trim())
    .filter(each => each !== '')
    .map(peerOf)
}

function peerOf(text: string): BrokerKind {
  const equals = text.indexOf('=')
  const name = text.slice(0, equals).trim()
  const command = text.slice(equals + 1).trim()
  if (equals < 1 || command === '') throw new Error(`PEER is name=command, not ${text}`)
  return {
    name,
    lacks: ({ transport, durability }) =>
      transport === 'tcp' && durability === null
        ? null
        : 'only plain TCP without a store is asked of it',
    command: (_needs, { port, directory }) =>
      command
        .split(/\s+/)
        .map(word => word.replaceAll('{port}', String(port)).replaceAll('{directory}', directory)),
  }
}
