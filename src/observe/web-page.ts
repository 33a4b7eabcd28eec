// The HTTP port: the dashboard, the documentation, the broker's figures as JSON and for Prometheus, and health checks.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { DashboardFiles } from './dashboard-files.ts'
import { DocumentationFiles } from './documentation-files.ts'
import { METRICS_TYPE, metricsOf, type OtherNames, type Timings } from './metrics.ts'
import { usageOfProcess } from './resident-memory.ts'
import { FIGURES, type Status } from './status.ts'

/** What is wrong is in the log alone: whoever asks here may be a stranger. */
function readiness(sources: WebPageSources): string {
  const troubles = sources.accessTroubles()
  if (troubles.length === 0) return 'ready\n'
  return `ready\n${troubles.join('\n')} The log says why.\n`
}

interface WebPageSources {
  status(): Status
  readonly timings: Timings
  readonly sysFigures: { readonly last: ReadonlyMap<string, string> }
  /** `metrics.compat`. */
  readonly compat: OtherNames['compat']
  readonly queues: () => OtherNames['queues']
  /** `dashboard.enabled`. */
  readonly hasDashboard: boolean
  /** Listeners are bound and the broker is not stopping. */
  isReady(): boolean
  /** What is wrong with users, rules and keys, in sentences. */
  accessTroubles(): readonly string[]
}

/** Answers the files of the dashboard and of the documentation, `/metrics`, `/healthz` and `/readyz`. */
export function webPage(
  sources: WebPageSources,
): (request: IncomingMessage, response: ServerResponse) => void {
  const files = sources.hasDashboard ? [new DashboardFiles(), new DocumentationFiles()] : []
  return (request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      answer(response, 405, 'text/plain', 'Only GET is answered here.\n')
      return
    }
    const path = (request.url ?? '/').split('?')[0] ?? '/'
    if (files.some(each => each.answers(path, request, response))) return
    switch (path) {
      case '/metrics':
        answer(
          response,
          200,
          METRICS_TYPE,
          metricsOf(sources.status(), FIGURES, usageOfProcess(), sources.timings, {
            sys: sources.sysFigures.last,
            compat: sources.compat,
            queues: sources.queues(),
          }),
        )
        return
      case '/healthz':
        answer(response, 200, 'text/plain', 'alive\n')
        return
      case '/readyz':
        if (sources.isReady()) answer(response, 200, 'text/plain', readiness(sources))
        else answer(response, 503, 'text/plain', 'not ready\n')
        return
      default:
        answer(
          response,
          404,
          'text/plain',
          'Nothing is here. The page is at /, the documentation at /docs/, MQTT over WebSocket at any path.\n',
        )
    }
  }
}

function answer(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  })
  response.end(response.req.method === 'HEAD' ? '' : body)
}
