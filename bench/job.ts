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

/**
 * Who gets what: one topic for each pair, one for all, all topics for one, one group for all topics, or one subscriber
 * for each topic by a filter of wildcards.
 */
export type Pattern = 'pairs' | 'fan-out' | 'fan-in' | 'shared' | 'wildcards'

export interface TrafficJob {
  readonly kind: 'traffic'
  readonly pattern: Pattern
  readonly publishers: number
  readonly subscribers: number
  readonly qos: QoS
  readonly payloadBytes: number
  /** Messages of one publisher that may be outstanding: delivered by the broker and, from QoS 1 on, acknowledged. */
  readonly window: number
  /** A publisher writes when its window has room for so many at least, and all that it has room for in one write. */
  readonly batch: number
  /** Messages a second of all publishers together, each at its time; null for as fast as the window allows. */
  readonly rate: number | null
  /** Sessions of subscribers that outlive their connections. */
  readonly isDurable: boolean
  /** Topics that a publisher goes through. */
  readonly topicsOfPublisher: number
  /** Filters of other clients that match nothing here. */
  readonly unrelatedFilters: number
  /** MQTT 5 with topic aliases both ways and two user properties in each PUBLISH; else MQTT 3.1.1. */
  readonly isVersion5: boolean
}

/** Connections that only are there; a PINGREQ now and then. */
export interface IdleJob {
  readonly kind: 'idle'
  /** Measured at each of these numbers of connections. */
  readonly steps: readonly number[]
  readonly pingsPerSecond: number
}

/** Clients that come, are accepted, and go; in a cycle they subscribe and publish in between. */
export interface StormJob {
  readonly kind: 'storm'
  readonly isCycle: boolean
  readonly atOnce: number
}

/** What the broker keeps for clients that are away: its memory against how much. */
export interface KeptJob {
  readonly kind: 'kept'
  readonly what: 'sessions' | 'retained' | 'queued'
  readonly steps: readonly number[]
}

/** Retained messages at QoS 1: how they are taken in, or how they are sent to one subscriber of all. */
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
