// What a program that embeds the broker may use.

export type { Access, Credentials, Exchange, Verdict } from './access/access.ts'
export { type Permissions, UNRESTRICTED } from './access/permissions.ts'
export type { ClientFacts } from './broker/observer.ts'
export type { Statistics } from './broker/statistics.ts'
export type { Config, ConfigInput } from './config/config.ts'
export type { Message } from './message.ts'
export type { Properties, QoS, UserProperty } from './packet/packet.ts'
export type { Log } from './observe/log.ts'
export type { ReasonCode } from './packet/reason.ts'
export type { Subscription } from './routing/subscription.ts'
export {
  type BrokerEvents,
  createBroker,
  EmbeddedBroker,
  type EmbedOptions,
  type MessageHandler,
  type Publication,
} from './server/embedded-broker.ts'
export { MemoryStore } from './store/memory-store.ts'
export type { Store } from './store/store.ts'
