// The application: finds the route of a request, checks who asks and what, and writes the answer.

import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Context } from 'hono'
import { callerOf, type Caller } from './caller.ts'
import { type ApiParts, PREFIX } from './parts.ts'
import { CONTENT_HEADERS } from './headers.ts'
import { loadFramework } from './hono.ts'
import { later, Problem } from './problem.ts'
import { bodyOf, queryOf } from './question.ts'
import { type Call, type Route, type Source, WRITTEN } from './route.ts'

interface Bindings {
  readonly incoming: IncomingMessage
  readonly outgoing: ServerResponse
}

type AppContext = Context<{ Bindings: Bindings }>

/** Under overload of this level only urgent requests are answered. */
const OVERLOAD_LEVEL = 2
const OVERLOAD_SECONDS = 5
const ASKED_LENGTH_MAX = 512
/** Tells the adapter that the answer is written already. */
const ALREADY_WRITTEN = { 'x-hono-already-sent': 'true' }

export function createApp(
  parts: ApiParts,
  routes: readonly Route[],
  sourceOf: (incoming: IncomingMessage) => Source,
): RequestListener {
  const { Hono, getRequestListener } = loadFramework()
  const app = new Hono<{ Bindings: Bindings }>()
  for (const route of routes) {
    app.on(route.method, PREFIX + route.path, context => answer(context, route))
  }
  app.notFound(context => refuse(context, unknownPath(context, routes)))
  app.onError((error, context) => {
    if (error instanceof Problem) return refuse(context, error)
    parts.failed(error)
    return refuse(context, new Problem(500, 'a fault of the broker itself: its log has the error'))
  })
  const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false })
  return (incoming, outgoing) => void listener(incoming, outgoing)

  async function answer(context: AppContext, route: Route): Promise<Response> {
    const { incoming, outgoing } = context.env
    const source = sourceOf(incoming)
    const caller = callerOf(incoming, source, parts)
    if (caller !== null) source.signedIn()
    parts.counters.requests += 1
    checkMayAsk(route, caller, source)
    const search = incoming.url?.split('?')[1] ?? ''
    const query = queryOf(route.query, new URLSearchParams(search))
    const { bodyBytesMax } = route
    const body = route.body === null ? {} : await bodyOf(route.body, incoming, bodyBytesMax)
    const headers = new Headers(CONTENT_HEADERS)
    const asked = context.req.raw.headers
    const call: Call<unknown, unknown> = {
      ...{ query, body, caller, source, asked, headers, incoming, outgoing },
    }
    const result = await once(route, call)
    if (!route.isQuiet) noteChange(route, call)
    if (result === WRITTEN) return new Response(null, { headers: ALREADY_WRITTEN })
    headers.set('content-type', route.contentType)
    return new Response(`${JSON.stringify(result)}\n`, { status: route.status, headers })
  }

  async function once(route: Route, call: Call<unknown, unknown>): Promise<unknown> {
    const key = call.asked.get('idempotency-key')
    const act = async (): Promise<unknown> => route.handle(call)
    if (key === null || route.method !== 'POST') return act()
    const request = `${call.caller?.name ?? call.source.address} ${route.path}`
    return parts.idempotency.once(key, { request, body: call.body }, act)
  }

  function checkMayAsk(route: Route, caller: Caller | null, source: Source): void {
    const isHttp = source.door === 'http'
    if (isHttp && !parts.rates.takes(caller?.name ?? `address ${source.address}`)) {
      throw later(429, 'more than 20 requests a second: ask less often', 1)
    }
    if (isHttp && !route.isUrgent && parts.core.broker.overload.level >= OVERLOAD_LEVEL) {
      throw later(503, 'the broker has too much to do: ask again', OVERLOAD_SECONDS)
    }
    if (route.roles === null) return
    if (caller === null) throw unknownCaller()
    if (route.roles.includes(caller.role)) return
    throw new Problem(
      403,
      `this needs the role ${route.roles.join(' or ')}, and you have ${caller.role}`,
    )
  }

  function noteChange(
    { method, path }: Route,
    { caller, source, incoming }: Call<unknown, unknown>,
  ) {
    parts.counters.changes += 1
    const by = caller?.name ?? 'nobody'
    const asked = (incoming.url ?? path).slice(0, ASKED_LENGTH_MAX)
    const { address } = source
    parts.log.info({ event: 'api.changed', by, address, asked: `${method} ${asked}` }, 'changed')
  }

  function refuse(context: AppContext, problem: Problem): Response {
    parts.counters.refused += 1
    return context.body(`${JSON.stringify(problem.body)}\n`, problem.status as 400, {
      ...CONTENT_HEADERS,
      ...problem.headers,
      'content-type': 'application/problem+json',
    })
  }
}

export function unknownCaller(): Problem {
  return new Problem(
    401,
    'sign in first: pondhawk dashboard, on the machine of the broker, prints a link; programs send a key (pondhawk key add)',
  )
}

function unknownPath({ req }: AppContext, routes: readonly Route[]): Problem {
  const path = req.path.slice(PREFIX.length)
  const methods = routes.filter(each => each.path === path).map(({ method }) => method)
  if (methods.length === 0) {
    return new Problem(404, `nothing is here: ${PREFIX}/openapi.json lists all paths`)
  }
  const allow = methods.join(', ')
  return new Problem(405, `this path takes ${allow}`, { headers: { allow } })
}
