// A real broker, and a real Chromium that is signed in to its dashboard. What the browser complains of is kept.

import type { IClientOptions, MqttClient } from 'mqtt'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import type { Test } from 'tap'
import type { ConfigInput } from '../../src/config/config-types.ts'
import { parseConfig } from '../../src/config/parse.ts'
import type { Log } from '../../src/observe/log.ts'
import type { ServerParts } from '../../src/server/server-parts.ts'
import { type Server, startServer } from '../../src/server/server.ts'

const silent = (): void => {}
const LOG: Log = { debug: silent, info: silent, warn: silent, error: silent }

/** A client that is gone, rules that are wrong on purpose, the level of a log that is the test's own, a viewer, and a fifth stream. */
const REFUSED_IN_TESTS =
  /^404: .*\/client\?|^422: .*\/rules$|^409: .*\/log\/level$|^403: .*\/client\/disconnect$|^503: .*\/stream\?|^412: .*\/config$/

/** What the tests of a file share. */
export interface Scene {
  readonly t: Test
  readonly dashboard: Dashboard
  readonly configFile: string
  readonly client: (clientId: string, options?: IClientOptions) => Promise<MqttClient>
}

export class Dashboard {
  readonly server: Server
  readonly browser: Browser
  /** What pages wrote to the console, threw, or asked elsewhere. */
  readonly complaints: string[] = []

  private constructor(server: Server, browser: Browser) {
    this.server = server
    this.browser = browser
  }

  static async start(input: ConfigInput = {}, parts: ServerParts = {}): Promise<Dashboard> {
    const server = await startServer(
      parseConfig({
        listeners: [
          { host: '127.0.0.1', port: 0 },
          { host: '127.0.0.1', port: 0, protocol: 'ws' },
        ],
        store: { durability: 'memory' },
        ...input,
      }),
      LOG,
      parts,
    )
    return new Dashboard(server, await launched())
  }

  get address(): string {
    return `http://localhost:${this.server.listeners[1]?.port}/`
  }

  get mqtt(): string {
    return `mqtt://127.0.0.1:${this.server.listeners[0]?.port}`
  }

  link(role: 'viewer' | 'operator' = 'operator'): string {
    const key = this.server.api.newLink(role)?.split('#key=')[1]
    return `${this.address}#key=${key}`
  }

  /** Opens a page that is signed in, in a browser of its own. */
  async signedIn(
    role: 'viewer' | 'operator' = 'operator',
    options: BrowserContextOptions = {},
  ): Promise<Page> {
    const page = await this.page(options)
    await page.goto(this.link(role))
    await page.waitForSelector('#overview[data-ready=true]')
    return page
  }

  async page(options: BrowserContextOptions = {}): Promise<Page> {
    const context = await this.browser.newContext(options)
    const page = await context.newPage()
    this.watch(page)
    return page
  }

  watch(page: Page): void {
    page.on('console', message => {
      // The response below says more.
      if (message.text().startsWith('Failed to load resource')) return
      this.complaints.push(`console: ${message.text()}`)
    })
    page.on('response', response => {
      const said = `${response.status()}: ${response.url()}`
      if (response.status() >= 400 && !REFUSED_IN_TESTS.test(said)) this.complaints.push(said)
    })
    page.on('pageerror', error => this.complaints.push(`thrown: ${error.stack ?? error.message}`))
    page.on('request', request => {
      const url = request.url()
      if (!url.startsWith(this.address) && !url.startsWith('data:'))
        this.complaints.push(`asked elsewhere: ${url}`)
    })
  }

  async close(): Promise<void> {
    await this.browser.close()
    await this.server.close()
  }
}

export function launched(): Promise<Browser> {
  return chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
}

/** Opens a screen of a page that is signed in, and waits until it is there. */
export async function open(page: Page, hash: string): Promise<void> {
  await page.evaluate(`location.hash = ${JSON.stringify(hash)}`)
  await page.waitForSelector('main h1')
}
