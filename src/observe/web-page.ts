// The HTTP port: a page with the broker's figures, the same figures as JSON and for Prometheus, and health checks.

import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { METRICS_TYPE, metricsOf, type Timings } from './metrics.ts'
import { residentBytes } from './resident-memory.ts'
import { FIGURES, type Status } from './status.ts'

/** How often the page requests new figures. */
const REFRESH_MS = 2_000

const SCRIPT = `
const show = (id, value) => { document.getElementById(id).textContent = value.toLocaleString('en') }
let last = null
async function refresh() {
  try {
    const status = await (await fetch('/api/v1/status')).json()
    const at = performance.now()
    for (const id of ${JSON.stringify(FIGURES.map(({ name }) => name))}) show(id, status[id])
    document.getElementById('durability').textContent =
      ({ fsync: 'on disk', os: 'with the system', memory: 'in memory' })[status.durability] + (status.storeIsFull ? ', but the disk is full' : '')
    const lost = Object.entries(status.dropped).filter(([, count]) => count > 0)
    document.getElementById('dropped').textContent =
      lost.length === 0 ? 'none' : lost.map(([reason, count]) => reason + ' ' + count).join(', ')
    const actions = Object.entries(status.overloadActions).filter(([, count]) => count > 0)
    document.getElementById('overloadActions').textContent =
      actions.length === 0 ? 'nothing' : actions.map(([name, count]) => name + ' ' + count).join(', ')
    const limited = Object.entries(status.limited).filter(([, count]) => count > 0)
    document.getElementById('limited').textContent =
      limited.length === 0 ? 'none' : limited.map(([name, count]) => name + ' ' + count).join(', ')
    const received = status.messagesReceived
    if (last !== null) show('rate', Math.max(0, Math.round(1000 * (received - last.received) / (at - last.at))))
    last = { received, at }
    document.getElementById('state').textContent = 'running'
  } catch { document.getElementById('state').textContent = 'not answering' }
}
refresh()
setInterval(refresh, ${REFRESH_MS})
`

/** Every text has a contrast of at least 4.5:1 with its background, in both colour schemes (WCAG 2.1, 1.4.3). */
const STYLE = `
:root { color-scheme: light dark; --text: #1d2b26; --faint: #56665f; --page: #f6f8f5; --card: #ffffff; --border: #dde5df; --code: #e8f0ea; --screen: #1d2b26 }
@media (prefers-color-scheme: dark) { :root { --text: #e8f0ea; --faint: #a3b3ab; --page: #141b18; --card: #1d2622; --border: #2e3a35; --code: #e8f0ea; --screen: #0c110f } }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 44rem; padding: 2rem 1rem; color: var(--text); background: var(--page) }
h1 { font-size: 1.4rem; margin: 0 } h1 small { font-weight: normal; color: var(--faint); font-size: .9rem }
.rate { font-size: 3.5rem; font-variant-numeric: tabular-nums; margin: 1.5rem 0 0 } .rate + p { margin: 0 0 1.5rem; color: var(--faint) }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(12rem, 1fr)); gap: 1rem; margin: 0 }
dl div { background: var(--card); border: 1px solid var(--border); border-radius: .5rem; padding: .75rem 1rem }
dt { color: var(--faint); font-size: .85rem } dd { margin: 0; font-size: 1.3rem; font-variant-numeric: tabular-nums; overflow-wrap: anywhere }
pre { background: var(--screen); color: var(--code); padding: 1rem; border-radius: .5rem; overflow-x: auto }
`

const PAGE = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Pondhawk</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>${STYLE}</style></head>
<body>
<h1>Pondhawk <small id="state">…</small></h1>
<p class="rate" id="rate">0</p><p>messages received a second</p>
<dl>
${FIGURES.map(({ name, label, counts }) => card(name, label, counts)).join('\n')}
${card('durability', 'An acknowledgement means', 'Where a message is when PUBACK or PUBREC is sent')}
${card('dropped', 'Dropped', 'Messages that were not delivered to a subscriber, by reason')}
${card('overloadActions', 'Done because of overload', 'What was done because of overload, and how often')}
${card('limited', 'Limits reached', 'How often each limit was reached, by its name in the configuration')}
</dl>
<p>Try it, in two terminals:</p>
<pre>mosquitto_sub -t 'hello/#' -v
mosquitto_pub -t hello/world -m hi</pre>
<script>${SCRIPT}</script>
</body></html>
`

function card(id: string, label: string, counts: string): string {
  return `<div title="${counts}"><dt>${label}</dt><dd id="${id}">–</dd></div>`
}

/** The page may run its own script and nothing else. */
const POLICY = [
  `default-src 'none'`,
  `script-src '${hashOf(SCRIPT)}'`,
  `style-src '${hashOf(STYLE)}'`,
  `connect-src 'self'`,
  `base-uri 'none'`,
  `form-action 'none'`,
  `frame-ancestors 'none'`,
].join('; ')

/** What is wrong is in the log alone: whoever asks here may be a stranger. */
function readiness(sources: WebPageSources): string {
  const troubles = sources.accessTroubles()
  if (troubles.length === 0) return 'ready\n'
  return `ready\n${troubles.join('\n')} The log says why.\n`
}

interface WebPageSources {
  status(): Status
  readonly timings: Timings
  /** Listeners are bound and the broker is not stopping. */
  isReady(): boolean
  /** What is wrong with users, rules and keys, in sentences. */
  accessTroubles(): readonly string[]
}

/** Answers `/`, `/metrics`, `/healthz` and `/readyz`. */
export function webPage(
  sources: WebPageSources,
): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      answer(response, 405, 'text/plain', 'Only GET is answered here.\n')
      return
    }
    const path = (request.url ?? '/').split('?')[0]
    switch (path) {
      case '/':
        response.setHeader('content-security-policy', POLICY)
        answer(response, 200, 'text/html; charset=utf-8', PAGE)
        return
      case '/metrics':
        answer(
          response,
          200,
          METRICS_TYPE,
          metricsOf(sources.status(), FIGURES, usage(), sources.timings),
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
          'Nothing is here. The page is at /, MQTT over WebSocket at any path.\n',
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

function usage(): { readonly cpuSeconds: number; readonly residentBytes: number } {
  const { user, system } = process.cpuUsage()
  return { cpuSeconds: (user + system) / 1_000_000, residentBytes: residentBytes() }
}

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`
}
