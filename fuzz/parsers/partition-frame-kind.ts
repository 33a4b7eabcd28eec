// Bytes that come to a partition: a frame is refused, or says the same when what was read is written again.

import { isDeepStrictEqual } from 'node:util'
import { makeMessage } from '../../src/message.ts'
import { NO_PROPERTIES, type Properties } from '../../src/packet/packet.ts'
import { decodeFrame, encodeFrame, type Frame, withStarts } from '../../src/partition/frame.ts'
import { UnreadableFrame } from '../../src/partition/frame-reader.ts'
import { ByteReader } from '../../src/store/bytes.ts'
import { readMessage } from '../../src/store/message-codec.ts'
import { itemBytes, messageBytes, type Statement } from '../../src/partition/item.ts'
import type { Random } from '../random.ts'
import type { Outcome } from '../target.ts'
import { count, type FileKind } from './file-target.ts'

/** Tests plant faults in what is read. */
export function partitionFrameKind(reads: typeof decodeFrame = decodeFrame): FileKind {
  return { name: 'partition', make, check: (bytes, counts) => check(reads, bytes, counts) }
}

const NUMBERS: readonly number[] = [0, 1, 2, 65_535, 2 ** 32, 2 ** 53 - 1]
const TEXTS: readonly string[] = ['', 'a', 'a/+', '#', 'größe', 'x'.repeat(300)]

function make(random: Random): Buffer {
  const number = (): number => random.of(NUMBERS)
  const head = {
    from: random.below(4),
    sender: { log: number(), epoch: number() },
    receiver: { log: number(), epoch: number() },
    ...{ acknowledged: number(), first: number(), firstBeside: number() },
  }
  const items = Array.from({ length: random.below(5) }, () =>
    random.chance(3)
      ? { bytes: messageOf(random), number: number(), ...(random.chance(3) && { to: 'c\0g/a/+' }) }
      : { bytes: itemBytes(itemOf(random)), number: null },
  )
  const beside = Array.from({ length: random.below(3) }, () => messageOf(random))
  const bytes = encodeFrame(head, items, beside)
  for (let faults = random.below(3); faults > 0; faults--) {
    bytes[random.below(bytes.length)] = random.below(256)
  }
  return random.chance(6) ? bytes.subarray(0, random.below(bytes.length + 1)) : bytes
}

function messageOf(random: Random): Buffer {
  const properties: Properties = random.chance(2)
    ? NO_PROPERTIES
    : { contentType: random.of(TEXTS), userProperties: [[random.of(TEXTS), random.of(TEXTS)]] }
  const said = {
    payload: Buffer.from(random.of(TEXTS)),
    qos: random.of([0, 1, 2] as const),
    retain: random.chance(2),
    properties,
  }
  const numbers = { now: 0, nextSequence: () => random.of(NUMBERS) }
  return messageBytes(makeMessage(said, random.of(TEXTS), random.of(['c', null]), numbers))
}

function itemOf(random: Random): Statement {
  const [query, filter] = [random.of(NUMBERS), random.of(TEXTS)]
  const lent = { queue: 'q', clientId: filter, attachment: query, packetId: random.below(65_536) }
  const group = { shareName: 'g', topicFilter: filter, ...(random.chance(2) && { where: 'x>1' }) }
  const upTo = new Map([[random.below(4), random.of(NUMBERS)]])
  return random.of<Statement>([
    { kind: 'filters-told' },
    { kind: 'filter', filter, wanted: random.of(['durably', 'transiently', null] as const) },
    { kind: 'watermark-asked', request: query },
    { kind: 'watermark', request: query, sequence: random.of(NUMBERS) },
    { kind: 'retained-asked', query, filter, upTo },
    { kind: random.of(['retained-more', 'retained-ended'] as const), query },
    { kind: 'retained-page', query, isLast: random.chance(2), applied: upTo, rows: [] },
    { kind: 'retained-room', hasRoom: random.chance(2) },
    { kind: 'group', group, isThere: random.chance(2) },
    { kind: 'member-gone', group, clientId: filter },
    { kind: 'queue', name: 'q', filters: random.of([null, [], [filter]]), isFull: false },
    { kind: 'consumer-gone', queue: 'q', clientId: filter },
    { kind: 'answered', ...lent, isRefused: random.chance(2) },
    { kind: 'lent', ...lent, message: readMessage(new ByteReader(messageOf(random))) },
    {
      ...{ kind: 'consumer', queue: 'q', clientId: filter, attachment: query, window: 16 },
      ...{ qos: random.of([0, 1] as const), retainAsPublished: random.chance(2) },
    },
    {
      ...{ kind: 'member', group, clientId: filter, isHere: random.chance(2), credit: query },
      weight: random.of([null, 1, 1_000]),
      strategy: random.of([null, 'sticky', 'hash-topic'] as const),
    },
  ])
}

function check(reads: typeof decodeFrame, bytes: Buffer, counts: Record<string, number>): Outcome {
  const frame = readBy(reads, bytes)
  count(counts, typeof frame === 'string' ? 'refused' : 'accepted')
  if (typeof frame === 'string') return null
  const written = withStarts(frame, frame.sender, frame.receiver)
  if (!isDeepStrictEqual(readBy(decodeFrame, written), frame)) {
    return 'what was read is written as something else'
  }
  // A text that is no UTF-8 is read with another character in place of some bytes.
  const isLost = written.length !== bytes.length && !written.includes('\uFFFD')
  return isLost ? `${written.length} bytes were read of ${bytes.length}` : null
}

/** Returns the frame, or why it is refused. */
function readBy(reads: typeof decodeFrame, bytes: Buffer): Frame | string {
  try {
    return reads(bytes)
  } catch (error) {
    if (error instanceof UnreadableFrame) return error.message
    throw error
  }
}
