// PROXY headers of both versions: the same in any chunks, and refused exactly where a second reading refuses.

import { isIPv4, isIPv6 } from 'node:net'
import { parseProxyHeader } from '../../src/transport/proxy-protocol.ts'
import { mutate } from '../packet/mutate.ts'
import type { Random } from '../random.ts'
import type { Outcome } from '../target.ts'
import { count, type FileKind } from './file-target.ts'

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')
const ADDRESSES_4 = ['192.0.2.1', '0.0.0.0', '255.255.255.255', '256.1.1.1', '1.2.3', '01.2.3.4']
const ADDRESSES_6 = [
  '::1',
  '2001:db8::1',
  'fe80::1%eth0',
  '1:2:3:4:5:6:7:8',
  '::ffff:192.0.2.1',
  ':::',
  '1:2',
]
const PORTS = ['0', '1883', '65535', '65536', '', '01', '-1']
const MEMORY = Buffer.alloc(8_192)
const WORST_FIRST = 0xff
const TLS_FIELD = 0x20

export const PROXY_KIND: FileKind = { name: 'proxy', make, check }

function make(random: Random): Buffer {
  const header = random.chance(2) ? version1(random) : version2(random)
  const bytes = Buffer.concat([header, Buffer.from('100c00044d5154540400003c', 'hex')])
  if (random.chance(3)) return bytes
  bytes.copy(MEMORY)
  const length = mutate(MEMORY, Math.min(bytes.length, MEMORY.length - 64), random)
  return Buffer.from(MEMORY.subarray(0, length))
}

function version1(random: Random): Buffer {
  if (random.chance(6)) return Buffer.from('PROXY UNKNOWN\r\n')
  const family = random.of(['TCP4', 'TCP6', 'TCP5'])
  const addresses = family === 'TCP4' ? ADDRESSES_4 : ADDRESSES_6
  const pick = (): string => (random.chance(3) ? random.of(addresses) : (addresses[0] ?? ''))
  const port = (): string => (random.chance(4) ? random.of(PORTS) : '1883')
  return Buffer.from(`PROXY ${family} ${pick()} ${pick()} ${port()} ${port()}\r\n`)
}

function version2(random: Random): Buffer {
  const family = random.of([0x11, 0x21, 0x00, 0x31, 0x12])
  const addressBytes = family === 0x21 ? 36 : family === 0x31 ? 216 : family === 0 ? 0 : 12
  const fields = random.chance(2) ? Buffer.alloc(0) : field(random)
  const body = Buffer.concat([Buffer.alloc(addressBytes, random.below(256)), fields])
  const head = Buffer.alloc(16)
  SIGNATURE.copy(head)
  head[12] = random.of([0x21, 0x21, 0x20, 0x22])
  head[13] = family
  head.writeUInt16BE(body.length + (random.chance(10) ? 1 : 0), 14)
  return Buffer.concat([head, body])
}

/** A field of type, length and value. Some lengths lie. */
function field(random: Random): Buffer {
  const value = Buffer.alloc(random.below(20), 0x61)
  const head = Buffer.from([
    random.below(256),
    0,
    value.length + (random.chance(4) ? random.below(9) : 0),
  ])
  return Buffer.concat([head, value])
}

function check(bytes: Buffer, counts: Record<string, number>): Outcome {
  const expected = reference(bytes)
  const found = parseProxyHeader(bytes)
  count(counts, found.kind)
  const said = found.kind === 'complete' ? textOf(found) : found.kind
  if (said !== expected) return `${said}, expected ${expected}`
  const end = found.kind === 'complete' ? found.length : bytes.length
  for (let length = 0; length < end; length++) {
    const early = parseProxyHeader(bytes.subarray(0, length))
    if (early.kind === 'complete') return `complete after ${length} bytes`
    if (early.kind === 'invalid' && found.kind !== 'invalid') return `invalid after ${length} bytes`
  }
  return null
}

function textOf({
  length,
  source,
}: {
  length: number
  source: { address: string; port: number } | null
}): string {
  return source === null
    ? `${length} no source`
    : `${length} ${canonical(source.address)} ${source.port}`
}

/** The documents are those of HAProxy: "The PROXY protocol", versions 1 and 2. */
function reference(bytes: Buffer): string {
  const isBinary = SIGNATURE.subarray(0, bytes.length).equals(bytes.subarray(0, SIGNATURE.length))
  if (isBinary) return reference2(bytes)
  if (!'PROXY '.startsWith(bytes.toString('latin1', 0, 6))) return 'invalid'
  const end = bytes.indexOf('\r\n')
  if (end === -1) return bytes.length < 107 ? 'incomplete' : 'invalid'
  if (end + 2 > 107) return 'invalid'
  const words = bytes.toString('latin1', 0, end).split(' ')
  if (words[1] === 'UNKNOWN') return `${end + 2} no source`
  const isAddress = (text: string): boolean =>
    words[1] === 'TCP4' ? isIPv4(text) : words[1] === 'TCP6' && isIPv6(text) && !text.includes('%')
  const [, , source = '', destination = '', port = '', toPort = ''] = words
  const isGood = words.length === 6 && isAddress(source) && isAddress(destination)
  if (!isGood || !isPort(port) || !isPort(toPort)) return 'invalid'
  return `${end + 2} ${canonical(source)} ${Number(port)}`
}

function reference2(bytes: Buffer): string {
  if (bytes.length < 16) return 'incomplete'
  const command = bytes[12] ?? WORST_FIRST
  const family = bytes[13] ?? WORST_FIRST
  const length = bytes.readUInt16BE(14)
  if (command !== 0x20 && command !== 0x21) return 'invalid'
  if (length > 4_096) return 'invalid'
  if (bytes.length < 16 + length) return 'incomplete'
  const isLocal = command === 0x20
  const addressBytes = family === 0x11 ? 12 : family === 0x21 ? 36 : family === 0x31 ? 216 : 0
  if (![0x00, 0x11, 0x21, 0x31].includes(family) || length < addressBytes) {
    return 'invalid'
  }
  if (!areFields(bytes.subarray(16 + addressBytes, 16 + length))) return 'invalid'
  if (isLocal || addressBytes === 0 || family === 0x31) return `${16 + length} no source`
  const address =
    family === 0x11
      ? [...bytes.subarray(16, 20)].join('.')
      : (bytes.toString('hex', 16, 32).match(/.{4}/g)?.join(':') ?? '')
  return `${16 + length} ${canonical(address)} ${bytes.readUInt16BE(family === 0x11 ? 24 : 48)}`
}

/** Whether the bytes behind the addresses are fields whose lengths end where the header ends. */
function areFields(bytes: Buffer): boolean {
  let at = 0
  while (at < bytes.length) {
    if (at + 3 > bytes.length) return false
    const end = at + 3 + bytes.readUInt16BE(at + 1)
    if (bytes[at] === TLS_FIELD && !isTlsField(bytes.subarray(at + 3, end))) return false
    at = end
  }
  return at === bytes.length
}

/** PP2_TYPE_SSL: one byte of flags, four of a result, then fields. */
function isTlsField(value: Buffer): boolean {
  return value.length >= 5 && areFields(value.subarray(5))
}

function isPort(text: string): boolean {
  return /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535
}

/** An address of IPv6 has many spellings. */
function canonical(address: string): string {
  if (!isIPv6(address)) return address
  return address.includes('%') ? address : new URL(`http://[${address}]/`).hostname
}
