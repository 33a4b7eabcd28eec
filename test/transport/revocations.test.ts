// Lists of revoked certificates, and the certificates that they name.

import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { test } from 'tap'
import { derValues } from '../../src/transport/der.ts'
import { issuedAs, revokedIn } from '../../src/transport/revocations.ts'
import { Authority } from './authority.ts'

test('a list names the certificates that were revoked, of its own authority only', async t => {
  const directory = t.testdir()
  const own = new Authority(resolve(directory, 'own'), 'own', null)
  const other = new Authority(resolve(directory, 'other'), 'other', null)
  own.signs(directory, 'kept', 'kept', 'client')
  own.signs(directory, 'gone', 'gone', 'client')
  other.signs(directory, 'else', 'else', 'client')
  const named = (file: string): string =>
    issuedAs(new X509Certificate(readFileSync(resolve(directory, file))).raw)

  t.equal(revokedIn([own.list]).size, 0, 'nothing is revoked yet')
  own.revokes(resolve(directory, 'gone.crt'))
  const revoked = revokedIn([other.list, own.list])

  t.strictSame([...revoked], [named('gone.crt')])
  t.not(named('kept.crt'), named('gone.crt'))
  t.not(named('else.crt'), named('gone.crt'))
})

test('what is cut short is no DER, and long lengths are read', async t => {
  const long = Buffer.concat([Buffer.from('0482012c', 'hex'), Buffer.alloc(300, 7)])

  t.strictSame(
    [...derValues(Buffer.concat([Buffer.from('020105', 'hex'), long]))].map(
      each => each.content.length,
    ),
    [1, 300],
  )
  for (const cut of ['02', '0205', '0482', '048201', '3003020105ff']) {
    t.throws(() => [...derValues(Buffer.from(cut, 'hex'))], RangeError, cut)
  }
})
