// Which certificates lists of revoked ones name. OpenSSL looks at them in a handshake only; this is for clients that are connected.

import { createHash } from 'node:crypto'
import { DER_INTEGER, DER_OBJECT_IDENTIFIER, DER_SEQUENCE, DER_TAGGED_0, derValues } from './der.ts'

/** Names a certificate as a list does: by its issuer and its serial number. */
export function issuedAs(certificate: Buffer): string {
  const [whole] = derValues(certificate)
  const [toBeSigned] = derValues(whole?.content ?? EMPTY)
  const parts = [...derValues(toBeSigned?.content ?? EMPTY)]
  const [serial, , issuer] = parts[0]?.tag === DER_TAGGED_0 ? parts.slice(1) : parts
  return nameOf(issuerKey(issuer?.content ?? EMPTY), serial?.content ?? EMPTY)
}

/** Returns the names of all certificates in the lists. */
export function revokedIn(lists: readonly string[]): ReadonlySet<string> {
  const names = new Set<string>()
  for (const list of lists) for (const name of namesIn(list)) names.add(name)
  return names
}

const EMPTY = Buffer.alloc(0)

function* namesIn(pem: string): Iterable<string> {
  const bytes = Buffer.from(pem.replaceAll(/-----[^-]+-----/g, ''), 'base64')
  const [whole] = derValues(bytes)
  const [toBeSigned] = derValues(whole?.content ?? EMPTY)
  const parts = [...derValues(toBeSigned?.content ?? EMPTY)]
  // A version may come first, then the algorithm and the issuer.
  const [, issuer, ...others] = parts[0]?.tag === DER_INTEGER ? parts.slice(1) : parts
  const key = issuerKey(issuer?.content ?? EMPTY)
  // Behind one or two times; what follows has another tag.
  const revoked = others.find(({ tag }) => tag === DER_SEQUENCE)
  for (const entry of derValues(revoked?.content ?? EMPTY)) {
    const [serial] = derValues(entry.content)
    yield nameOf(key, serial?.content ?? EMPTY)
  }
}

function nameOf(issuer: string, serial: Buffer): string {
  return `${issuer} ${serial.toString('hex')}`
}

/** The same for names that differ in case, blanks, or how their characters are written, as OpenSSL compares them. */
function issuerKey(name: Buffer): string {
  const hash = createHash('sha256')
  for (const set of derValues(name)) {
    for (const pair of derValues(set.content)) {
      for (const { tag, content } of derValues(pair.content)) {
        hash.update(tag === DER_OBJECT_IDENTIFIER ? content.toString('hex') : plain(tag, content))
        hash.update('\0')
      }
    }
  }
  return hash.digest('base64')
}

const BMP_STRING = 0x1e

function plain(tag: number, content: Buffer): string {
  const text =
    tag === BMP_STRING ? Buffer.from(content).swap16().toString('utf16le') : content.toString()
  return text.trim().replaceAll(/\s+/g, ' ').toLowerCase()
}
