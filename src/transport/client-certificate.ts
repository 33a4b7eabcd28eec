// What a verified client certificate says of its holder.

import type { DetailedPeerCertificate, TLSSocket } from 'node:tls'
import { issuedAs } from './revocations.ts'
import type { Peer } from './wire.ts'

/** Null when the client gave none, or none that was verified. */
export function certificateOf(socket: TLSSocket): Peer['certificate'] {
  if (!socket.authorized) return null
  const certificate = socket.getPeerCertificate(true)
  const { subject, fingerprint256, subjectaltname, valid_to: validTo } = certificate
  if (subject === undefined) return null
  // Of several names none is the name.
  const commonName = Array.isArray(subject.CN) ? '' : (subject.CN ?? '')
  const subjectAltNames = alternativeNames(subjectaltname ?? '')
  return {
    commonName,
    subjectAltNames,
    fingerprint: fingerprint256,
    validTo: Date.parse(validTo),
    issuedAs: chainOf(certificate).map(({ raw }) => issuedAs(raw)),
  }
}

/** The certificate and those of its issuers. The last one is its own issuer, or none is known. */
function chainOf(certificate: DetailedPeerCertificate): readonly DetailedPeerCertificate[] {
  const chain: DetailedPeerCertificate[] = []
  let next: DetailedPeerCertificate | undefined = certificate
  while (next !== undefined && !chain.includes(next) && chain.length < CHAIN_MAX) {
    chain.push(next)
    next = next.issuerCertificate
  }
  return chain
}

const CHAIN_MAX = 10

/** The names, mail addresses and URIs in a text as `DNS:one, email:two`. Node quotes what would look like several: of that none is taken. */
export function alternativeNames(text: string): readonly string[] {
  if (text.includes('"')) return []
  return text
    .split(', ')
    .filter(entry => /^(?:DNS|email|URI):/.test(entry))
    .map(entry => entry.slice(entry.indexOf(':') + 1))
}
