// The time to decode a packet grows with its bytes and no faster, whatever it is full of. Times are compared with each other only.

import { test } from 'tap'
import { decode } from '../../src/packet/decode.ts'
import { MalformedPacket } from '../../src/packet/malformed.ts'

const SMALL_BYTES = 8_000
const FACTOR = 16
/** A quadratic decoder would be slower by FACTOR once more. */
const TOLERANCE = 8
const ROUNDS = 9
const REPEATS = 8

function varint(length: number): Buffer {
  const bytes: number[] = []
  for (let rest = length; ; rest >>>= 7) {
    if (rest < 128) return Buffer.from([...bytes, rest])
    bytes.push((rest & 127) | 128)
  }
}

function packet(first: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  return Buffer.concat([Buffer.from([first]), varint(body.length), body])
}

function filled(hex: string, bytes: number): Buffer {
  const unit = Buffer.from(hex, 'hex')
  return Buffer.concat(Array.from({ length: Math.ceil(bytes / unit.length) }, () => unit))
}

function properties(hex: string, bytes: number): Buffer {
  const all = filled(hex, bytes)
  return Buffer.concat([varint(all.length), all])
}

const ID = Buffer.from('0001', 'hex')
const TOPIC = Buffer.from('000161', 'hex')
const NONE = Buffer.from('00', 'hex')

const SHAPES: Readonly<Record<string, (bytes: number) => Buffer>> = {
  filters: bytes => packet(0x82, ID, NONE, filled('00016100', bytes)),
  'filters to unsubscribe': bytes => packet(0xa2, ID, NONE, filled('000161', bytes)),
  'user properties': bytes =>
    packet(0x30, TOPIC, properties('2600016100016 2'.replace(' ', ''), bytes)),
  'Subscription Identifiers': bytes => packet(0x30, TOPIC, properties('0b01', bytes)),
  'reason codes': bytes => packet(0x90, ID, NONE, filled('01', bytes)),
  'filters, the last one wrong': bytes =>
    packet(0x82, ID, NONE, filled('00016100', bytes), Buffer.from('00016103', 'hex')),
  'levels of an empty topic': bytes =>
    packet(0x82, ID, NONE, filled(`0100${'2f'.repeat(256)}00`, bytes)),
  'characters of three bytes': bytes =>
    packet(0x82, ID, NONE, filled(`0102${'e6b1a0'.repeat(86)}00`, bytes)),
  payload: bytes => packet(0x30, TOPIC, NONE, Buffer.alloc(bytes)),
}

function readingTimeOf(bytes: Buffer): number {
  let least = Infinity
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.cpuUsage()
    for (let count = 0; count < REPEATS; count++) readOrRefuse(bytes)
    const { user, system } = process.cpuUsage(before)
    least = Math.min(least, user + system)
  }
  return least
}

function readOrRefuse(bytes: Buffer): void {
  try {
    decode(bytes, 0, bytes.length, 5)
  } catch (error) {
    if (!(error instanceof MalformedPacket)) throw error
  }
}

for (const [name, make] of Object.entries(SHAPES)) {
  test(`the time for a packet of ${name} is linear in its bytes`, async t => {
    const small = make(SMALL_BYTES)
    const large = make(SMALL_BYTES * FACTOR)
    readingTimeOf(small)

    // What is too short to be measured is no more than a few microseconds.
    const ratio = readingTimeOf(large) / Math.max(readingTimeOf(small), 20)

    t.ok(ratio < FACTOR * TOLERANCE, `${ratio}`)
  })
}
