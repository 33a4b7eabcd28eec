// Every screen of the dashboard in Debian's Chromium, beside a real broker and real clients.

import axe from 'axe-core'
import mqtt from 'mqtt'
import type { Page } from 'playwright-core'
import t from 'tap'
import { Dashboard, open } from './browser.ts'

const dashboard = await Dashboard.start()
t.teardown(() => dashboard.close())

/** Ids that a page could take for markup, a path or a part of a URL, or that turn the text around them. */
const HOSTILE = [
  '<img src=x onerror=alert(1)>',
  '..',
  'a?#%&=/..%2e',
  'x\u202egpj.exe',
  '"><script>alert(1)</script>',
]
/** Each screen, and what is there when it is complete. */
const SCREENS: readonly (readonly [hash: string, sign: string])[] = [
  ['#/', '#overview[data-ready=true]'],
  ['#/clients', 'td a'],
  ['#/client?id=slow-1', '.facts'],
  ['#/access', '#keys'],
  ['#/settings', 'pre'],
]

function client(clientId: string, options: mqtt.IClientOptions = {}) {
  return mqtt.connectAsync(dashboard.mqtt, {
    clientId,
    reconnectPeriod: 0,
    protocolVersion: 5,
    ...options,
  })
}

t.test(
  'a link signs in once, its key leaves the address, and a stranger learns how to get one',
  async t => {
    const link = dashboard.link()
    const page = await dashboard.page()
    await page.goto(link)
    await page.waitForSelector('#overview[data-ready=true]')
    t.notMatch(page.url(), 'key')
    t.equal(
      await page.evaluate('history.length'),
      2,
      'nor is it in the history: a blank page, and this one',
    )
    await page.reload()
    await page.waitForSelector('#overview[data-ready=true]')

    const second = await dashboard.browser.newContext()
    const stranger = await second.newPage()
    await stranger.goto(link)
    await stranger.waitForSelector('text=Sign in to Pondhawk')
    t.match(await stranger.textContent('main'), 'pondhawk dashboard')
    t.match(await stranger.textContent('[role=alert]'), /was used/)
    await second.close()
    await page.context().close()
  },
)

t.test('the first steps tick themselves within 2 s', async t => {
  const page = await dashboard.signedIn()
  t.equal(await page.locator('[data-done=true]').count(), 0)

  const subscriber = await client('slow-1')
  await subscriber.subscribeAsync('hello/#')
  await page.waitForSelector('[data-step=connect][data-done=true]', { timeout: 4_000 })
  await subscriber.publishAsync('hello/world', 'hi')
  await page.waitForSelector('[data-step=publish][data-done=true]', { timeout: 4_000 })
  t.equal(await page.locator('[data-step=secure][data-done=true]').count(), 0)
  await page.context().close()
})

t.test('clients with hostile ids are listed as they are, open, and are disconnected', async t => {
  await Promise.all(HOSTILE.map(id => client(id)))
  const page = await dashboard.signedIn()
  await open(page, '#/clients')
  await page.waitForSelector('text=x\\u202egpj.exe')
  t.equal(await page.locator('main img, main script').count(), 0)

  for (const id of HOSTILE) {
    const shown = id.replace('\u202e', '\\u202e')
    await open(page, '#/clients')
    await page.locator('table a', { hasText: shown }).first().click()
    await page.waitForSelector('.state:has-text("connected")')
    t.equal(await page.textContent('h1'), shown)
    await page.click('button:text-is("Disconnect")')
    await page.waitForSelector('dialog[open]')
    t.equal(await focused(page), 'Cancel')
    await page.click('dialog button:text-is("Disconnect")')
    await page.waitForSelector('text=There is no session of this client now', { timeout: 4_000 })
  }
  await page.context().close()
})

t.test('a viewer has no button that changes anything', async t => {
  const page = await dashboard.signedIn('viewer')
  await open(page, '#/client?id=slow-1')
  await page.waitForSelector('.state:has-text("connected")')

  for (const name of ['Disconnect', 'Forget'])
    t.equal(await page.locator(`button:text-is("${name}")`).count(), 0, name)
  await page.context().close()
})

t.test('keys open screens and the search, and are silent while somebody types', async t => {
  const page = await dashboard.signedIn()
  await page.keyboard.press('Tab')
  t.equal(await focused(page), 'Skip to the content')
  await page.keyboard.press('Tab')
  t.match(await focused(page), 'Overview')

  await page.keyboard.press('g')
  await page.keyboard.press('c')
  // A screen reader hears the heading.
  await page.waitForSelector('h1:text-is("Clients"):focus')
  await page.keyboard.press('/')
  t.equal(await page.evaluate('document.activeElement.id'), 'search')
  await page.keyboard.type('g slow')
  t.match(page.url(), '#/clients')
  await page.fill('#search', 'slow')
  await page.waitForSelector('[role=option]:has-text("slow-1")')
  await page.keyboard.press('Enter')
  await page.waitForSelector('h1:has-text("slow-1")')

  await page.keyboard.press('?')
  await page.waitForSelector('dialog:has-text("Keys")')
  await page.keyboard.press('Escape')
  t.equal(await page.locator('dialog').count(), 0)
  await page.context().close()
})

function focused(page: Page): Promise<string> {
  return page.evaluate('document.activeElement.textContent')
}

/** Widths of a phone and of a screen, in both colour schemes. */
const LOOKS = [
  { colorScheme: 'light', viewport: { width: 1280, height: 800 } },
  { colorScheme: 'dark', viewport: { width: 1280, height: 800 } },
  { colorScheme: 'light', viewport: { width: 390, height: 800 } },
  { colorScheme: 'dark', viewport: { width: 390, height: 800 } },
] as const

interface Violation {
  readonly id: string
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[]
}

t.test('every screen is accessible (WCAG A and AA), wide and narrow, light and dark', async t => {
  for (const look of LOOKS) {
    const page = await dashboard.signedIn('operator', look)
    await page.evaluate(axe.source)
    for (const [hash, sign] of SCREENS) {
      await open(page, hash)
      await page.waitForSelector(sign)
      const violations = (await page.evaluate(
        `axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] }).then(result => result.violations)`,
      )) as Violation[]
      t.strictSame(
        violations.map(({ id, nodes }) => [id, nodes[0]?.html, nodes[0]?.failureSummary]),
        [],
        `${hash} ${look.colorScheme} ${look.viewport.width}`,
      )
    }
    await page.context().close()
  }
})

t.test('no screen scrolls sideways, from 320 pixels on', async t => {
  const page = await dashboard.signedIn()
  for (const [hash, sign] of SCREENS) {
    await open(page, hash)
    await page.waitForSelector(sign)
    for (const width of [320, 390, 720, 1_000, 1_280]) {
      await page.setViewportSize({ width, height: 800 })
      t.ok(
        Number(await page.evaluate('document.documentElement.scrollWidth')) <= width,
        `${hash} ${width}`,
      )
    }
  }
  await page.context().close()
})

t.test('no browser has complained, and nothing was asked from another origin', async t => {
  t.strictSame(dashboard.complaints, [])
})
