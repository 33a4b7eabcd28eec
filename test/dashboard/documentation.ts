// The documentation in a browser, and the page of its tutorial: tests of `screens.test.ts`, with its broker and browser.

import { createServer } from 'node:http'
import { readFileSync } from 'node:fs'
import { type AddressInfo } from 'node:net'
import { resolve } from 'node:path'
import axe from 'axe-core'
import type { Page } from 'playwright-core'
import { blocksOf, ROOT } from '../docs/pages.ts'
import type { Scene } from './browser.ts'

const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']

async function violationsOf(page: Page): Promise<unknown> {
  await page.evaluate(axe.source)
  return page.evaluate(
    `axe.run(document, { runOnly: ${JSON.stringify(RULES)} }).then(({ violations }) => violations.map(({ id, nodes }) => [id, nodes[0].html]))`,
  )
}

export function documentationTests({ t, dashboard, client }: Scene): void {
  t.test(
    'the documentation is accessible in both themes, also on a phone, and is searched by keys',
    async t => {
      for (const colorScheme of ['light', 'dark'] as const) {
        const page = await dashboard.page({ colorScheme, viewport: { width: 390, height: 800 } })
        for (const path of ['docs/', 'docs/how-to/users-and-rules.html']) {
          await page.goto(`${dashboard.address}${path}`)
          await page.waitForSelector('#search input')
          t.strictSame(await violationsOf(page), [], `${path} ${colorScheme}`)
          for (const width of [320, 390, 1_280]) {
            await page.setViewportSize({ width, height: 800 })
            const needed = Number(await page.evaluate('document.documentElement.scrollWidth'))
            t.ok(needed <= width, `${path} needs ${needed} of ${width}`)
          }
        }
        if (colorScheme === 'light') {
          await page.keyboard.press('/')
          await page.keyboard.type('pre-shared k')
          await page.waitForSelector('.found a')
          t.strictSame(await violationsOf(page), [], 'with results')
          await page.keyboard.press('ArrowDown')
          await page.keyboard.press('Enter')
          await page.waitForURL(/pre-shared-keys\.html/)
        }
        await page.context().close()
      }
    },
  )

  t.test('the menu of the dashboard leads to the documentation, and back', async t => {
    const page = await dashboard.signedIn()
    await page.click('nav a:text-is("Documentation")')
    await page.waitForSelector('h1:text-is("Documentation")')
    await page.click('nav a:text-is("Dashboard")')
    await page.waitForSelector('#overview[data-ready=true]')
    t.equal(page.url().replace(/#.*/, ''), dashboard.address)
    await page.context().close()
  })

  t.test('the page of the tutorial publishes, and shows what comes', async t => {
    const tutorial = 'docs/tutorial/page-in-the-browser.md'
    const html = blocksOf(tutorial).find(({ language }) => language === 'html')?.code ?? ''
    const port = dashboard.address.split(':')[2]?.replace('/', '') ?? ''
    const mqttjs = readFileSync(resolve(ROOT, 'node_modules/mqtt/dist/mqtt.min.js'))
    const site = createServer(({ url }, response) => {
      const isPage = url === '/'
      response.setHeader('content-type', isPage ? 'text/html' : 'text/javascript')
      response.end(isPage ? html.replace('8083', port) : url === '/mqtt.min.js' ? mqttjs : '')
    }).listen(0, '127.0.0.1')
    t.teardown(() => site.close())
    const context = await dashboard.browser.newContext()
    const page = await context.newPage()
    await page.goto(`http://localhost:${(site.address() as AddressInfo).port}/`)
    const publisher = await client('terminal')
    while (!(await page.locator('li').count()))
      await publisher.publishAsync('hello/world', '<b>hi</b>', { qos: 1 })
    await page.click('button')

    await page.waitForSelector('li:text-is("hello/page: hi from the page")')
    t.equal(await page.locator('b').count(), 0)
    await publisher.endAsync()
    await context.close()
  })
}
