// The documentation as a broker serves it: whole, every link in it leads to a page and a place that are there, and no further.

import { posix } from 'node:path'
import t from 'tap'
import { createBroker, type EmbedOptions } from '../../src/index.ts'
import { pages } from '../docs/pages.ts'

const settings: EmbedOptions = {
  listeners: [{ host: '127.0.0.1', port: 0, protocol: 'ws' }],
  store: { durability: 'memory' },
}
const broker = await createBroker(settings)
const address = `http://127.0.0.1:${broker.listeners[0]?.port}`
t.teardown(() => broker.close())

/** Pages by their path, read by following links from the first one. */
const served = new Map<string, string>()
const links: { readonly from: string; readonly path: string; readonly anchor: string }[] = []

function linksIn(path: string, html: string): void {
  for (const [, href = ''] of html.matchAll(/ (?:href|src)="([^"]*)"/g)) {
    if (/^(?:https?|data):/.test(href)) continue
    const [target = '', anchor = ''] = href.split('#')
    const to = target === '' ? path : posix.join(posix.dirname(path), target)
    links.push({ from: path, path: to, anchor })
  }
}

t.test(
  'all pages are reached by links from the first one, and every link leads somewhere',
  async t => {
    const waiting = ['/docs/index.html']
    const missing: string[] = []
    while (waiting.length > 0) {
      const paths = waiting.splice(0)
      const read = async (path: string): Promise<void> => {
        const answer = await fetch(`${address}${path}`)
        if (answer.status !== 200) missing.push(path)
        const text = await answer.text()
        served.set(path, text)
        if (path.endsWith('.html')) linksIn(path, text)
      }
      await Promise.all(paths.map(read))
      const next = links.map(({ path }) => path).filter(path => path !== '/' && !served.has(path))
      waiting.push(...new Set(next))
    }
    for (const { from, path, anchor } of links) {
      if (anchor === '' || !path.endsWith('.html')) continue
      if (served.get(path)?.includes(` id="${anchor}"`) !== true)
        missing.push(`${from}: ${path}#${anchor}`)
    }
    for (const page of pages()) {
      const path = `/docs/${page.replace(/^docs\//, '').replace(/\.md$/, '.html')}`
      if (!served.has(path)) missing.push(page)
    }
    t.strictSame(missing, [])
    t.ok(served.size > 100)
  },
)

t.test(
  'no page runs or loads what is not of this broker, and comments for tests stay away',
  async t => {
    const { headers } = await fetch(`${address}/docs/how-to/tls.html`)
    const policy = String(headers.get('content-security-policy'))
    t.match(policy, `default-src 'none'; script-src 'self'`)
    t.notMatch(policy, /unsafe|https?:/)
    const foreign =
      /<script(?! type="module" src="[./]*assets\/)|<style| style="| on\w+="|<!--|<(?:link|img|script)[^>]*(?:href|src)="https?:/
    const wrong = [...served].filter(([path, html]) => path.endsWith('.html') && foreign.test(html))
    t.strictSame(
      wrong.map(([path]) => path),
      [],
    )
  },
)

t.test('the index of the search knows every page, and its places are there', async t => {
  const { places, words } = JSON.parse(
    await (await fetch(`${address}/docs/search.json`)).text(),
  ) as {
    places: [string, string, string][]
    words: Record<string, number[]>
  }
  const found = (word: string) => (words[word] ?? []).map(place => places[place]?.[0] ?? '')

  const wrong = places.filter(([place]) => {
    const [page = '', anchor = ''] = place.split('#')
    const html = served.get(`/docs/${page}`)
    return html === undefined || (anchor !== '' && !html.includes(` id="${anchor}"`))
  })
  t.strictSame(wrong, [])
  t.ok(found('queuedmessagesmax').some(each => each.startsWith('reference/configuration.html')))
  t.ok(found('mosquitto').some(each => each.startsWith('how-to/move-from-mosquitto.html')))
})

t.test('pages go out as they are in the package, and no path leads out of it', async t => {
  const path = `${address}/docs/how-to/tls.html`
  const packed = await fetch(path, { headers: { 'accept-encoding': 'gzip' } })
  t.equal(packed.headers.get('content-encoding'), 'gzip')
  const tag = String(packed.headers.get('etag'))
  const plain = await fetch(path, { headers: { 'accept-encoding': 'identity' } })
  t.equal(plain.headers.get('content-encoding'), null)
  t.equal(await plain.text(), await packed.text())
  t.equal((await fetch(path, { headers: { 'if-none-match': tag } })).status, 304)
  const head = await fetch(path, { method: 'HEAD' })
  t.equal(head.status, 200)
  t.equal(await head.text(), '')

  const moved = await fetch(`${address}/docs`, { redirect: 'manual' })
  t.strictSame([moved.status, moved.headers.get('location')], [308, 'docs/'])
  t.equal((await fetch(`${address}/docs/`)).status, 200)
  for (const wrong of ['manifest.json', 'index.html.gz', 'x', '%2e%2e/dashboard/index.html'])
    t.equal((await fetch(`${address}/docs/${wrong}`)).status, 404, wrong)
})

t.test('without a dashboard there is no documentation either', async t => {
  const quiet = await createBroker({ ...settings, dashboard: { enabled: false } })
  t.equal((await fetch(`http://127.0.0.1:${quiet.listeners[0]?.port}/docs/`)).status, 404)
  await quiet.close()
})
