// The API for programs that embed the broker.

export type { Access, AuthenticationStep, Credentials, Exchange, Verdict } from './access/access.ts'
export type { CodeAnswer, GivenAuthenticator } from './access/code-authenticator.ts'
export type { Answer, GivenAccess } from './access/guarded-access.ts'
export type { Identity } from './access/identity.ts'
export { type Permissions, UNRESTRICTED } from './access/permissions.ts'
export type { ClientFacts, EndedBy } from './broker/observer.ts'
export type { Statistics } from './broker/statistics.ts'
export type { Config, ConfigInput } from './config/config-types.ts'
export { ConfigError, type ConfigProblem } from './config/config-error.ts'
export type { Client, ClientData, Clients, ClientSession } from './hooks/client.ts'
export type {
  AuthenticateContext,
  ConnectContext,
  Decision,
  DeliverContext,
  HookName,
  HookRefusal,
  Hooks,
  Observed,
  PublishContext,
  SubscribeContext,
} from './hooks/contexts.ts'
export type { Decoration, Decorations } from './hooks/decorators.ts'
export { type Plugin, PluginError, type PluginOptions, type PluginScope } from './hooks/plugins.ts'
export type { Message } from './message.ts'
export type { Properties, ProtocolVersion, QoS, UserProperty, Will } from './packet/packet.ts'
export type { RetainedView } from './hooks/retained-view.ts'
export type { Log } from './observe/log.ts'
export type { ReasonCode } from './packet/reason.ts'
export type { Subscription } from './routing/subscription.ts'
export {
  type BrokerEvents,
  createBroker,
  EmbeddedBroker,
  type MessageHandler,
  type Publication,
} from './server/embedded-broker.ts'
export type { EmbedOptions } from './server/embed-options.ts'
export type { AttachOptions } from './server/attached.ts'
export {
  ClientRefused,
  type MessageStream,
  type ProgramClient,
  type ProgramClientOptions,
  type ReceivedMessage,
  type SubscribeOptions,
} from './server/program-client.ts'
export { StartError, type StartPart } from './server/start-error.ts'
export type { DropReason } from './session/session-context.ts'
export { MemoryStore } from './store/memory-store.ts'
export type { Durability, Store } from './store/store.ts'
export type { Peer } from './transport/wire.ts'
