// What the dashboard says while the broker does not answer, and after it has started again: a real process, stopped and killed.

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { test } from 'tap'
import { CLI } from '../command.ts'
import { launched } from './browser.ts'

const POLL_MS = 50

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  return typeof address === 'object' && address !== null ? address.port : 0
}

async function started(file: string, port: number): Promise<ChildProcess> {
  const broker = spawn(process.execPath, [CLI, 'start', '--config', file], { stdio: 'ignore' })
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => null)
    if (answer?.ok === true) return broker
    await new Promise(resume => setTimeout(resume, POLL_MS))
  }
}

test('old figures look old and buttons are off until the broker answers again; a restart keeps the sign-in and the screen', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'pondhawk-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const port = await freePort()
  const file = join(folder, 'pondhawk.yaml')
  writeFileSync(
    file,
    `frontEnds: 1
listeners: [{ host: 127.0.0.1, port: ${await freePort()} }, { host: 127.0.0.1, port: ${port}, protocol: ws }]
store: { directory: ${join(folder, 'data')} }
`,
  )
  let broker = await started(file, port)
  t.teardown(() => broker.kill('SIGKILL'))
  const { stdout: link } = await promisify(execFile)(process.execPath, [
    CLI,
    'dashboard',
    '--config',
    file,
  ])
  const browser = await launched()
  t.teardown(() => browser.close())
  const page = await browser.newPage()
  await page.goto(link.trim())
  await page.waitForSelector('#overview[data-ready=true]')
  await page.evaluate(`location.hash = '#/settings?tab=listeners'`)
  await page.waitForSelector('tr:has-text("core"):has-text("runs")')
  await page.waitForSelector('tr:has-text("front-end-1"):has-text("runs")')
  const pid = await page.evaluate(
    `fetch('/api/v1/status').then(answer => answer.json()).then(({ frontEnds }) => frontEnds[0].pid)`,
  )
  process.kill(Number(pid), 'SIGKILL')
  await page.waitForSelector('tr:has-text("front-end-1"):has-text("ended by SIGKILL")')
  await page.waitForSelector('tr:has-text("front-end-1"):has-text("runs")')
  await page.evaluate(`location.hash = '#/access?tab=keys'`)
  await page.waitForSelector('button:text-is("New key"):enabled')

  broker.kill('SIGSTOP')
  await page.waitForSelector('[role=alert] .bar', { timeout: 8_000 })
  t.match(
    await page.textContent('.bar'),
    /^■Pondhawk has not answered for \d+ s\. Figures are from /,
  )
  t.ok(await page.isDisabled('button:text-is("New key")'))
  t.match(await page.title(), /^\(!\) Access/)

  await page.click('button:text-is("Try now")')
  broker.kill('SIGCONT')
  await page.waitForSelector('.bar', { state: 'detached', timeout: 8_000 })
  t.notOk(await page.isDisabled('button:text-is("New key")'))
  await page.evaluate(`location.hash = '#/'`)
  await page.locator('button:has-text("Table of Connected")').click()
  const values = page.locator('section[aria-label=Connected] tbody td.number')
  await values.first().and(page.locator(':not(:text-is("–"))')).waitFor()
  const known = (await values.allTextContents()).map(each => (each === '–' ? '-' : 'x'))
  t.match(known.join(''), /x-{3,}x/, 'the charts have a gap')
  await page.evaluate(`location.hash = '#/access?tab=keys'`)

  broker.kill('SIGKILL')
  await once(broker, 'exit')
  broker = await started(file, port)
  await page.reload()
  await page.waitForSelector('button:text-is("New key"):enabled')
  t.match(page.url(), '#/access')
})
