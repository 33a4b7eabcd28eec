// What a verified client certificate says of its holder.

import type { TLSSocket } from 'node:tls'
import type { Peer } from './wire.ts'

/** Null when the client gave none, or none that was verified. */
export function certificateOf(socket: TLSSocket): Peer['certificate'] {
  if (!socket.authorized) return null
  const { subject, fingerprint256, subjectaltname } = socket.getPeerCertificate()
  if (subject === undefined) return null
  // Of several names none is the name.
  const commonName = Array.isArray(subject.CN) ? '' : (subject.CN ?? '')
  const subjectAltNames = alternativeNames(subjectaltname ?? '')
  return { commonName, subjectAltNames, fingerprint: fingerprint256 }
}

/** The names, mail addresses and URIs in a text as `DNS:one, email:two`. Node quotes what would look like several: of that none is taken. */
export function alternativeNames(text: string): readonly string[] {
  if (text.includes('"')) return []
  return text
    .split(', ')
    .filter(entry => /^(?:DNS|email|URI):/.test(entry))
    .map(entry => entry.slice(entry.indexOf(':') + 1))
}
