// The frames that a stream may be asked for: one function each, which starts it.

import type { z as zod } from 'zod'
import { wholeSubscription } from '../../routing/subscription.ts'
import { parseFilter } from '../../routing/topic.ts'
import { isAtLeast, type LogLevel } from '../../records/log-lines.ts'
import type { Message } from '../../message.ts'
import type { Target } from '../../session/target.ts'
import type { Caller } from '../caller.ts'
import { clientDetailOf } from '../client-figures.ts'
import type { Frames, streamQuery } from '../contract/stream.ts'
import { messageRowOf, seesPayloads } from '../message-rows.ts'
import type { ApiParts } from '../parts.ts'
import { Problem } from '../problem.ts'
import { rightsOf } from '../rights.ts'
import { logLineOf } from '../routes/records.ts'
import { statusFor } from '../routes/status.ts'
import { lineOf, traceOf } from '../routes/traces.ts'
import type { Outlet } from './outlet.ts'
import type { Feed } from './streams.ts'
import { isoOf } from '../times.ts'

const PAYLOAD_BYTES_MAX = 512
const STATUS_SECONDS = 2

type Query = zod.infer<typeof streamQuery>

/** Throws Problem if something may not be asked for. */
export function feedsOf(
  query: Query,
  parts: ApiParts,
  caller: Caller,
): readonly ((outlet: Outlet) => Feed)[] {
  const isReader = caller.role !== 'user'
  if (
    !isReader &&
    (query.metrics || query.status || query.client !== undefined || query.log !== undefined)
  ) {
    throw new Problem(403, 'a key of the role user streams messages only')
  }
  const { client, messages, log, trace } = query
  const feeds = [
    ...(query.metrics ? [metricsFeed(parts)] : []),
    ...(query.status ? [statusFeed(parts)] : []),
    ...(client === undefined ? [] : [clientFeed(client, parts)]),
    ...(messages === undefined ? [] : [messageFeed(messages, parts, caller)]),
    ...(log === undefined ? [] : [logFeed(log, parts)]),
    ...(trace === undefined ? [] : [traceFeed(trace, parts, caller)]),
  ]
  if (feeds.length > 0) return feeds
  throw new Problem(
    422,
    'ask for something: metrics=1, status=1, client=ID, messages=FILTER, log=LEVEL or trace=ID',
  )
}

function metricsFeed({ records, now }: ApiParts) {
  return (outlet: Outlet): Feed => {
    const tick = (): void => {
      const series = Object.entries(records.history.latest ?? {}).map(
        ([name, value]) => [name, Number.isFinite(value) ? value : null] as const,
      )
      send(outlet, 'metrics', {
        at: isoOf(now()),
        series: Object.fromEntries(series),
      })
    }
    tick()
    return { tick }
  }
}

function statusFeed(parts: ApiParts) {
  return (outlet: Outlet): Feed => {
    let seconds = 0
    const tick = (): void => {
      if (seconds++ % STATUS_SECONDS === 0) send(outlet, 'status', statusFor(parts, true))
    }
    tick()
    return { tick }
  }
}

function clientFeed(clientId: string, parts: ApiParts) {
  const { broker } = parts.core
  return (outlet: Outlet): Feed => {
    let before = ''
    const tick = (): void => {
      const session = broker.sessions.get(clientId)
      const json = JSON.stringify(session === undefined ? null : clientDetailOf(session, parts))
      if (json !== before) outlet.send('client', json)
      before = json
    }
    tick()
    return { tick }
  }
}

function messageFeed(filter: string, parts: ApiParts, caller: Caller) {
  const parsed = parseFilter(filter)
  if (parsed?.shareName !== null) throw new Problem(422, 'messages: must not be a shared filter')
  const { core, config, now } = parts
  let rights = rightsOf(caller, parts)
  if (!rights.maySubscribe(filter, null)) {
    throw new Problem(403, `the user ${caller.username} may not subscribe to this filter`)
  }
  const isSeen = seesPayloads(caller, config.dashboard.viewersSeePayloads)
  return (outlet: Outlet): Feed => {
    const shown = (message: Message): Frames['message'] => ({
      at: isoOf(now()),
      ...messageRowOf(message, isSeen ? PAYLOAD_BYTES_MAX : null),
    })
    const target: Target = {
      clientId: null,
      isDurable: false,
      hasRoomFor: () => true,
      deliver: message => {
        if (rights.mayReceive?.(message.topic) === false || !outlet.offers()) return
        send(outlet, 'message', shown(message))
      },
    }
    const { subscriptions } = core.broker
    const subscription = wholeSubscription(filter)
    subscriptions.listen(target, subscription)
    return {
      // Users and rules may have changed.
      tick: () => (rights = rightsOf(caller, parts)),
      stop: () => subscriptions.unlisten(target, subscription),
    }
  }
}

function logFeed(least: LogLevel, { records: { logLines } }: ApiParts) {
  return (outlet: Outlet): Feed => {
    const stop = logLines.listen(line => {
      if (isAtLeast(line.level, least) && outlet.offers()) send(outlet, 'log', logLineOf(line))
    })
    return { tick: () => {}, stop }
  }
}

/** Lines have payloads, so a viewer gets none. */
function traceFeed(id: number, { records: { traces } }: ApiParts, caller: Caller) {
  if (caller.role !== 'operator') throw new Problem(403, 'trace: only an operator sees payloads')
  const trace = traceOf(traces, id)
  return (outlet: Outlet): Feed => {
    const stop = trace.listen(line => {
      if (outlet.offers()) send(outlet, 'trace', lineOf(line))
    })
    return { tick: () => {}, stop }
  }
}

function send<Name extends keyof Frames>(outlet: Outlet, name: Name, data: Frames[Name]): void {
  outlet.send(name, JSON.stringify(data))
}
