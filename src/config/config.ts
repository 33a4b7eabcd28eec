import type { Limits } from '../limits.ts'
import type { ShareStrategyName } from '../routing/share-strategy.ts'
export interface Config {
  readonly listeners: readonly { host?: string | undefined; port?: number | undefined; protocol?: string }[]
  readonly limits: Limits & { publishBacklogBytesMax: number; connectionsMax: number }
  readonly share: { strategy: ShareStrategyName; groups: Record<string, { strategy?: ShareStrategyName; weights?: Record<string, number> }>; queuedMessagesMax: number; queuedBytesMax: number }
  readonly responseInformation: string | null
  readonly shutdown: { drainSeconds: number }
}
export type ConfigInput = Partial<Config>
export function parseConfig(input: ConfigInput): Config {
  return { listeners: [], limits: { packetBytesMax: 1048576, connectPacketBytesMax: 65536, connectTimeoutSeconds: 10, clientIdBytesMax: 256, topicLevelsMax: 200, topicAliasMax: 32, outgoingTopicAliasMax: 32, receiveMax: 64, inFlightMax: 64, queuedMessagesMax: 10000, queuedBytesMax: 16777216, queueOverflow: 'drop-newest', queueQoS0WhileAway: false, sessionExpirySecondsMax: 604800, keepAliveSecondsMax: 1200, subscriptionsPerClientMax: 1000, retainedMessagesMax: 1000000, retainedBytesMax: 1073741824, sessionsMax: 1000000, outboxBytesMax: 1048576, turnWorkMax: 4096, publishBacklogBytesMax: 262144, connectionsMax: 100000 }, share: { strategy: 'round-robin', groups: {}, queuedMessagesMax: 100000, queuedBytesMax: 67108864 }, responseInformation: null, shutdown: { drainSeconds: 5 }, ...input }
}
