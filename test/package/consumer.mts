// A program that embeds the broker by import, as strict as a compiler can be: compiled and run by consumers.mjs.

import {
  type AuthenticationStep,
  type Config,
  type ConfigInput,
  createBroker,
  type DropReason,
  type EmbeddedBroker,
  type Message,
  type Peer,
  type Plugin,
  StartError,
  UNRESTRICTED,
} from 'pondhawk'

declare module 'pondhawk' {
  interface Decorations {
    depth: { readonly metres: number }
  }
}

const limits: ConfigInput['limits'] = { packetBytesMax: '16MiB', receiveMax: 7 }
const broker: EmbeddedBroker = await createBroker({
  limits,
  listeners: [{ port: 0 }],
  access: {
    authenticate: async ({ username }) => username === 'pond',
    beginExchange: () => ({
      step: ({ data }: AuthenticationStep) =>
        data === null ? false : { kind: 'allowed', permissions: UNRESTRICTED },
    }),
  },
})
const heard: Message[] = []
broker.subscribe('a/#', message => heard.push(message))
broker.on('dropped', (reason: DropReason, message) => console.log(reason, message.topic))
const receivers: number = await broker.publish({ topic: 'a/b', payload: 'x', qos: 1 })
const tides: Plugin<EmbeddedBroker> = scope => console.assert(scope.depth.metres === 3)
broker.decorate('depth', { metres: 3 })
// @ts-expect-error A depth has metres.
const isRefused = (): unknown => broker.decorate('depth', { feet: 10 })
await broker.register(tides)
const peer: Partial<Peer> = { address: 'by hand' }
const port: number | undefined = ({} as Partial<Config>).listeners?.[0]?.port
if (
  receivers !== 1 ||
  heard.length !== 1 ||
  peer.address === '' ||
  port !== undefined ||
  typeof isRefused !== 'function'
)
  process.exit(1)
try {
  await createBroker({ listeners: [{ port: broker.listeners[0]?.port ?? 0 }] })
} catch (error) {
  console.log(error instanceof StartError ? error.code : 'no code')
}
await broker.close()
