// The dashboard's files: served from the package, small, and bound to one origin.

import { request } from 'node:http'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { test } from 'tap'
import { createBroker } from '../../src/index.ts'
import { DashboardFiles } from '../../src/observe/dashboard-files.ts'

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../../..')

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
}

/** The path goes out as it is: `fetch` would mend `..` before. */
function get(port: number, path: string, headers: Record<string, string> = {}): Promise<Answer> {
  return new Promise((done, failed) => {
    request({ host: '127.0.0.1', port, path, headers }, response => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.on('end', () => {
        const { statusCode: status = 0, headers } = response
        done({ status, headers, body: Buffer.concat(parts) })
      })
    })
      .on('error', failed)
      .end()
  })
}

async function webPort(): Promise<{ port: number; close(): Promise<void> }> {
  const broker = await createBroker({
    listeners: [{ host: '127.0.0.1', port: 0, protocol: 'ws' }],
    store: { durability: 'memory' },
  })
  return { port: broker.listeners[0]?.port ?? 0, close: () => broker.close() }
}

test('the page is there, may run its own scripts alone, and its files are kept by browsers for good', async t => {
  const { port, close } = await webPort()
  t.teardown(close)

  const page = await get(port, '/')
  t.equal(page.status, 200)
  const policy = String(page.headers['content-security-policy'])
  for (const part of [`default-src 'none'`, `script-src 'self'`, `frame-ancestors 'none'`])
    t.match(policy, part)
  t.notMatch(policy, /unsafe|https?:/)
  t.equal(page.headers['cache-control'], 'no-cache')
  t.equal((await get(port, '/', { 'if-none-match': String(page.headers['etag']) })).status, 304)

  const assets = [...page.body.toString().matchAll(/(?:src|href)="\.\/(assets\/[^"]+)"/g)]
  t.ok(assets.length >= 2)
  for (const [, asset = ''] of assets) {
    const plain = await get(port, `/${asset}`)
    const packed = await get(port, `/${asset}`, { 'accept-encoding': 'gzip' })
    t.match(String(plain.headers['cache-control']), 'immutable')
    t.equal(packed.headers['content-encoding'], 'gzip')
    t.ok(gunzipSync(packed.body).equals(plain.body))
    t.ok(packed.body.length < plain.body.length)
  }
})

test('no file names another origin to load from', async t => {
  const built = resolve(ROOT, 'dist/dashboard/assets')
  for (const name of readdirSync(built)) {
    const text = readFileSync(resolve(built, name), 'utf8')
    t.notMatch(text, /(?:src|href|import|fetch)\s*[=(]\s*["'`]https?:/, name)
  }
})

test('no path reaches the disk beside these files', async t => {
  const { port, close } = await webPort()
  t.teardown(close)

  for (const path of [
    '/../package.json',
    '/assets/../../src/cli.js',
    '/assets/%2e%2e/%2e%2e/src/cli.js',
    '/assets/..%2f..%2fsrc%2fcli.js',
    '/assets/',
    '/assets',
    '/index.html/',
    '//etc/passwd',
    '/__proto__',
  ]) {
    t.equal((await get(port, path)).status, 404, path)
  }
})

test('a broker whose dashboard is not built says so', async t => {
  const files = new DashboardFiles(resolve(ROOT, 'test/dashboard'))
  let sent = ''
  const headers = new Map<string, string>()
  const response = {
    setHeader: (name: string, value: string) => headers.set(name, value),
    writeHead: () => response,
    end: (body: Buffer) => (sent = body.toString()),
  }

  t.ok(files.answers('/', { method: 'GET', headers: {} } as never, response as never))
  t.match(sent, 'npm run build')
})
