// How the page looks, and how it can be used: tests of `screens.test.ts`, with its broker and browser.

import axe from 'axe-core'
import type { Page } from 'playwright-core'
import type { Test } from 'tap'
import { rate as shownRate } from '../../src/dashboard/show/format.ts'
import { open, type Scene } from './browser.ts'
import { contrastOf } from './contrast.ts'

/** Each screen, and what is there when it is complete. */
const SCREENS: readonly (readonly [hash: string, sign: string])[] = [
  ['#/', '#overview[data-ready=true] canvas'],
  ['#/clients', 'td a'],
  ['#/clients?state=refused', 'td'],
  ['#/client?id=slow-1', '.story'],
  ['#/topics', '[role=treeitem]'],
  ['#/topic?name=hello/world', '.payload'],
  ['#/messages?filter=%23', '#subscribe'],
  ['#/explain?topic=hello/world', '.verdict'],
  ['#/explain?kind=access&topic=hello/world', '.verdict'],
  ['#/queues', 'td a'],
  ['#/queues?name=parcels', 'h2'],
  ['#/queues?kind=groups', 'td a'],
  ['#/queues?kind=prepared', 'td a'],
  ['#/access', '#users'],
  ['#/access?tab=rules', 'textarea'],
  ['#/access?tab=keys', '#keys'],
  ['#/log?level=debug', '[role=search], h1'],
  ['#/settings', 'pre'],
  ['#/settings?tab=listeners', 'td'],
  ['#/settings?tab=configuration', 'textarea'],
  ['#/settings?tab=store', '#store'],
]

/** Widths of a phone and of a screen, in both colour schemes. */
const LOOKS = [
  { colorScheme: 'light', viewport: { width: 1280, height: 800 } },
  { colorScheme: 'dark', viewport: { width: 1280, height: 800 } },
  { colorScheme: 'light', viewport: { width: 390, height: 800 } },
  { colorScheme: 'dark', viewport: { width: 390, height: 800 } },
] as const

async function checkWidths(t: Test, page: Page, hash: string): Promise<void> {
  const size = page.viewportSize()
  for (const width of [320, 390, 720, 1_000, 1_280]) {
    await page.setViewportSize({ width, height: 800 })
    const needed = Number(await page.evaluate('document.documentElement.scrollWidth'))
    t.ok(needed <= width, `${hash} needs ${needed} of ${width}`)
  }
  if (size !== null) await page.setViewportSize(size)
}

interface Violation {
  readonly id: string
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[]
}

interface Ring {
  readonly name: string
  readonly width: string
  readonly ring: string
  readonly behind: string
}

/** The ring of what has the focus, and the colour behind it; null for the whole page, between its end and its beginning. */
const RING = `(() => {
  const element = document.activeElement
  if (element === document.body) return null
  const { outlineColor, outlineWidth } = getComputedStyle(element)
  let place = element.parentElement
  while (getComputedStyle(place).backgroundColor === 'rgba(0, 0, 0, 0)') place = place.parentElement
  const hex = text => '#' + text.match(/\\d+/g).slice(0, 3).map(each => Number(each).toString(16).padStart(2, '0')).join('')
  return {
    name: element.textContent || element.id,
    width: outlineWidth,
    ring: hex(outlineColor),
    behind: hex(getComputedStyle(place).backgroundColor),
  }
})()`

export function appearanceTests({ t, dashboard }: Scene): void {
  /** The API's limit of streams for one sign-in is met, and a browser's of connections to one origin. */
  t.test('a seventh tab of one browser shows its screen, with figures that go on', async t => {
    const page = await dashboard.signedIn()
    const tabs = await Promise.all(
      Array.from({ length: 6 }, async () => {
        const tab = await page.context().newPage()
        dashboard.watch(tab)
        await tab.goto(dashboard.address)
        await tab.waitForSelector('#overview[data-ready=true]')
        return tab
      }),
    )
    // A page without a stream asks for its figures.
    await Promise.any(tabs.map(tab => tab.waitForRequest(each => each.url().endsWith('/status'))))
    for (const tab of tabs) t.equal(await tab.locator('.bar').count(), 0)
    await page.context().close()
  })

  t.test(
    'a chart as a table has the values of the API, and what is not known is a gap',
    async t => {
      const page = await dashboard.signedIn()
      await page.click('button:text-is("1 h")')
      await page.locator('button:has-text("Table of Connected")').click()
      const rows = page.locator('section[aria-label=Connected] tbody tr')
      await rows.nth(359).waitFor()
      const shown = await rows.locator('td.number').allTextContents()
      const answer = (await page.evaluate(
        `fetch('api/v1/metrics/history?range=1h').then(response => response.json())`,
      )) as { readonly mean: { readonly clientsConnected: readonly (number | null)[] } }

      const values = shown.filter(each => each !== '–')
      const known = answer.mean.clientsConnected.filter(each => each !== null)
      t.ok(values.length < shown.length)
      t.strictSame(values.toReversed(), known.slice(0, values.length).map(shownRate))
      await page.context().close()
    },
  )

  t.test(
    'what has the focus has a ring that is seen, and nothing moves for who wants less motion',
    async t => {
      for (const colorScheme of ['light', 'dark'] as const) {
        const page = await dashboard.signedIn('operator', { colorScheme, reducedMotion: 'reduce' })
        await open(page, '#/access')
        await page.waitForSelector('h1:text-is("Access"):focus')
        const rings: Ring[] = []
        for (let tabs = 0; tabs < 16; tabs++) {
          await page.keyboard.press('Tab')
          const found = (await page.evaluate(RING)) as Ring | null
          if (found !== null) rings.push(found)
        }
        t.ok(rings.length >= 14)
        for (const { name, width, ring, behind } of rings) {
          t.equal(width, '2px', name)
          t.ok(contrastOf(ring, behind) >= 3, `${name}: ${ring} on ${behind}`)
        }
        await page.click('button:text-is("Add a user")')
        await page.waitForSelector('dialog[open]')
        t.equal(await page.evaluate('document.getAnimations().length'), 0)
        await page.context().close()
      }
    },
  )

  t.test(
    'every screen is accessible (WCAG A and AA), wide and narrow, light and dark, and never scrolls sideways',
    async t => {
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
          if (look.colorScheme === 'light') await checkWidths(t, page, hash)
        }
        await page.context().close()
      }
    },
  )
}
