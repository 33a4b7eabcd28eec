// Traces: begun, listed, read, and followed line by line.

import type { ServerResponse } from 'node:http'
import type { Trace, TraceLine } from '../../records/trace.ts'
import {
  linesAnswer,
  linesQuery,
  traceQuery,
  traceRequest,
  traceRow,
  tracesAnswer,
  type TraceLineRow,
} from '../contract/records.ts'
import { deletedAnswer } from '../contract/clients.ts'
import { type ApiParts, LINES } from '../parts.ts'
import { Problem } from '../problem.ts'
import { OPERATORS, READERS, type Route, route, WRITTEN } from '../route.ts'
import { isoOf } from '../times.ts'

/** A reader that is slower than this loses the connection. */
const WAITING_BYTES_MAX = 262_144

export function traceRoutes(parts: ApiParts): readonly Route[] {
  return [...changes(parts), ...readings(parts)]
}

function readings({ records: { traces } }: ApiParts): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/traces',
      roles: READERS,
      summary: 'The traces that run, and those that ended last',
      answer: tracesAnswer,
      handle: () => ({ items: traces.all.map(rowOf) }),
    }),
    route({
      method: 'GET',
      path: '/trace',
      roles: OPERATORS,
      summary: `The last lines of a trace. With Accept: ${LINES} all of them, and each further one until it ends`,
      query: linesQuery,
      answer: linesAnswer,
      async handle({ query: { id, limit }, asked, outgoing }) {
        const trace = traceOf(traces, id)
        if (asked.get('accept') === LINES) {
          await follow(trace, outgoing)
          return WRITTEN
        }
        return { trace: rowOf(trace), lines: trace.lines.slice(-limit).map(lineOf) }
      },
    }),
  ]
}

function changes({ records: { traces } }: ApiParts): readonly Route[] {
  return [
    route({
      method: 'POST',
      path: '/traces',
      roles: OPERATORS,
      summary: 'Begins to trace the packets of a client, or the messages of a filter',
      body: traceRequest,
      answer: traceRow,
      status: 201,
      handle({ body: { filter = null, clientId = null, seconds } }) {
        const trace = traces.begin({ filter, clientId, seconds })
        if (typeof trace === 'string') throw new Problem(409, trace)
        return rowOf(trace)
      },
    }),
    route({
      method: 'DELETE',
      path: '/traces',
      roles: OPERATORS,
      summary: 'Ends a trace; its lines are kept until another one needs their place',
      query: traceQuery,
      answer: deletedAnswer,
      handle({ query: { id } }) {
        const trace = traceOf(traces, id)
        const deleted = trace.isOver ? 0 : 1
        traces.end(trace)
        return { deleted }
      },
    }),
  ]
}

/** Throws Problem if there is none. */
export function traceOf(traces: ApiParts['records']['traces'], id: number): Trace {
  const trace = traces.get(id)
  if (trace !== null) return trace
  throw new Problem(404, 'there is no such trace; GET traces has those that are')
}

/** Writes all lines, and each further one, until the trace or its reader ends. */
function follow(trace: Trace, outgoing: ServerResponse): Promise<void> {
  outgoing.writeHead(200, { 'content-type': LINES, 'cache-control': 'no-store' })
  return new Promise(settle => {
    const write = (line: TraceLine): void => {
      if (outgoing.writableLength > WAITING_BYTES_MAX) outgoing.destroy()
      else outgoing.write(`${JSON.stringify(lineOf(line))}\n`)
    }
    outgoing.flushHeaders()
    outgoing.write(trace.lines.map(line => `${JSON.stringify(lineOf(line))}\n`).join(''))
    const stop = trace.listen(write)
    trace.whenOver(() => outgoing.end())
    outgoing.once('close', () => {
      stop()
      settle()
    })
  })
}

export function lineOf({ at, ...line }: TraceLine): TraceLineRow {
  return { ...line, at: isoOf(at) }
}

function rowOf({ id, request, startedAt, endsAt, isOver, lines, leftOut }: Trace) {
  return {
    id,
    filter: request.filter,
    clientId: request.clientId,
    startedAt: isoOf(startedAt),
    endsAt: isoOf(endsAt),
    isOver,
    lines: lines.length,
    leftOut,
  }
}
