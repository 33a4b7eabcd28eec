// `GET stream`: what happens, as server-sent events.

import { z } from '../../config/zod.ts'
import { unknownCaller } from '../app.ts'
import { streamQuery } from '../contract/stream.ts'
import type { ApiParts } from '../parts.ts'
import { Problem } from '../problem.ts'
import { EVERYBODY, type Route, route, WRITTEN } from '../route.ts'
import { feedsOf } from '../stream/feeds.ts'
import { Outlet } from '../stream/outlet.ts'

export function streamRoutes(parts: ApiParts): readonly Route[] {
  const { streams, now } = parts
  return [
    route({
      method: 'GET',
      path: '/stream',
      roles: EVERYBODY,
      summary:
        'Frames of server-sent events as they happen: metrics, status, a client, messages. Closed when 256 KiB wait for a slow reader',
      query: streamQuery,
      answer: z.string(),
      contentType: 'text/event-stream',
      handle({ query, caller, asked, incoming, outgoing }) {
        if (caller === null) throw unknownCaller()
        if (incoming.method === 'HEAD') throw new Problem(405, 'a stream has no end: use GET')
        const starts = feedsOf(query, parts, caller)
        streams.checkRoomFor(caller)
        const outlet = new Outlet(outgoing, now)
        const lastAt = Number(asked.get('last-event-id'))
        if (lastAt > 0) {
          const missedSeconds = Math.max(0, Math.round((now() - lastAt) / 1_000))
          outlet.send('gap', JSON.stringify({ missedSeconds }))
        }
        const close = streams.open({ caller, outlet, feeds: starts.map(start => start(outlet)) })
        outgoing.once('close', close)
        return WRITTEN
      },
    }),
  ]
}
