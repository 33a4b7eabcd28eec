// The file of the dynamic security as the broker writes it, and the users and rules that it makes of it without reading it.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'tap'
import { readAccess } from '../../../src/access/access-settings.ts'
import {
  type DynamicSecurity,
  parseDynamicSecurity,
} from '../../../src/access/mosquitto/dynamic-security-file.ts'
import { DynamicSecurityRules } from '../../../src/access/mosquitto/dynamic-security-rules.ts'
import { SecurityBatch } from '../../../src/access/mosquitto/security-batch.ts'
import {
  readDocument,
  type SecurityDocument,
} from '../../../src/access/mosquitto/security-document.ts'
import { writtenSecurity } from '../../../src/access/mosquitto/security-writing.ts'
import { formatHash } from '../../../src/access/password/password-hash.ts'

const NEVER_OVER = { isOver: false, next: () => Promise.resolve() }
const HASH = formatHash({
  kind: 'pbkdf2',
  iterations: 101,
  salt: Buffer.alloc(12, 1),
  digest: Buffer.alloc(64, 2),
})

function sampleOf(name: string): Buffer {
  const url = new URL(`../../../../test/access/mosquitto/samples/${name}`, import.meta.url)
  return readFileSync(fileURLToPath(url))
}

/** Runs the commands on the document, without the slow hashes. */
function given(document: SecurityDocument, request: unknown): void {
  const text = typeof request === 'string' ? request : JSON.stringify(request)
  const batch = new SecurityBatch(Buffer.from(text))
  batch.run(
    { document, namesMax: 10_000, namesMaxReached: () => {}, addressesOf: () => [] },
    Infinity,
  )
  for (const client of document.unhashed) client.password = HASH
}

/** What clients would notice of it. */
function seen(security: DynamicSecurity) {
  const { users, secured, defaults, ruleCount, warnings } = security
  const book = new DynamicSecurityRules(security)
  const names = [null, ...secured.keys()]
  const rules = names.map(username => {
    return [username, book.rulesFor({ username, clientId: 'c', address: '' })]
  })
  return { users: [...users.values()], rules, defaults, ruleCount, warnings }
}

test('what is written reads as the users and rules that were made of it, after every recorded command', async t => {
  const document = await readDocument(sampleOf('dynamic-security-2.1.2.json'), 'f', NEVER_OVER)
  const { pairs } = JSON.parse(sampleOf('dynsec-exchanges.json').toString()) as {
    pairs: readonly { readonly request: unknown }[]
  }
  const doubtful = { acltype: 'publishClientSend', topic: 'a/#/b', allow: true }
  const more = { commands: [{ command: 'createRole', rolename: 'odd', acls: [doubtful] }] }

  for (const [index, request] of [more, ...pairs.map(pair => pair.request)].entries()) {
    given(document, request)
    const { bytes, security } = await writtenSecurity(document, 'f', NEVER_OVER)
    t.strictSame(seen(security), seen(parseDynamicSecurity(bytes, 'f')), `after ${index}`)
  }

  const { bytes } = await writtenSecurity(document, 'f', NEVER_OVER)
  t.equal(bytes.toString(), `${JSON.stringify(JSON.parse(bytes.toString()), null, '\t')}\n`)
  t.match(parseDynamicSecurity(bytes, 'f').warnings, [{ sentence: /is no topic filter/ }])
})

test('others are served between two clients, when it is read and when it is written', async t => {
  let nexts = 0
  const slice = { isOver: true, next: () => Promise.resolve(void nexts++) }
  const clients = Array.from({ length: 500 }, (_, index) => ({ username: `client ${index}` }))

  const bytes = Buffer.from(JSON.stringify({ clients }))
  const document = await readDocument(bytes, 'f', slice)
  const whileRead = nexts
  await writtenSecurity(document, 'f', slice)

  t.ok(whileRead >= 500)
  t.equal(nexts - whileRead, 1_000)
})

test('the file is parsed only when it is not what was written', async t => {
  const dynamicSecurityFile = join(t.testdir({}), 'security.json')
  const document = await readDocument(sampleOf('init-2.0.11.json'), 'f', NEVER_OVER)
  const written = await writtenSecurity(document, dynamicSecurityFile, NEVER_OVER)
  const marked = { ...written, security: { ...written.security, ruleCount: 4_711 } }

  writeFileSync(dynamicSecurityFile, written.bytes)
  const own = readAccess({ dynamicSecurityFile }, marked)
  writeFileSync(dynamicSecurityFile, `${written.bytes.toString()}\n`)
  const edited = readAccess({ dynamicSecurityFile }, marked)

  t.equal(own.rules?.count, 4_711)
  t.equal(edited.rules?.count, written.security.ruleCount)
})
