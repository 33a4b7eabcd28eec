// What a stream between two partitions is made of, as bytes.

import type { Message } from '../message.ts'
import { Writer } from '../packet/writer.ts'
import type { ByteReader } from '../store/bytes.ts'
import { readMessage, writeMessage } from '../store/message-codec.ts'
import type { GroupName } from '../broker/share-overrides.ts'
import { isShareStrategyName, type ShareStrategyName } from '../routing/share-strategy.ts'
import { UnreadableFrame } from './frame-reader.ts'
import { type Address, readAddress } from './hand-over-address.ts'
import { type QueueSaid, readQueueSaid, writeQueueSaid } from './queue-item.ts'

// The first byte of an item.
const FILTER_GONE = 0
const FILTER_WANTED = 1
const FILTER_WANTED_DURABLY = 2
const FILTERS_TOLD = 3
const MESSAGE = 4
const WATERMARK_ASKED = 5
const WATERMARK = 6
const RETAINED_ASKED = 7
const RETAINED_MORE = 8
const RETAINED_ENDED = 9
const RETAINED_PAGE = 10
const RETAINED_ROOM = 11
const HANDED_OVER = 12
const GROUP = 13
const GROUP_GONE = 14
const MEMBER = 15
const MEMBER_GONE = 16

/** A filter of the sender; `wanted` is null when nobody there has it any more. */
interface FilterItem {
  readonly kind: 'filter'
  readonly filter: string
  readonly wanted: 'durably' | 'transiently' | null
}

/** All filters that the sender had at its start, or at that of the receiver, came before this. */
interface FiltersTold {
  readonly kind: 'filters-told'
}

interface MessageItem {
  readonly kind: 'message'
  /** Its number in the sender's log; 0 if it is not stored there. */
  readonly number: number
  readonly message: Message
}

/** The sender wants to know the number of the receiver's newest message, when what that one has published reached all others. */
interface WatermarkAsked {
  readonly kind: 'watermark-asked'
  readonly request: number
}

export interface Watermark {
  readonly kind: 'watermark'
  readonly request: number
  readonly sequence: number
}

/** Messages of these partitions, up to these numbers of theirs. */
export type UpTo = ReadonlyMap<number, number>

/** The sender wants the retained messages that match. What is newer than `upTo` comes to it as it is published. */
export interface RetainedAsked {
  readonly kind: 'retained-asked'
  readonly query: number
  readonly filter: string
  readonly upTo: UpTo
}

interface RetainedMore {
  readonly kind: 'retained-more' | 'retained-ended'
  readonly query: number
}

/** Where a message was published: the partition, and its number there; 0 if that is not known any more. */
export interface Origin {
  readonly partition: number
  readonly sequence: number
}

export interface RetainedRow {
  readonly origin: Origin
  readonly message: Message
}

export interface RetainedPage {
  readonly kind: 'retained-page'
  readonly query: number
  readonly isLast: boolean
  /** How far the sender has applied each other partition. */
  readonly applied: UpTo
  readonly rows: readonly RetainedRow[]
}

/** Whether the sender has room for more retained messages. */
interface RetainedRoom {
  readonly kind: 'retained-room'
  readonly hasRoom: boolean
}

export type RetainedItem =
  WatermarkAsked | Watermark | RetainedAsked | RetainedMore | RetainedPage | RetainedRoom

/** A message that changes its owner: for a member of the receiver's, or back to a group of the receiver's. */
interface HandedOver {
  readonly kind: 'handed-over'
  /** Its number in the sender's log; 0 if it is not stored there. */
  readonly number: number
  readonly address: Address
  readonly message: Message
}

/** Whether the share group has members of the sender's clients. What matches is owed to the partition that keeps it. */
export interface GroupItem {
  readonly kind: 'group'
  readonly group: GroupName
  readonly isThere: boolean
}

/** A client of the sender is a member of a group that the receiver keeps. */
export interface MemberItem {
  readonly kind: 'member'
  readonly group: GroupName
  readonly clientId: string
  /** What it asked for; null for nothing. */
  readonly weight: number | null
  readonly strategy: ShareStrategyName | null
  readonly isHere: boolean
  /** How many hand-outs may come for it, in all since the stream began. */
  readonly credit: number
}

export interface MemberGone {
  readonly kind: 'member-gone'
  readonly group: GroupName
  readonly clientId: string
}

export type ToldOfGroups = GroupItem | MemberItem | MemberGone

export type Item =
  FilterItem | FiltersTold | MessageItem | RetainedItem | HandedOver | ToldOfGroups | QueueSaid

/** What is not a message, and has no number. */
export type Statement = Exclude<Item, MessageItem | HandedOver>

const writer = new Writer()

export function itemBytes(item: Statement): Buffer {
  writer.reset()
  switch (item.kind) {
    case 'filters-told':
      writer.uint8(FILTERS_TOLD)
      break
    case 'filter':
      writer.uint8(kindOfFilter(item.wanted))
      writer.string(item.filter)
      break
    case 'watermark-asked':
      writer.uint8(WATERMARK_ASKED)
      writer.uint53(item.request)
      break
    case 'watermark':
      writer.uint8(WATERMARK)
      writer.uint53(item.request)
      writer.uint53(item.sequence)
      break
    case 'retained-asked':
      writer.uint8(RETAINED_ASKED)
      writer.uint53(item.query)
      writer.string(item.filter)
      writeUpTo(item.upTo)
      break
    case 'retained-more':
    case 'retained-ended':
      writer.uint8(item.kind === 'retained-more' ? RETAINED_MORE : RETAINED_ENDED)
      writer.uint53(item.query)
      break
    case 'retained-page':
      writePage(item)
      break
    case 'retained-room':
      writer.uint8(RETAINED_ROOM)
      writer.uint8(item.hasRoom ? 1 : 0)
      break
    case 'group':
      writer.uint8(item.isThere ? GROUP : GROUP_GONE)
      writeGroup(item.group)
      break
    case 'member':
      writeMember(item)
      break
    case 'member-gone':
      writer.uint8(MEMBER_GONE)
      writeGroup(item.group)
      writer.string(item.clientId)
      break
    case 'queue':
    case 'consumer':
    case 'consumer-gone':
    case 'lent':
    case 'answered':
      writeQueueSaid(writer, item)
  }
  return written(writer)
}

function writeGroup({ shareName, topicFilter, where }: GroupName): void {
  writer.string(shareName)
  writer.string(topicFilter)
  // No expression is empty.
  writer.string(where ?? '')
}

function writeMember({ group, clientId, weight, strategy, isHere, credit }: MemberItem): void {
  writer.uint8(MEMBER)
  writeGroup(group)
  writer.string(clientId)
  writer.uint16(weight ?? 0)
  writer.string(strategy ?? '')
  writer.uint8(isHere ? 1 : 0)
  writer.uint53(credit)
}

function kindOfFilter(wanted: FilterItem['wanted']): number {
  if (wanted === null) return FILTER_GONE
  return wanted === 'durably' ? FILTER_WANTED_DURABLY : FILTER_WANTED
}

function writePage({ query, isLast, applied, rows }: RetainedPage): void {
  writer.uint8(RETAINED_PAGE)
  writer.uint53(query)
  writer.uint8(isLast ? 1 : 0)
  writeUpTo(applied)
  writer.uint16(rows.length)
  for (const { origin, message } of rows) {
    writer.uint16(origin.partition)
    writer.uint53(origin.sequence)
    writeMessage(writer, message)
  }
}

function writeUpTo(upTo: UpTo): void {
  writer.uint16(upTo.size)
  for (const [partition, sequence] of upTo) {
    writer.uint16(partition)
    writer.uint53(sequence)
  }
}

/** The message alone: its number differs from line to line. */
export function messageBytes(message: Message): Buffer {
  writer.reset()
  writeMessage(writer, message)
  return written(writer)
}

/** An item as a line keeps it. */
export interface EncodedItem {
  readonly bytes: Buffer
  /** The number of a message; null for anything else. */
  readonly number: number | null
  /** The address of a message that is handed over. */
  readonly to?: string
}

export function writeItem(into: Writer, { bytes, number, to }: EncodedItem): void {
  if (number !== null) {
    into.uint8(to === undefined ? MESSAGE : HANDED_OVER)
    into.uint53(number)
    if (to !== undefined) into.string(to)
  }
  into.raw(bytes)
}

export function readItem(reader: ByteReader): Item {
  const kind = reader.uint8()
  switch (kind) {
    case MESSAGE:
      return { kind: 'message', number: reader.uint53(), message: readMessage(reader) }
    case HANDED_OVER:
      return readHandedOver(reader)
    case GROUP:
    case GROUP_GONE:
      return { kind: 'group', group: readGroup(reader), isThere: kind === GROUP }
    case MEMBER:
      return readMember(reader)
    case MEMBER_GONE:
      return { kind: 'member-gone', group: readGroup(reader), clientId: reader.string() }
    case FILTERS_TOLD:
      return { kind: 'filters-told' }
    case FILTER_GONE:
      return { kind: 'filter', filter: reader.string(), wanted: null }
    case FILTER_WANTED:
      return { kind: 'filter', filter: reader.string(), wanted: 'transiently' }
    case FILTER_WANTED_DURABLY:
      return { kind: 'filter', filter: reader.string(), wanted: 'durably' }
    case WATERMARK_ASKED:
      return { kind: 'watermark-asked', request: reader.uint53() }
    case WATERMARK:
      return { kind: 'watermark', request: reader.uint53(), sequence: reader.uint53() }
    case RETAINED_ASKED: {
      const query = reader.uint53()
      return { kind: 'retained-asked', query, filter: reader.string(), upTo: readUpTo(reader) }
    }
    case RETAINED_MORE:
      return { kind: 'retained-more', query: reader.uint53() }
    case RETAINED_ENDED:
      return { kind: 'retained-ended', query: reader.uint53() }
    case RETAINED_PAGE:
      return readPage(reader)
    case RETAINED_ROOM:
      return { kind: 'retained-room', hasRoom: reader.uint8() === 1 }
    default: {
      const said = readQueueSaid(kind, reader)
      if (said !== null) return said
      throw new UnreadableFrame(`it has an item of the unknown kind ${kind}`)
    }
  }
}

function readHandedOver(reader: ByteReader): HandedOver {
  const number = reader.uint53()
  const address = readAddress(reader.string())
  if (address === null) throw new UnreadableFrame('a message has no address')
  return { kind: 'handed-over', number, address, message: readMessage(reader) }
}

function readGroup(reader: ByteReader): GroupName {
  const plain = { shareName: reader.string(), topicFilter: reader.string() }
  const where = reader.string()
  return where === '' ? plain : { ...plain, where }
}

function readMember(reader: ByteReader): MemberItem {
  const group = readGroup(reader)
  const clientId = reader.string()
  const weight = reader.uint16()
  const strategy = reader.string()
  if (strategy !== '' && !isShareStrategyName(strategy)) {
    throw new UnreadableFrame(`it has the unknown strategy ${strategy}`)
  }
  return {
    kind: 'member',
    group,
    clientId,
    weight: weight === 0 ? null : weight,
    strategy: strategy === '' ? null : strategy,
    isHere: reader.uint8() === 1,
    credit: reader.uint53(),
  }
}

function readPage(reader: ByteReader): RetainedPage {
  const query = reader.uint53()
  const isLast = reader.uint8() === 1
  const applied = readUpTo(reader)
  const rows = Array.from({ length: reader.uint16() }, () => {
    const origin = { partition: reader.uint16(), sequence: reader.uint53() }
    return { origin, message: readMessage(reader) }
  })
  return { kind: 'retained-page', query, isLast, applied, rows }
}

function readUpTo(reader: ByteReader): UpTo {
  const upTo = new Map<number, number>()
  for (let left = reader.uint16(); left > 0; left--) {
    const partition = reader.uint16()
    if (upTo.has(partition)) throw new UnreadableFrame(`it names partition ${partition} twice`)
    upTo.set(partition, reader.uint53())
  }
  return upTo
}

/** A copy: the writer is used again. */
export function written(from: Writer): Buffer {
  const bytes = Buffer.allocUnsafeSlow(from.length)
  from.copyTo(bytes, 0)
  return bytes
}
