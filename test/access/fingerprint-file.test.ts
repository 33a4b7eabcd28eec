// The file with the certificates that are let in.

import { test } from 'tap'
import { parseFingerprintFile } from '../../src/access/fingerprint-file.ts'

const ONE = 'AB'.repeat(32)
const TWO = Array.from({ length: 32 }, () => '0c').join(':')

const read = (text: string) => parseFingerprintFile(Buffer.from(text), 'devices')

test('a line has a fingerprint, with colons or without, and a user or none', async t => {
  const found = read(`# ours\n\n${ONE.toLowerCase()}\n  ${TWO}\t sensor 1 \r\n`)

  t.strictSame(
    [...found],
    [
      [ONE, null],
      ['0C'.repeat(32), 'sensor 1'],
    ],
  )
})

test('one wrong line makes the file wrong, and each is named', async t => {
  const wrong = ['x', `${ONE}AB`, `${ONE} a`, ONE, `${TWO} a#`, `${TWO} +`, `${TWO} a/b`]

  t.throws(() => read(wrong.join('\n')), {
    message: [
      'devices:1: expected SHA-256 in hexadecimal, and then a user name or nothing',
      'devices:2: expected SHA-256 in hexadecimal, and then a user name or nothing',
      'devices:4: this fingerprint stands in the file already',
      'devices:5: "a#" cannot be a user name: it is "+", has #, / or control characters, or is too long',
      'devices:6: "+" cannot be a user name: it is "+", has #, / or control characters, or is too long',
      'devices:7: "a/b" cannot be a user name: it is "+", has #, / or control characters, or is too long',
    ].join('\n'),
  })
})
