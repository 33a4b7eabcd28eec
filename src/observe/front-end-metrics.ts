// What is known of front ends, and their figures for `/metrics`.

/** Why one has failed: its process has ended, it was silent, it broke the rules of the link, or it did not get ready. */
const FRONT_END_FAILURES = ['ended', 'silent', 'broke-rules', 'not-ready'] as const
export type FrontEndFailure = (typeof FRONT_END_FAILURES)[number]

export interface FrontEndStatus {
  readonly name: string
  /** Null while it is not running. */
  readonly pid: number | null
  readonly connections: number
  /** Of all processes that had its place. */
  readonly cpuSeconds: number
  /** Of the process that runs; 0 while there is none. */
  readonly residentBytes: number
  readonly loopDelayMs: number
  /** Bytes over its link, of all processes that had its place. */
  readonly linkBytesReceived: number
  readonly linkBytesSent: number
  /** How often clients were not read, because the link to the core was full. */
  readonly readPauses: number
  /** How often bytes had to wait in the core, because the link to the front end was full. */
  readonly writePauses: number
  readonly restarts: number
  readonly failures: Readonly<Record<FrontEndFailure, number>>
  /** In milliseconds since 1970. */
  readonly lastFailure: { readonly at: number; readonly cause: string } | null
}

interface FrontEndMetric {
  readonly name: string
  readonly kind: 'gauge' | 'counter'
  readonly help: string
  readonly valueOf: (frontEnd: FrontEndStatus) => number
}

export const FRONT_END_METRICS: readonly FrontEndMetric[] = [
  gauge('up', '1 for each front end that runs, 0 for each that does not', ({ pid }) =>
    pid === null ? 0 : 1,
  ),
  gauge('connections', 'Connections that it has', ({ connections }) => connections),
  gauge('resident_memory_bytes', 'Memory of its process', ({ residentBytes }) => residentBytes),
  gauge(
    'event_loop_delay_seconds',
    'Delay of its event loop: the 99th percentile of the last second',
    ({ loopDelayMs }) => loopDelayMs / 1_000,
  ),
  counter(
    'cpu_seconds',
    'CPU time of its process, and of those that had its place before',
    ({ cpuSeconds }) => cpuSeconds,
  ),
  counter(
    'link_received_bytes',
    'Bytes over its link to the core',
    ({ linkBytesReceived }) => linkBytesReceived,
  ),
  counter('link_sent_bytes', 'Bytes over its link from the core', each => each.linkBytesSent),
  counter(
    'read_pauses',
    'How often clients were not read, because its link to the core was full',
    ({ readPauses }) => readPauses,
  ),
  counter(
    'write_pauses',
    'How often bytes waited in the core, because the link to it was full',
    ({ writePauses }) => writePauses,
  ),
  counter('restarts', 'How often it was started again', ({ restarts }) => restarts),
]

/** Returns the values of one metric by front end. */
export function frontEndFigures(
  { valueOf }: FrontEndMetric,
  frontEnds: readonly FrontEndStatus[],
): Readonly<Record<string, number>> {
  return Object.fromEntries(frontEnds.map(each => [each.name, valueOf(each)]))
}

/** Returns how often front ends have failed, by why; empty where there are none. */
export function failuresOf(frontEnds: readonly FrontEndStatus[]): Readonly<Record<string, number>> {
  if (frontEnds.length === 0) return {}
  const counts = FRONT_END_FAILURES.map(kind => {
    return [kind, frontEnds.reduce((sum, { failures }) => sum + failures[kind], 0)] as const
  })
  return Object.fromEntries(counts)
}

function gauge(name: string, help: string, valueOf: FrontEndMetric['valueOf']): FrontEndMetric {
  return { name: `pondhawk_front_end_${name}`, kind: 'gauge', help, valueOf }
}

function counter(name: string, help: string, valueOf: FrontEndMetric['valueOf']): FrontEndMetric {
  return { name: `pondhawk_front_end_${name}_total`, kind: 'counter', help, valueOf }
}
