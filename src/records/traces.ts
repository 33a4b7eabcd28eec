// The traces that run now, or have ended lately. While none runs, nothing listens.

import type { Broker } from '../broker/broker.ts'
import type { Observer } from '../broker/observer.ts'
import { ClientTrace, type TappedSocket } from './client-trace.ts'
import { MessageTrace } from './message-trace.ts'
import { Trace, type TraceRequest } from './trace.ts'

interface TracesOptions {
  readonly broker: Broker
  readonly sockets: () => Iterable<TappedSocket>
  /** Returns the time of day in milliseconds. */
  readonly now: () => number
  /** Calls back after so many milliseconds. */
  readonly after: (milliseconds: number, act: () => void) => void
}

/** Those that have ended are kept until another one needs their place. */
const TRACES_MAX = 4
export const TRACE_SECONDS_MAX = 600

export class Traces {
  readonly #options: TracesOptions
  #traces: Trace[] = []
  readonly #running = new Map<Trace, { readonly observer: Observer; readonly end: () => void }>()
  #lastId = 0

  constructor(options: TracesOptions) {
    this.#options = options
  }

  /** The newest last. */
  get all(): readonly Trace[] {
    return this.#traces
  }

  get(id: number): Trace | null {
    return this.#traces.find(trace => trace.id === id) ?? null
  }

  /** Returns a sentence instead when there is no place for one more. */
  begin(request: TraceRequest): Trace | string {
    const { broker, sockets, now, after } = this.#options
    const { filter, clientId } = request
    if (filter === null && clientId === null) return 'a trace needs a filter or a client id'
    if (this.#running.size === TRACES_MAX) return `${TRACES_MAX} traces run already: end one first`
    const isTwice = [...this.#running.keys()].some(
      ({ request: other }) => other.filter === null && other.clientId === clientId,
    )
    if (filter === null && isTwice) return 'the packets of this client are traced already'
    this.#lastId += 1
    const trace = new Trace(this.#lastId, request, now())
    const kept = this.#traces.filter(each => !each.isOver)
    const ended = this.#traces.filter(each => each.isOver)
    this.#traces = [...ended.slice(kept.length + ended.length + 1 - TRACES_MAX), ...kept, trace]
    if (filter !== null) {
      const observer = new MessageTrace(trace, filter, broker, now)
      this.#running.set(trace, { observer, end: () => {} })
    } else {
      const observer = new ClientTrace(trace, clientId ?? '', now, sockets)
      this.#running.set(trace, { observer, end: () => observer.end() })
    }
    const running = this.#running.get(trace)
    if (running !== undefined) broker.faults.observers.add(running.observer)
    after(request.seconds * 1_000, () => this.end(trace))
    return trace
  }

  /** Ends the trace. Its lines are kept for a while. */
  end(trace: Trace): void {
    const running = this.#running.get(trace)
    if (running === undefined) return
    this.#running.delete(trace)
    this.#options.broker.faults.observers.remove(running.observer)
    running.end()
    trace.over()
  }
}
