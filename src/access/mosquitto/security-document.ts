// The file of mosquitto's dynamic security as a document that commands change.

import { parsedFile, securityIn, writtenHash } from './dynamic-security-file.ts'
import { JsonFields } from './json-fields.ts'
import { NamedMap } from './named-map.ts'

/** As mosquitto writes them, in the order in which it lists the rules of a role. */
const ACL_TYPES = [
  'publishClientSend',
  'publishClientReceive',
  'subscribeLiteral',
  'subscribePattern',
  'unsubscribeLiteral',
  'unsubscribePattern',
] as const
type AclType = (typeof ACL_TYPES)[number]

export const DEFAULT_TYPES = [
  'publishClientSend',
  'publishClientReceive',
  'subscribe',
  'unsubscribe',
] as const

/** The priority of a role or group that was given without one. */
export const NO_PRIORITY = -1
/** mosquitto's bound. */
const PRIORITY_MAX = 100_000

/** Names, and the priority of each. */
export type Priorities = Map<string, number>

interface Texts {
  textname: string | null
  textdescription: string | null
}

export interface SecurityClient extends Texts {
  readonly name: string
  clientId: string | null
  isDisabled: boolean
  /** A hash as in a password file; a password that is still to be hashed, or null. */
  password: string | Buffer | null
  roles: Priorities
  readonly groups: Priorities
}

export interface SecurityGroup extends Texts {
  readonly name: string
  roles: Priorities
  readonly clients: Set<string>
}

export interface SecurityAcl {
  readonly type: AclType
  readonly topic: string
  readonly allows: boolean
  readonly priority: number
}

export interface SecurityRole extends Texts {
  readonly name: string
  allowsWildcards: boolean
  acls: readonly SecurityAcl[]
}

type Defaults = Record<(typeof DEFAULT_TYPES)[number], boolean>

export class SecurityDocument {
  readonly clients = new NamedMap<SecurityClient>()
  readonly groups = new NamedMap<SecurityGroup>()
  readonly roles = new NamedMap<SecurityRole>()
  readonly defaults: Defaults = {
    publishClientSend: false,
    publishClientReceive: true,
    subscribe: false,
    unsubscribe: true,
  }
  anonymousGroup: string | null = null
  changeIndex = 0

  /** Clients whose password is still to be hashed. */
  get unhashed(): readonly SecurityClient[] {
    return [...this.clients.values()].filter(({ password }) => password instanceof Buffer)
  }

  join(client: SecurityClient, group: SecurityGroup, priority: number): void {
    client.groups.set(group.name, priority)
    group.clients.add(client.name)
  }

  leave(client: SecurityClient, group: SecurityGroup): void {
    client.groups.delete(group.name)
    group.clients.delete(client.name)
  }
}

/** Work goes on in slices, so that others are served meanwhile. */
export interface Slice {
  /** Whether `next` must be called before the next step. */
  readonly isOver: boolean
  readonly next: () => Promise<void>
}

/** Throws AccessFileError for what the broker would not start with. */
export async function readDocument(
  bytes: Buffer,
  file: string,
  slice: Slice,
): Promise<SecurityDocument> {
  const value = parsedFile(bytes, file)
  await slice.next()
  securityIn(value, file)
  await slice.next()
  const document = new SecurityDocument()
  const whole = new JsonFields(value, [], UNCHECKED)
  for (const fields of whole.objects('roles', [])) {
    if (slice.isOver) await slice.next()
    const name = fields.text('rolename') ?? ''
    document.roles.set(name, { name, ...roleIn(fields) })
  }
  for (const fields of whole.objects('clients', [])) {
    if (slice.isOver) await slice.next()
    const name = fields.text('username') ?? ''
    document.clients.set(name, { name, ...clientIn(fields) })
  }
  for (const fields of whole.objects('groups', [])) {
    if (slice.isOver) await slice.next()
    readGroup(fields, document)
  }
  const defaults = whole.object('defaultaclaccess', [])
  for (const type of DEFAULT_TYPES) {
    document.defaults[type] = defaults?.boolean(type.toLowerCase()) ?? document.defaults[type]
  }
  document.anonymousGroup = whole.text('anonymousgroup')
  document.changeIndex = whole.whole('changeindex') ?? 0
  return document
}

/** Everything was checked before. */
const UNCHECKED = { wrong: () => {}, doubtful: () => {} }

function roleIn(fields: JsonFields): Omit<SecurityRole, 'name'> {
  return {
    ...textsIn(fields),
    allowsWildcards: fields.boolean('allowwildcardsubs') ?? true,
    acls: inOrder(fields.objects('acls', []).flatMap(each => aclIn(each) ?? [])),
  }
}

/** Null for an unknown type, and without a topic. */
export function aclIn(fields: JsonFields): SecurityAcl | null {
  const type = aclTypeOf(fields.text('acltype') ?? '')
  const topic = fields.text('topic')
  if (type === null || topic === null) return null
  const allows = fields.boolean('allow') ?? false
  return { type, topic, allows, priority: priorityIn(fields, 0) }
}

/** mosquitto finds the types in any case. */
export function aclTypeOf(text: string): AclType | null {
  return ACL_TYPES.find(each => each.toLowerCase() === text.toLowerCase()) ?? null
}

/** Orders rules as mosquitto lists and asks them: by type, then by priority. */
export function inOrder(acls: readonly SecurityAcl[]): readonly SecurityAcl[] {
  const placeOf = ({ type }: SecurityAcl): number => ACL_TYPES.indexOf(type)
  return acls.toSorted(
    (one, other) => placeOf(one) - placeOf(other) || other.priority - one.priority,
  )
}

function clientIn(fields: JsonFields): Omit<SecurityClient, 'name'> {
  return {
    ...textsIn(fields),
    clientId: fields.text('clientid'),
    isDisabled: fields.boolean('disabled') ?? false,
    password: writtenHash(fields),
    roles: prioritiesIn(fields.objects('roles', []), 'rolename'),
    groups: new Map(),
  }
}

/** Members that do not exist are left out, as in mosquitto. */
function readGroup(fields: JsonFields, document: SecurityDocument): void {
  const name = fields.text('groupname') ?? ''
  const roles = prioritiesIn(fields.objects('roles', []), 'rolename')
  const group = { name, ...textsIn(fields), roles, clients: new Set<string>() }
  document.groups.set(name, group)
  for (const [username, priority] of prioritiesIn(fields.objects('clients', []), 'username')) {
    const client = document.clients.get(username)
    if (client !== undefined) document.join(client, group, priority)
  }
}

function textsIn(fields: JsonFields): Texts {
  return { textname: fields.text('textname'), textdescription: fields.text('textdescription') }
}

/** Whoever is named twice has the first priority. */
function prioritiesIn(list: readonly JsonFields[], key: string): Priorities {
  const found: Priorities = new Map()
  for (const fields of list) {
    const name = fields.text(key) ?? ''
    if (!found.has(name)) found.set(name, priorityIn(fields, NO_PRIORITY))
  }
  return found
}

/** A number beyond mosquitto's bound counts as the bound. What is no whole number counts as none. */
export function priorityIn(fields: JsonFields, otherwise: number): number {
  const priority = fields.whole('priority') ?? otherwise
  return Math.min(PRIORITY_MAX, Math.max(-PRIORITY_MAX, priority))
}

/** As in answers; groups of a client are in the file only as the clients of a group. */
export function describedClient(client: SecurityClient, hasGroups: boolean): object {
  const { name: username, clientId, isDisabled, roles, groups } = client
  return {
    username,
    ...(clientId !== null && { clientid: clientId }),
    ...describedTexts(client),
    ...(isDisabled && { disabled: true }),
    roles: listed(roles, 'rolename'),
    ...(hasGroups && { groups: listed(groups, 'groupname') }),
  }
}

export function describedGroup(group: SecurityGroup): object {
  const { name: groupname, clients, roles } = group
  return {
    groupname,
    ...describedTexts(group),
    clients: [...clients].toSorted().map(username => ({ username })),
    roles: listed(roles, 'rolename'),
  }
}

export function describedRole(role: SecurityRole): object {
  const { name: rolename, allowsWildcards: allowwildcardsubs, acls } = role
  return {
    rolename,
    ...describedTexts(role),
    allowwildcardsubs,
    acls: acls.map(({ type: acltype, topic, priority, allows: allow }) => ({
      acltype,
      topic,
      priority,
      allow,
    })),
  }
}

function describedTexts({ textname, textdescription }: Texts): object {
  return {
    ...(textname !== null && { textname }),
    ...(textdescription !== null && { textdescription }),
  }
}

/** By highest priority, then by name. */
function listed(priorities: Priorities, key: string): readonly object[] {
  return [...priorities]
    .toSorted(([one, first], [other, second]) => second - first || (one < other ? -1 : 1))
    .map(([name, priority]) => ({ [key]: name, ...priorityShown(priority) }))
}

export function priorityShown(priority: number): object {
  return priority === NO_PRIORITY ? {} : { priority }
}
