// Threat 27: no text of a client becomes a regular expression. The sources are searched, and hostile names are used.

import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'tap'
import { arrivalAt, AttackedBroker } from './attacked-broker.ts'

const SOURCES = resolve(import.meta.dirname, '../../../src')
const HOSTILE = ['(a*)*$', '.*', '^(?:x', '[', '\\', '$', '(?=.*)', 'a{1,99999}']

/** A constant of a module is made before there is a client. */
const IN_A_FUNCTION = /^(?!const [A-Z_]+ = new ).*\bRegExp\(/m

test('no source makes a regular expression while it runs', async t => {
  const names = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })
  const makers = names
    .filter(name => name.endsWith('.ts'))
    .filter(name => IN_A_FUNCTION.test(readFileSync(join(SOURCES, name), 'utf8')))

  t.strictSame(makers, [])
})

test('names that are regular expressions are names like others', async t => {
  const broker = await AttackedBroker.started(t, {
    access: { rules: 'pattern readwrite own/%c/#\ntopic readwrite fresh', anonymous: 'everywhere' },
  })

  for (const name of HOSTILE) {
    const client = await broker.client({ clientId: name, protocolVersion: 5 })
    await client.subscribeAsync(`own/${name}/#`, { qos: 1 })
    const arrival = arrivalAt(client)
    await client.publishAsync(`own/${name}/x`, 'x', { qos: 1 })
    t.equal(await arrival, `own/${name}/x`)
    await t.rejects(
      client.publishAsync('own/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!/x', 'x', { qos: 1 }),
    )
    await client.endAsync()
  }

  await broker.hasSurvived(t)
})
