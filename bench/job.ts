// The task of the generator and its result: plain data, one JSON text each.

import type { QoS } from './generator/packets.ts'

export type Transport = 'tcp' | 'tls' | 'websocket'

export interface Address {
  readonly host: string
  readonly port: number
  readonly transport: Transport
  /** The authority that signed the broker's certificate. */
  readonly caFile: string | null
}

/**
 * Who subscribes to what: one topic for each pair, one topic for all, all topics for one subscriber, one group or named queue for all
 * topics, or one subscriber for each topic with a wildcard filter.
 */
export type Pattern = 'pairs' | 'fan-out' | 'fan-in' | 'shared' | 'queue' | 'wildcards'

export interface TrafficJob {
  readonly kind: 'traffic'
  readonly pattern: Pattern
  readonly publishers: number
  readonly subscribers: number
  readonly qos: QoS
  readonly payloadBytes: number
  /** How many messages of one publisher may be outstanding: not delivered, or at QoS 1 and 2 not acknowledged. */
  readonly window: number
  /** A publisher writes when its window has room for at least this many. One write fills the window. */
  readonly batch: number
  /** So many messages are in each transaction; 0 for none. */
  readonly messagesOfTransaction: number
  /** Messages per second of all publishers together, each at its time; null for as fast as the window allows. */
  readonly rate: number | null
  /** Whether the sessions of subscribers outlive their connections. */
  readonly isDurable: boolean
  /** The number of topics that each publisher uses in turn. */
  readonly topicsOfPublisher: number
  /** The number of filters of other clients, which match no topic of the run. */
  readonly unrelatedFilters: number
  /** Whether it uses MQTT 5 with topic aliases both ways and two user properties per PUBLISH; otherwise MQTT 3.1.1. */
  readonly isVersion5: boolean
}

/** Idle connections with a PINGREQ now and then. */
export interface IdleJob {
  readonly kind: 'idle'
  /** The numbers of connections at which it measures. */
  readonly steps: readonly number[]
  readonly pingsPerSecond: number
}

/** Clients that connect and disconnect. In a cycle they also subscribe and publish. */
export interface StormJob {
  readonly kind: 'storm'
  readonly isCycle: boolean
  readonly atOnce: number
}

/** What the broker keeps for clients that are not connected: memory by amount. */
export interface KeptJob {
  readonly kind: 'kept'
  readonly what: 'sessions' | 'retained' | 'queued'
  readonly steps: readonly number[]
}

/** Retained messages at QoS 1: the cost to store them, or to send them to one subscriber of all. */
export interface RetainedJob {
  readonly kind: 'retained'
  readonly measures: 'store' | 'replay'
  readonly count: number
}

export type Job = TrafficJob | IdleJob | StormJob | KeptJob | RetainedJob

export interface Task {
  readonly job: Job
  readonly address: Address
  readonly brokerPid: number
  readonly warmUpSeconds: number
  readonly seconds: number
}

/** Microseconds. */
export interface Latency {
  readonly p50: number
  readonly p99: number
  readonly p999: number
}

/** A point of a curve: the memory for a number of items. */
export interface GrowthPoint {
  readonly count: number
  readonly rssBytes: number
  /** CPU of the broker per item added since the previous point, in microseconds. */
  readonly cpuMicroseconds: number
}

export interface Measurement {
  /** Deliveries, connections or pings in the measured time. */
  readonly operations: number
  readonly seconds: number
  /** User and system time of the broker's process tree. */
  readonly brokerCpuSeconds: number
  /** That of the processes in it that the broker has started: front ends. */
  readonly childrenCpuSeconds?: number
  readonly generatorCpuSeconds: number
  /** The latencies of operations, measured by the generator. */
  readonly latency: Latency | null
  /** The latencies from a PUBLISH to its PUBACK or PUBCOMP. */
  readonly acknowledgement: Latency | null
  /** The broker's peak memory. */
  readonly rssBytes: number
  readonly growth: readonly GrowthPoint[]
  /** Why the run is invalid; empty when every delivery was verified. */
  readonly problems: readonly string[]
}
