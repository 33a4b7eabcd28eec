// What the commands of the dynamic security work with, and what each is about: a client, a group or a role.

import { type CommandFields, CommandRefused } from './command-fields.ts'
import type { NamedMap } from './named-map.ts'
import type {
  SecurityClient,
  SecurityDocument,
  SecurityGroup,
  SecurityRole,
} from './security-document.ts'

export interface CommandContext {
  readonly document: SecurityDocument
  /** The most clients, groups and roles, of each. */
  readonly namesMax: number
  /** Is called when there are so many. */
  readonly namesMaxReached: () => void
  /** Returns the addresses of the connected clients of a user. */
  readonly addressesOf: (username: string) => readonly string[]
}

/** Returns the data of its answer; null for none. Throws CommandRefused, and then it has changed nothing. */
export type Run = (context: CommandContext, fields: CommandFields) => object | null

/** What a command is about, and what it is refused with. */
export interface Kind<Value extends { readonly name: string }> {
  readonly key: string
  readonly unknown: string
  readonly in: (document: SecurityDocument) => NamedMap<Value>
}

export const CLIENT: Kind<SecurityClient> = {
  key: 'username',
  unknown: 'Client not found',
  in: ({ clients }) => clients,
}
export const GROUP: Kind<SecurityGroup> = {
  key: 'groupname',
  unknown: 'Group not found',
  in: ({ groups }) => groups,
}
export const ROLE: Kind<SecurityRole> = {
  key: 'rolename',
  unknown: 'Role not found',
  in: ({ roles }) => roles,
}

export type Named = { readonly name: string }

/** Runs with what the command names, which must exist. */
export function onOne<Value extends Named>(
  kind: Kind<Value>,
  run: (value: Value, context: CommandContext, fields: CommandFields) => object | null,
): Run {
  return (context, fields) => {
    const name = fields.needed(kind.key)
    return run(found(kind, name, context), context, fields)
  }
}

export function onTwo<One extends Named, Other extends Named>(
  kind: Kind<One>,
  otherKind: Kind<Other>,
  run: (one: One, other: Other, fields: CommandFields, context: CommandContext) => void,
): Run {
  return (context, fields) => {
    const name = fields.needed(kind.key)
    const otherName = fields.needed(otherKind.key)
    run(found(kind, name, context), found(otherKind, otherName, context), fields, context)
    return null
  }
}

export function found<Value extends Named>(
  kind: Kind<Value>,
  name: string,
  { document }: CommandContext,
): Value {
  const value = kind.in(document).get(name)
  if (value === undefined) throw new CommandRefused(kind.unknown)
  return value
}

/** Returns the name of something new. */
export function newName<Value extends Named>(
  kind: Kind<Value>,
  exists: string,
  words: readonly [given: string, empty: string],
  { document, namesMax, namesMaxReached }: CommandContext,
  fields: CommandFields,
): string {
  const [given, empty] = words
  const name = fields.needed(kind.key)
  if (name === '') throw new CommandRefused(empty)
  fields.assertText(name, given)
  const all = kind.in(document)
  if (all.has(name)) throw new CommandRefused(exists)
  if (all.size >= namesMax) {
    namesMaxReached()
    throw new CommandRefused(`There are ${namesMax} (limits.dynamicSecurityNamesMax)`)
  }
  return name
}
