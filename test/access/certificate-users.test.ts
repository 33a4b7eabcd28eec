// Which user a verified certificate stands for, and who is refused with one.

import { test } from 'tap'
import { CertificateUsers } from '../../src/access/certificate-users.ts'
import { parseConfig } from '../../src/config/parse.ts'
import { alternativeNames } from '../../src/transport/client-certificate.ts'

const FINGERPRINT = Array.from({ length: 32 }, () => 'AB').join(':')

function certificate(commonName: string, subjectAltNames: readonly string[] = []) {
  return { commonName, subjectAltNames, fingerprint: FINGERPRINT }
}

function outcome(users: CertificateUsers, ...given: Parameters<typeof certificate>) {
  const user = users.userOf(certificate(...given))
  return typeof user === 'string' || user === null ? user : user.reason
}

test('the common name is the user name, if it is a valid one', async t => {
  const users = new CertificateUsers({ user: 'commonName' })

  t.equal(outcome(users, 'sensor-7', ['other']), 'sensor-7')
  t.equal(outcome(users, 'Zoë'), 'Zoë')
  for (const hostile of ['', '#', '+', 'a/b', 'a\0b', 'a\nb', 'a\u009bb', 'a\uFFFD']) {
    t.equal(outcome(users, hostile, ['other']), 0x86, JSON.stringify(hostile))
  }
  t.equal(outcome(users, 'x'.repeat(257)), 0x86)
})

test('a certificate must have exactly one alternative name', async t => {
  const users = new CertificateUsers({ user: 'subjectAltName' })

  t.equal(outcome(users, 'x', ['sensor-7.example']), 'sensor-7.example')
  t.equal(outcome(users, 'x', []), 0x86)
  t.equal(outcome(users, 'x', ['a', 'b']), 0x86)
  t.equal(outcome(users, 'x', ['*.#']), 0x86)
})

test('alternative names that only look like several are none', async t => {
  t.strictSame(alternativeNames('DNS:a.example'), ['a.example'])
  t.strictSame(alternativeNames('IP Address:10.0.0.1, email:a@b.example'), ['a@b.example'])
  t.strictSame(alternativeNames('DNS:"a, DNS:admin"'), [])
  t.strictSame(alternativeNames(''), [])
})

test('only listed certificates are let in, however their fingerprints are written', async t => {
  const listed = new CertificateUsers({
    fingerprints: [FINGERPRINT.replaceAll(':', '').toLowerCase()],
  })
  const unlisted = new CertificateUsers({ user: 'commonName', fingerprints: ['00'.repeat(32)] })

  t.equal(outcome(listed, 'x'), null)
  t.equal(outcome(unlisted, 'x'), 0x87)
})

test('a configuration by which nobody, or anybody, could be known by a certificate is refused', async t => {
  const access = { certificates: { user: 'commonName' } }
  const files = { certFile: 'a', keyFile: 'b' }

  t.throws(() => parseConfig({ access }), { message: /no listener asks for certificates/ })
  t.throws(
    () => parseConfig({ access, listeners: [{ tls: { ...files, requestCertificate: true } }] }),
    { message: /needs caFile/ },
  )
  const tls = { ...files, caFile: 'c', requestCertificate: true }
  t.equal(parseConfig({ access, listeners: [{ tls }] }).access.anonymous, 'never')
  t.throws(
    () => parseConfig({ access: { certificates: { fingerprints: ['AB'] } }, listeners: [{ tls }] }),
    { message: /SHA-256/ },
  )
})
