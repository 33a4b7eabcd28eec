// The computation of SCRAM, by the examples of the RFCs.

import { test } from 'tap'
import { newScram } from '../../../src/access/password/hashing.ts'
import {
  parseHash,
  formatHash,
  type ScramHash,
} from '../../../src/access/password/password-hash.ts'
import { proofMatches, serverProof } from '../../../src/access/scram/scram-proof.ts'
import { ScramClient } from './scram-client.ts'

/** The user `user` with the password `pencil` of RFC 7677, section 3: its keys were computed by the client of the tests. */
const NONCE = 'rOprNGfwEbeRWgbNEkqO'
const CHALLENGE = `r=${NONCE}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`
const PROOF = 'dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ='
const SERVER_SIGNATURE = '6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4='
const WRITTEN =
  '$scram-sha-256$4096$W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=$wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU='

const EXAMPLE = parseHash(WRITTEN) as ScramHash

test('the example of RFC 7677 is right, to the byte', async t => {
  const client = new ScramClient('user', 'pencil', 'sha256', NONCE)
  const final = client.final(Buffer.from(CHALLENGE)).toString()
  const message = `n=user,r=${NONCE},${CHALLENGE},${final.slice(0, final.indexOf(',p='))}`

  t.ok(final.endsWith(`,p=${PROOF}`), 'the client of the tests says what the RFC says')
  t.equal(proofMatches(EXAMPLE, message, Buffer.from(PROOF, 'base64')), true)
  t.equal(serverProof(EXAMPLE, message).toString(), `v=${SERVER_SIGNATURE}`)
})

test('a proof with one other bit, a shorter and a longer one, and one of another message are wrong', async t => {
  const proof = Buffer.from(PROOF, 'base64')
  const final = new ScramClient('user', 'pencil', 'sha256', NONCE).final(Buffer.from(CHALLENGE))
  const message = `n=user,r=${NONCE},${CHALLENGE},${String(final).split(',p=')[0]}`
  const wrong: Buffer[] = [Buffer.alloc(0), proof.subarray(1), Buffer.concat([proof, proof])]
  for (let bit = 0; bit < 8 * proof.length; bit++) {
    const other = Buffer.from(proof)
    other[bit >> 3] = (other[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    wrong.push(other)
  }

  t.equal(proofMatches(EXAMPLE, message, proof), true)
  for (const each of wrong) t.equal(proofMatches(EXAMPLE, message, each), false)
  t.equal(proofMatches(EXAMPLE, `${message}x`, proof), false)
})

test('a hash for SCRAM is written and read as it was, and a wrong one has its sentence', async t => {
  for (const by of ['sha256', 'sha512'] as const) {
    const hash = newScram(Buffer.from('x'), by, 4_096)
    t.strictSame(parseHash(formatHash(hash)), hash)
  }
  const [, , , salt, key] = WRITTEN.split('$')

  t.throws(() => parseHash(`$scram-sha-256$4095$${salt}$${key}$${key}`), {
    message: 'the iterations are 4096 to 10000000',
  })
  t.throws(() => parseHash(`$scram-sha-512$4096$${salt}$${key}$${key}`), {
    message: 'a key has 32 bytes, and not 64: it was cut',
  })
  t.throws(() => parseHash(`$scram-sha-256$4096$${salt}$${key}`), {
    message: 'expected $scram-sha-256$ITERATIONS$SALT$STOREDKEY$SERVERKEY',
  })
})
