// What an operator does on the page, and what a viewer may not: tests of `screens.test.ts`, with its broker and browser.

import { readFileSync, writeFileSync } from 'node:fs'
import { open, type Scene } from './browser.ts'

export function operatorTests({ t, dashboard, client, configFile }: Scene): void {
  t.test('what the API refuses is said where it was asked', async () => {
    const page = await dashboard.signedIn()
    const viewer = await dashboard.signedIn('viewer')
    await open(page, '#/client?id=slow-1')
    await page.click('button:text-is("Disconnect")')
    // The sign-in of this page is another one from now on.
    await page.context().addCookies(await viewer.context().cookies())
    await page.click('dialog button:text-is("Disconnect")')

    await page.waitForSelector('dialog [role=alert]:has-text("operator")')
    await Promise.all([page, viewer].map(each => each.context().close()))
  })

  t.test(
    'a client that is disconnected and refused for a time is listed, and let in again',
    async t => {
      await client('noisy')
      const page = await dashboard.signedIn()
      await open(page, '#/client?id=noisy')
      await page.click('button:text-is("Disconnect")')
      await page.check('dialog input[type=checkbox]')
      await page.click('dialog button:text-is("Disconnect")')
      await page.waitForSelector('text=There is no session of this client now')
      await t.rejects(client('noisy'), /Banned/i)

      await open(page, '#/clients?state=banned')
      await page.click('tr:has-text("noisy") button')
      await page.waitForSelector('text=No client is banned')
      t.ok((await client('noisy')).connected)
      await page.context().close()
    },
  )

  t.test(
    'the store is backed up on the page, and certificates say how long they last',
    async () => {
      const page = await dashboard.signedIn()
      await open(page, '#/settings?tab=store')
      await page.click('button:text-is("Back up")')
      await page.fill('dialog input', 'before-monday')
      await page.click('dialog button:text-is("Back up")')
      await page.waitForSelector('td:has-text("before-monday")')
      await page.click('tr:has-text("before-monday") button:text-is("Delete")')
      await page.click('dialog button:text-is("Delete")')
      await page.waitForSelector('text=There is no backup yet')

      await open(page, '#/settings?tab=listeners')
      await page.waitForSelector('td:has-text("days left")')
      await page.context().close()
    },
  )

  t.test(
    'a share group gets another strategy, and a member is drained until it can be stopped',
    async t => {
      const members = await Promise.all(['worker-1', 'worker-2'].map(id => client(id)))
      for (const member of members) await member.subscribeAsync('$share/crew/tasks/#', { qos: 1 })
      const page = await dashboard.signedIn()
      await open(page, '#/queues?shareName=crew&filter=tasks/%23')
      await page.click('button:text-is("Strategy")')
      await page.selectOption('dialog select', 'weighted')
      await page.click('dialog button:text-is("Change")')
      await page.waitForSelector('dd:has-text("an operator has set it")')
      await page.click('tr:has-text("worker-2") button:text-is("Weight")')
      await page.fill('dialog input', '3')
      await page.click('dialog button:text-is("Change")')
      await page.waitForSelector('tr:has-text("worker-2") td:text-is("3")')

      await page.click('tr:has-text("worker-1") button:text-is("Drain")')
      await page.click('dialog button:text-is("Drain")')
      await page.waitForSelector('tr:has-text("worker-1"):has-text("drained, nothing in flight")')
      const heard: string[] = []
      members.forEach((member, at) => member.on('message', () => heard.push(`worker-${at + 1}`)))
      for (let sent = 0; sent < 6; sent++)
        await members[0]?.publishAsync('tasks/a', 'x', { qos: 1 })
      t.notOk(heard.includes('worker-1'))
      await page.click('tr:has-text("worker-1") button:text-is("Undrain")')
      await page.waitForSelector('tr:has-text("worker-1") .state:has-text("connected")')
      await page.context().close()
    },
  )

  t.test(
    'a prepared transaction is committed or aborted in place of its client, and one stays',
    async t => {
      const shop = await client('shop')
      const heard: string[] = []
      shop.on('message', (_topic, payload) => heard.push(payload.toString()))
      await shop.subscribeAsync(['stock/#', '$queue/billing/billing/#'], { qos: 1 })
      for (const id of ['orders.1', 'orders.2', 'orders.3']) {
        for (const topic of ['stock/reserve', 'billing/invoice'])
          await shop.publishAsync(`$tx/${id}/publish/${topic}`, id, { qos: 1 })
        await shop.publishAsync(`$tx/${id}/prepare`, '2', { qos: 1 })
      }
      const viewer = await dashboard.signedIn('viewer')
      await open(viewer, '#/queues?kind=prepared')
      await viewer.waitForSelector('tr:has-text("orders.1"):has-text("billing/invoice")')
      t.equal(await viewer.locator('main td button').count(), 0)

      const page = await dashboard.signedIn()
      await open(page, '#/queues?kind=prepared')
      await page.click('tr:has-text("orders.1") button:text-is("Commit")')
      await page.waitForSelector('dialog p:has-text("2 messages are published.")')
      await page.click('dialog button:text-is("Commit")')
      await page.waitForSelector('tr:has-text("orders.1")', { state: 'detached' })
      await page.click('tr:has-text("orders.2") button:text-is("Abort")')
      await page.click('dialog button:text-is("Abort")')
      await page.waitForSelector('tr:has-text("orders.2")', { state: 'detached' })
      await page.waitForSelector('tr:has-text("orders.3")')
      await shop.publishAsync('stock/end', 'end', { qos: 1 })
      t.strictSame(heard, ['orders.1', 'orders.1', 'end'])
      await Promise.all([page, viewer].map(each => each.context().close()))
    },
  )

  t.test(
    'the configuration file is checked by line, compared and written, unless somebody was faster',
    async t => {
      const page = await dashboard.signedIn()
      await open(page, '#/settings?tab=configuration')
      await page.waitForSelector('h3:text-is("Edit the file")')
      const before = await page.inputValue('textarea')
      t.match(before, /^# The broker of these tests\.\n/)
      await page.fill('textarea', `${before}limits: { recieveMax: 5 }\n`)
      await page.click('button:text-is("Check")')
      await page.waitForSelector(`li:has-text("Line ${before.split('\n').length}")`)

      await page.fill('textarea', `${before}limits: { receiveMax: 5 }\n`)
      await page.click('button:text-is("Apply")')
      await page.waitForSelector('dialog ins:text-is("+ limits: { receiveMax: 5 }")')
      t.match(await page.textContent('dialog'), /After a restart: limits\.receiveMax/)
      await page.click('dialog button:text-is("Apply")')
      await page.waitForSelector(
        'tr:has-text("limits.receiveMax"):has-text("another one after a restart")',
      )
      t.match(readFileSync(configFile, 'utf8'), /^# The broker[^]*receiveMax: 5/)

      const now = await page.inputValue('textarea')
      writeFileSync(configFile, before)
      await page.fill('textarea', `${now}# mine\n`)
      await page.click('button:text-is("Apply")')
      await page.click('dialog button:text-is("Apply")')
      await page.waitForSelector('dialog [role=alert]')
      t.equal(readFileSync(configFile, 'utf8'), before)
      await page.context().close()
    },
  )
}
