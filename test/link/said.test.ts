// What a front end says in words keeps to the bounds of frames, whatever its clients are called.

import { test } from 'tap'
import { LINE, TO_CORE } from '../../src/link/frames.ts'
import { lineBytesOf, lineIn, openedIn } from '../../src/link/said.ts'

for (const character of ['x', '\u0000', 'ü', '😀', '"']) {
  test(`a line about a client with a name of 100,000 times ${JSON.stringify(character)} is cut`, async t => {
    const cause = `its certificate (CN=${character.repeat(100_000)}) was revoked`
    const fields = { event: 'tls.refused', address: '192.0.2.1', cause }

    const bytes = lineBytesOf({ level: 'warn', fields, sentence: 'TLS handshake failed' })
    const line = lineIn(bytes)

    t.ok(bytes.length < (TO_CORE.get(LINE) ?? 0))
    t.equal(line.fields['address'], '192.0.2.1')
    t.match(line.fields['cause'], /^its certificate \(CN=.*…$/s)
  })
}

test('a certificate whose end is no date has none', async t => {
  const certificate = {
    commonName: 'c',
    subjectAltNames: [],
    fingerprint: 'f',
    validTo: NaN,
    issuedAs: [],
  }
  const said = { spentMs: 0, protocol: 'mqtt', generation: 1, certificate, psk: null }

  const proved = openedIn(Buffer.from(JSON.stringify(said)))

  t.equal(proved.certificate?.commonName, 'c')
  t.equal(proved.certificate?.validTo, undefined)
})
