// What a browser gets on the HTTP port: a page with the broker's figures, the same as JSON, and health.

import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Status } from './status.ts'

const SCRIPT = `
const show = (id, value) => { document.getElementById(id).textContent = value.toLocaleString('en') }
let last = null
async function refresh() {
  try {
    const status = await (await fetch('/api/v1/status')).json()
    for (const id of ['clientsConnected', 'sessions', 'subscriptions', 'retainedMessages', 'messagesReceived', 'messagesSent']) show(id, status[id])
    document.getElementById('durability').textContent =
      ({ fsync: 'on disk', os: 'with the system', memory: 'in memory' })[status.durability] + (status.storeIsFull ? ', but the disk is full' : '')
    const lost = Object.entries(status.dropped).filter(([, count]) => count > 0)
    document.getElementById('dropped').textContent =
      lost.length === 0 ? 'none' : lost.map(([reason, count]) => reason + ' ' + count).join(', ')
    if (last !== null) show('rate', Math.max(0, Math.round((status.messagesReceived - last) / 2)))
    last = status.messagesReceived
    document.getElementById('state').textContent = 'running'
  } catch { document.getElementById('state').textContent = 'not answering' }
}
refresh()
setInterval(refresh, 2000)
`

const STYLE = `
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 44rem; padding: 2rem 1rem; color: #1d2b26; background: #f6f8f5 }
h1 { font-size: 1.4rem; margin: 0 } h1 small { font-weight: normal; color: #5b6b64; font-size: .9rem }
.rate { font-size: 3.5rem; font-variant-numeric: tabular-nums; margin: 1.5rem 0 0 } .rate + p { margin: 0 0 1.5rem; color: #5b6b64 }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(12rem, 1fr)); gap: 1rem; margin: 0 }
dl div { background: #fff; border: 1px solid #dde5df; border-radius: .5rem; padding: .75rem 1rem }
dt { color: #5b6b64; font-size: .85rem } dd { margin: 0; font-size: 1.3rem; font-variant-numeric: tabular-nums; overflow-wrap: anywhere }
pre { background: #1d2b26; color: #e8f0ea; padding: 1rem; border-radius: .5rem; overflow-x: auto }
@media (prefers-color-scheme: dark) { body { background: #141b18; color: #e8f0ea } dl div { background: #1d2622; border-color: #2e3a35 } }
`

const PAGE = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Pondhawk</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>${STYLE}</style></head>
<body>
<h1>Pondhawk <small id="state">…</small></h1>
<p class="rate" id="rate">0</p><p>messages a second</p>
<dl>
<div><dt>Clients connected</dt><dd id="clientsConnected">–</dd></div>
<div><dt>Sessions</dt><dd id="sessions">–</dd></div>
<div><dt>Subscriptions</dt><dd id="subscriptions">–</dd></div>
<div><dt>Retained messages</dt><dd id="retainedMessages">–</dd></div>
<div><dt>Messages received</dt><dd id="messagesReceived">–</dd></div>
<div><dt>Messages sent</dt><dd id="messagesSent">–</dd></div>
<div><dt>An acknowledgement means</dt><dd id="durability">–</dd></div>
<div><dt>Dropped</dt><dd id="dropped">–</dd></div>
</dl>
<p>Try it, in two terminals:</p>
<pre>mosquitto_sub -t 'hello/#' -v
mosquitto_pub -t hello/world -m hi</pre>
<script>${SCRIPT}</script>
</body></html>
`

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

export interface WebPageSources {
  status(): Status
  /** Listeners are bound and the broker is not stopping. */
  isReady(): boolean
}

/** Answers `/`, `/api/v1/status`, `/healthz` and `/readyz`. */
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
      case '/api/v1/status':
        answer(response, 200, 'application/json', `${JSON.stringify(sources.status())}\n`)
        return
      case '/healthz':
        answer(response, 200, 'text/plain', 'alive\n')
        return
      case '/readyz':
        if (sources.isReady()) answer(response, 200, 'text/plain', 'ready\n')
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

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`
}
