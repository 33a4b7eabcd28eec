// The commands that change clients, groups, roles and their rules. A command that is refused has changed nothing.

import { isTopicFilter } from '../../routing/topic.ts'
import {
  CLIENT,
  type CommandContext,
  found,
  GROUP,
  type Named,
  newName,
  ROLE,
} from './command-context.ts'
import { type CommandFields, CommandRefused } from './command-fields.ts'
import type { NamedMap } from './named-map.ts'
import {
  aclIn,
  aclTypeOf,
  DEFAULT_TYPES,
  inOrder,
  NO_PRIORITY,
  priorityIn,
  type Priorities,
  type SecurityAcl,
  type SecurityClient,
  type SecurityDocument,
  type SecurityGroup,
  type SecurityRole,
} from './security-document.ts'

export function createClient(context: CommandContext, fields: CommandFields): null {
  const { document } = context
  const words = ['Username', 'Empty username'] as const
  const name = newName(CLIENT, 'Client already exists', words, context, fields)
  const password = fields.text('password') ?? ''
  const clientId = fields.text('clientid', 'Invalid/missing client id')
  fields.assertText(clientId ?? '', 'Client ID')
  const texts = fields.texts()
  const roles = rolesIn(fields, document) ?? new Map<string, number>()
  const groups = fields.priorities('groups', 'groupname') ?? new Map<string, number>()
  const joined = [...groups].map(([each, priority]) => ({
    group: found(GROUP, each, context),
    priority,
  }))
  const client: SecurityClient = {
    name,
    clientId: clientId === '' ? null : clientId,
    isDisabled: false,
    password: password === '' ? null : Buffer.from(password),
    textname: texts.textname ?? null,
    textdescription: texts.textdescription ?? null,
    roles,
    groups: new Map(),
  }
  document.clients.set(name, client)
  for (const { group, priority } of joined) document.join(client, group, priority)
  return null
}

/** Lists that are given replace those of before. An empty password leaves the present one. */
export function modifyClient(
  client: SecurityClient,
  { document }: CommandContext,
  fields: CommandFields,
): null {
  const password = fields.text('password') ?? ''
  const clientId = fields.text('clientid', 'Invalid/missing client id')
  fields.assertText(clientId ?? '', 'Client ID')
  const texts = fields.texts()
  const roles = rolesIn(fields, document)
  const groups = membersIn(fields, 'groups', 'groupname', document.groups)
  if (password !== '') client.password = Buffer.from(password)
  if (clientId !== null) client.clientId = clientId === '' ? null : clientId
  Object.assign(client, texts)
  client.roles = roles ?? client.roles
  if (groups === null) return null
  for (const name of [...client.groups.keys()]) {
    const group = document.groups.get(name)
    if (group !== undefined) document.leave(client, group)
  }
  for (const [group, priority] of groups) document.join(client, group, priority)
  return null
}

export function deleteClient(client: SecurityClient, { document }: CommandContext): null {
  for (const name of client.groups.keys()) document.groups.get(name)?.clients.delete(client.name)
  document.clients.delete(client.name)
  return null
}

export function createGroup(context: CommandContext, fields: CommandFields): null {
  const { document } = context
  const words = ['Group name', 'Empty groupname'] as const
  const name = newName(GROUP, 'Group already exists', words, context, fields)
  const { textname = null, textdescription = null } = fields.texts()
  const roles = rolesIn(fields, document) ?? new Map<string, number>()
  document.groups.set(name, { name, textname, textdescription, roles, clients: new Set() })
  return null
}

export function modifyGroup(
  group: SecurityGroup,
  { document }: CommandContext,
  fields: CommandFields,
): null {
  const texts = fields.texts()
  const roles = rolesIn(fields, document)
  const clients = membersIn(fields, 'clients', 'username', document.clients)
  Object.assign(group, texts)
  group.roles = roles ?? group.roles
  if (clients === null) return null
  leaveAll(group, document)
  for (const [client, priority] of clients) document.join(client, group, priority)
  return null
}

function leaveAll(group: SecurityGroup, document: SecurityDocument): void {
  for (const name of [...group.clients]) {
    const client = document.clients.get(name)
    if (client !== undefined) document.leave(client, group)
  }
}

export function deleteGroup(group: SecurityGroup, { document }: CommandContext): null {
  if (document.anonymousGroup === group.name) {
    throw new CommandRefused('Deleting the anonymous group is forbidden')
  }
  leaveAll(group, document)
  document.groups.delete(group.name)
  return null
}

export function createRole(context: CommandContext, fields: CommandFields): null {
  const words = ['Role name', 'Empty rolename'] as const
  const name = newName(ROLE, 'Role already exists', words, context, fields)
  const { textname = null, textdescription = null } = fields.texts()
  const allowsWildcards = fields.lenient.boolean('allowwildcardsubs') ?? true
  const acls = aclsIn(fields) ?? []
  context.document.roles.set(name, { name, textname, textdescription, allowsWildcards, acls })
  return null
}

export function modifyRole(
  role: SecurityRole,
  _context: CommandContext,
  fields: CommandFields,
): null {
  const texts = fields.texts()
  const acls = aclsIn(fields)
  Object.assign(role, texts)
  role.allowsWildcards = fields.lenient.boolean('allowwildcardsubs') ?? role.allowsWildcards
  role.acls = acls ?? role.acls
  return null
}

export function deleteRole(role: SecurityRole, { document }: CommandContext): null {
  for (const { roles } of document.clients.values()) roles.delete(role.name)
  for (const { roles } of document.groups.values()) roles.delete(role.name)
  document.roles.delete(role.name)
  return null
}

export function addRoleAcl(
  role: SecurityRole,
  _context: CommandContext,
  fields: CommandFields,
): null {
  const { type, topic } = aclNamedIn(fields)
  if (!isTopicFilter(topic)) throw new CommandRefused('Invalid ACL topic')
  if (role.acls.some(each => each.type === type && each.topic === topic)) {
    throw new CommandRefused('ACL with this topic already exists')
  }
  const allows = fields.lenient.boolean('allow') ?? false
  const acl = { type, topic, allows, priority: priorityIn(fields.lenient, 0) }
  role.acls = inOrder([...role.acls, acl])
  return null
}

export function removeRoleAcl(
  role: SecurityRole,
  _context: CommandContext,
  fields: CommandFields,
): null {
  const { type, topic } = aclNamedIn(fields)
  const others = role.acls.filter(each => each.type !== type || each.topic !== topic)
  if (others.length === role.acls.length) throw new CommandRefused('ACL not found')
  role.acls = others
  return null
}

function aclNamedIn(fields: CommandFields): Pick<SecurityAcl, 'type' | 'topic'> {
  const type = aclTypeOf(fields.needed('acltype'))
  if (type === null) throw new CommandRefused('Unknown acltype')
  return { type, topic: fields.needed('topic') }
}

/**
 * Unknown types are left out, as is what comes again. A wrong filter matches nothing: mosquitto keeps it, and so do we where it allows.
 * Where it denies, somebody relies on it.
 */
function aclsIn(fields: CommandFields): readonly SecurityAcl[] | null {
  const list = fields.lenient.objects('acls', [])
  if (!fields.has('acls')) return null
  const seen = new Map<string, SecurityAcl>()
  for (const each of list) {
    const acl = aclIn(each)
    if (acl === null) continue
    if (!acl.allows && !isTopicFilter(acl.topic)) throw new CommandRefused('Invalid ACL topic')
    const key = `${acl.type} ${acl.topic}`
    if (acl.topic !== '' && !seen.has(key)) seen.set(key, acl)
  }
  return inOrder([...seen.values()])
}

function rolesIn(fields: CommandFields, { roles }: SecurityDocument): Priorities | null {
  const given = fields.priorities('roles', 'rolename')
  for (const name of given?.keys() ?? []) {
    if (!roles.has(name)) throw new CommandRefused(ROLE.unknown)
  }
  return given
}

function membersIn<Value extends Named>(
  fields: CommandFields,
  list: string,
  key: string,
  all: NamedMap<Value>,
): readonly (readonly [Value, number])[] | null {
  const given = fields.priorities(list, key)
  if (given === null) return null
  return [...given].map(([name, priority]) => {
    const value = all.get(name)
    if (value !== undefined) return [value, priority] as const
    throw new CommandRefused(`'${list}' contains an object with a '${key}' that does not exist`)
  })
}

export function give(
  roles: Priorities,
  role: SecurityRole,
  fields: CommandFields,
  has: string,
): void {
  if (roles.has(role.name)) throw new CommandRefused(has)
  roles.set(role.name, priorityIn(fields.lenient, NO_PRIORITY))
}

export function setDefaults({ document }: CommandContext, fields: CommandFields): null {
  if (!fields.hasList('acls')) throw new CommandRefused('Missing/invalid actions array')
  for (const each of fields.lenient.objects('acls', [])) {
    const type = DEFAULT_TYPES.find(name => name === each.text('acltype'))
    const allow = each.boolean('allow')
    if (type !== undefined && allow !== null) document.defaults[type] = allow
  }
  return null
}
