// What the command asks of the generator, and what it hears back: plain data, one JSON each way.

import type { QoS } from './generator/packets.ts'

export type Transport = 'tcp' | 'tls' | 'websocket'

export interface Address {
  readonly host: string
  readonly port: number
  readonly transport: Transport
  /** The authority that signed the broker's certificate. */
  readonly caFile: string | null
}

/** Who gets what: one topic for each pair, one for all, all topics for one, or one group for all topics. */
export type Pattern = 'pairs' | 'fan-out' | 'fan-in' | 'shared'

export interface TrafficJob {
  readonly kind: 'traffic'
  readonly pattern: Pattern
  readonly publishers: number
  readonly subscribers: number
  readonly qos: QoS
  readonly payloadBytes: number
  /** Messages of one publisher that may be outstanding: delivered by the broker and, from QoS 1 on, acknowledged. */
  readonly window: number
  /** Messages a second of all publishers together, each at its time; null for as fast as the window allows. */
  readonly rate: number | null
  /** Sessions of subscribers that outlive their connections. */
  readonly isDurable: boolean
  /** Topics that a publisher goes through. */
  readonly topicsOfPublisher: number
  /** Filters of other clients that match nothing here. */
  readonly unrelatedFilters: number
}

/** Connections that only are there; a PINGREQ now and then. */
export interface IdleJob {
  readonly kind: 'idle'
  /** Measured at each of these numbers of connections. */
  readonly steps: readonly number[]
  readonly pingsPerSecond: number
}

/** Clients that come, are accepted, and go. */
export interface StormJob {
  readonly kind: 'storm'
  readonly atOnce: number
}

/** What the broker keeps for clients that are away: its memory against how much. */
export interface KeptJob {
  readonly kind: 'kept'
  readonly what: 'sessions' | 'retained' | 'queued'
  readonly steps: readonly number[]
}

export type Job = TrafficJob | IdleJob | StormJob | KeptJob

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

/** A point of a curve: memory for so many of something. */
export interface GrowthPoint {
  readonly count: number
  readonly rssBytes: number
  /** CPU of the broker for each one that was added since the point before, in microseconds. */
  readonly cpuMicroseconds: number
}

export interface Measurement {
  /** Deliveries, connections or pings in the measured time. */
  readonly operations: number
  readonly seconds: number
  /** User and system time of the broker's process tree. */
  readonly brokerCpuSeconds: number
  readonly generatorCpuSeconds: number
  /** Of operations, as the generator saw them. */
  readonly latency: Latency | null
  /** From a PUBLISH to its PUBACK or PUBCOMP. */
  readonly acknowledgement: Latency | null
  /** The broker's peak. */
  readonly rssBytes: number
  readonly growth: readonly GrowthPoint[]
  /** Why the run does not count; empty when every delivery was verified. */
  readonly problems: readonly string[]
}
