// PROXY protocol, versions 1 and 2: the client's real address behind a load balancer. The parser is strict and accepts any chunking.

import { isIPv4, isIPv6 } from 'node:net'

type ProxyHeader =
  /** More bytes are needed. */
  | { readonly kind: 'incomplete' }
  | {
      readonly kind: 'complete'
      /** The size of the header. */
      readonly length: number
      /** Null for LOCAL and UNKNOWN: then the connection's own address is used. */
      readonly source: { readonly address: string; readonly port: number } | null
    }
  | { readonly kind: 'invalid'; readonly sentence: string }

const INCOMPLETE: ProxyHeader = { kind: 'incomplete' }
const SIGNATURE_2 = Buffer.from('0d0a0d0a000d0a515549540a', 'hex')
const PREFIX_1 = Buffer.from('PROXY ')
/** The longest header line of version 1, with its line end. */
const LINE_BYTES_MAX = 107
const HEADER_2_BYTES = 16
/** The most bytes of addresses and additional fields. Larger headers are not used in practice and are refused. */
const BODY_2_BYTES_MAX = 4_096
const IPV4 = 0x11
const IPV6 = 0x21
/** The bytes of the addresses by family: none, IPv4, IPv6, and Unix sockets. */
const ADDRESS_BYTES: ReadonlyMap<number, number> = new Map([
  [0x00, 0],
  [IPV4, 12],
  [IPV6, 36],
  [0x31, 216],
])
/** An additional field has a type and a length before its value. */
const FIELD_BYTES_MIN = 3
/** The field about TLS between client and proxy begins with flags and the result of a verification. */
const TLS_FIELD = 0x20
const TLS_FIELD_HEAD_BYTES = 5

export function parseProxyHeader(bytes: Buffer): ProxyHeader {
  if (startsLike(bytes, SIGNATURE_2)) {
    return bytes.length < HEADER_2_BYTES ? INCOMPLETE : parseVersion2(bytes)
  }
  if (startsLike(bytes, PREFIX_1)) return parseVersion1(bytes)
  return invalid('the connection does not begin with a PROXY header')
}

function startsLike(bytes: Buffer, prefix: Buffer): boolean {
  const length = Math.min(bytes.length, prefix.length)
  return bytes.subarray(0, length).equals(prefix.subarray(0, length))
}

function parseVersion1(bytes: Buffer): ProxyHeader {
  const end = bytes.indexOf('\r\n')
  if (end < 0)
    return bytes.length < LINE_BYTES_MAX ? INCOMPLETE : invalid('the PROXY line is too long')
  const length = end + 2
  if (length > LINE_BYTES_MAX) return invalid('the PROXY line is too long')
  const [, family, source, destination, port, toPort, ...more] = bytes
    .latin1Slice(0, end)
    .split(' ')
  if (family === 'UNKNOWN') return { kind: 'complete', length, source: null }
  const isAddress = family === 'TCP4' ? isIpv4 : family === 'TCP6' ? isIpv6 : null
  if (isAddress === null || more.length > 0) return invalid('the PROXY line is none of version 1')
  if (!isAddress(source) || !isAddress(destination) || !isPort(port) || !isPort(toPort)) {
    return invalid('the PROXY line has no valid address')
  }
  return { kind: 'complete', length, source: { address: source, port: Number(port) } }
}

function parseVersion2(bytes: Buffer): ProxyHeader {
  const command = bytes[12] ?? 0
  const family = bytes[13] ?? 0
  const bodyBytes = bytes.readUInt16BE(14)
  if (command !== 0x20 && command !== 0x21)
    return invalid('the PROXY header has an unknown command')
  if (bodyBytes > BODY_2_BYTES_MAX) return invalid('the PROXY header is too long')
  const length = HEADER_2_BYTES + bodyBytes
  if (bytes.length < length) return INCOMPLETE
  const addressBytes = ADDRESS_BYTES.get(family)
  if (addressBytes === undefined) return invalid('the PROXY header has an unknown address family')
  if (bodyBytes < addressBytes) return invalid('the PROXY header is too short for its addresses')
  if (!hasWholeFields(bytes.subarray(HEADER_2_BYTES + addressBytes, length))) {
    return invalid('the PROXY header has a field that is longer or shorter than it says')
  }
  if (command === 0x21 && family === IPV4) {
    return complete(length, ipv4Of(bytes, 16), bytes.readUInt16BE(24))
  }
  if (command === 0x21 && family === IPV6) {
    return complete(length, ipv6Of(bytes, 16), bytes.readUInt16BE(48))
  }
  return { kind: 'complete', length, source: null }
}

/** Whether the bytes are additional fields and nothing else: type, length and value of each, one after the other. */
function hasWholeFields(bytes: Buffer): boolean {
  let at = 0
  while (at < bytes.length) {
    if (bytes.length - at < FIELD_BYTES_MIN) return false
    const end = at + FIELD_BYTES_MIN + bytes.readUInt16BE(at + 1)
    if (end > bytes.length) return false
    if (bytes[at] === TLS_FIELD && !hasWholeTlsField(bytes.subarray(at + FIELD_BYTES_MIN, end))) {
      return false
    }
    at = end
  }
  return true
}

/** The field about TLS has fields within itself. Each level takes 8 bytes, so the depth is bounded by the header. */
function hasWholeTlsField(bytes: Buffer): boolean {
  if (bytes.length < TLS_FIELD_HEAD_BYTES) return false
  return hasWholeFields(bytes.subarray(TLS_FIELD_HEAD_BYTES))
}

function complete(length: number, address: string, port: number): ProxyHeader {
  return { kind: 'complete', length, source: { address, port } }
}

function invalid(sentence: string): ProxyHeader {
  return { kind: 'invalid', sentence }
}

function ipv4Of(bytes: Buffer, at: number): string {
  return bytes.subarray(at, at + 4).join('.')
}

function ipv6Of(bytes: Buffer, at: number): string {
  const groups: string[] = []
  for (let group = 0; group < 8; group++)
    groups.push(bytes.readUInt16BE(at + 2 * group).toString(16))
  return groups.join(':')
}

function isIpv4(text: string | undefined): text is string {
  return text !== undefined && isIPv4(text)
}

/** An address within a zone means something only to the proxy. */
function isIpv6(text: string | undefined): text is string {
  return text !== undefined && isIPv6(text) && !text.includes('%')
}

/** A number without needless zeros, as the protocol demands. */
function isPort(text: string | undefined): boolean {
  return text !== undefined && /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535
}
