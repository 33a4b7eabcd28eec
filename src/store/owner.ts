// The owners of deliveries. The kinds are an open set: each is one row of this table, and code that keeps deliveries uses
// the row, not the kind.

import { strict as assert } from 'node:assert'
import type { Writer } from '../packet/writer.ts'
import type { ByteReader } from './bytes.ts'
import type { Codec } from './codec.ts'
import { NewerVersion } from './newer-version.ts'

/** The session of a client. */
export interface SessionOwner {
  readonly kind: 'session'
  readonly clientId: string
}

/** A share group, for deliveries without a chosen member. */
export interface GroupOwner {
  readonly kind: 'group'
  readonly shareName: string
  readonly topicFilter: string
  /** Which of the matching messages it collects; left out for all. */
  readonly where?: string
}

/** A named queue, for deliveries that no consumer has. */
export interface NamedQueueOwner {
  readonly kind: 'queue'
  readonly name: string
}

/** Another partition, for messages that are owed to it: see `partition/`. */
export interface PartitionOwner {
  readonly kind: 'partition'
  readonly partition: number
}

interface OwnerRule<Of extends { readonly kind: string }> {
  /** The number in the log, which must never change. */
  readonly number: number
  readonly codec: Codec<Of>
  /** Returns a unique key, which begins with the kind. */
  key(owner: Of): string
}

const OWNER_RULES = {
  session: {
    number: 0,
    codec: {
      write: (writer, { clientId }) => writer.string(clientId),
      read: reader => ({ kind: 'session', clientId: reader.name() }),
    },
    key: ({ clientId }) => `session/${clientId}`,
  } satisfies OwnerRule<SessionOwner>,
  group: {
    number: 1,
    codec: {
      write(writer, { shareName, topicFilter }) {
        writer.string(shareName)
        writer.string(topicFilter)
      },
      read: reader => ({
        kind: 'group',
        shareName: reader.name(),
        topicFilter: reader.name(),
      }),
    },
    // A share name contains no slash [MQTT-4.8.2-1].
    key: ({ shareName, topicFilter, where }) =>
      // No text of MQTT has U+0000 [MQTT-1.5.4-2].
      `group/${shareName}/${topicFilter}${where === undefined ? '' : `\0${where}`}`,
  } satisfies OwnerRule<GroupOwner>,
  queue: {
    number: 2,
    codec: {
      write: (writer, { name }) => writer.string(name),
      read: reader => ({ kind: 'queue', name: reader.name() }),
    },
    key: ({ name }) => `queue/${name}`,
  } satisfies OwnerRule<NamedQueueOwner>,
  partition: {
    number: 4,
    codec: {
      write: (writer, { partition }) => writer.uint16(partition),
      read: reader => ({ kind: 'partition', partition: reader.uint16() }),
    },
    key: ({ partition }) => `partition/${partition}`,
  } satisfies OwnerRule<PartitionOwner>,
} as const

/** A group with an expression, which older versions do not know. */
const FILTERED_GROUP_NUMBER = 3
const FILTERED_GROUP: Codec<GroupOwner> = {
  write(writer, { shareName, topicFilter, where }) {
    writer.string(shareName)
    writer.string(topicFilter)
    writer.string(where ?? '')
  },
  read: reader => ({
    kind: 'group',
    shareName: reader.name(),
    topicFilter: reader.name(),
    where: reader.name(),
  }),
}

type Rules = typeof OWNER_RULES

export type Owner = { [Kind in keyof Rules]: Parameters<Rules[Kind]['key']>[0] }[keyof Rules]

/**
 * An owner that is not a client has a queue of its own, which exists from its first delivery on; a named queue from its settings on. Deliveries go from it to
 * sessions and may return. Deliveries for a client are in its session; without a session they are not stored.
 */
export type QueueOwner = Exclude<Owner, { readonly clientId: string }>

const RULES: Readonly<Record<Owner['kind'], OwnerRule<Owner>>> = OWNER_RULES
const SESSION = RULES.session
const CODECS: (Codec<Owner> | undefined)[] = []
for (const { number, codec } of Object.values(RULES)) {
  assert(CODECS[number] === undefined, `no two kinds of owners have the number ${number}`)
  CODECS[number] = codec
}

export function writeOwner(writer: Writer, owner: Owner): void {
  if (owner.kind === 'group' && owner.where !== undefined) {
    writer.uint8(FILTERED_GROUP_NUMBER)
    FILTERED_GROUP.write(writer, owner, owner)
    return
  }
  // Most owners are sessions, so their row needs no look-up.
  const { number, codec } = owner.kind === 'session' ? SESSION : RULES[owner.kind]
  writer.uint8(number)
  codec.write(writer, owner, owner)
}

/** Throws NewerVersion. */
export function readOwner(reader: ByteReader): Owner {
  const number = reader.uint8()
  if (number === FILTERED_GROUP_NUMBER) return FILTERED_GROUP.read(reader, reader)
  const codec = CODECS[number]
  if (codec === undefined) throw new NewerVersion(`an owner of the unknown kind ${number}`)
  return codec.read(reader, reader)
}

/** Returns the unique key of an owner. */
export function ownerKey(owner: Owner): string {
  return RULES[owner.kind].key(owner)
}

/** Returns the client whose session has the deliveries, or null for an owner with a queue of its own. */
export function clientOf(owner: Owner): string | null {
  return 'clientId' in owner ? owner.clientId : null
}

/** Returns the owner if it has a queue of its own; otherwise null. */
export function asQueueOwner(owner: Owner): QueueOwner | null {
  return isQueueOwner(owner) ? owner : null
}

function isQueueOwner(owner: Owner): owner is QueueOwner {
  return !('clientId' in owner)
}

export const owner: Codec<Owner> = { write: writeOwner, read: readOwner }

export const queueOwner: Codec<QueueOwner> = {
  write: writeOwner,
  read(reader) {
    const read = readOwner(reader)
    assert(isQueueOwner(read), 'only what has a queue of its own is named here')
    return read
  },
}
