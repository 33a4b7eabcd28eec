// Reads the file of mosquitto's dynamic security, as its versions 2.0 and 2.1 write it: users, roles and groups. What mosquitto ignores,
// and what could make somebody's rights wider, makes the file wrong here: references to roles that do not exist, unknown kinds of rules,
// values of a wrong type, and names that an object has twice.

import { isTopicFilter } from '../../routing/topic.ts'
import { AccessFileError, type Problem, PROBLEMS_MAX, utf8TextOf } from '../access-file.ts'
import { type JsonValue, parseJson, WrongJson } from '../json-lines.ts'
import type { PasswordUser } from '../password/password-file.ts'
import { parseHash, WrongHash } from '../password/password-hash.ts'
import {
  type Given,
  type Group,
  Role,
  type RoleAction,
  type RoleDefaults,
  type RoleRule,
} from '../rules/role-rules.ts'
import { JsonFields } from './json-fields.ts'

/** A client of the file: what others call a user. */
export interface SecuredUser {
  readonly name: string
  readonly isDisabled: boolean
  readonly roles: readonly Given<Role>[]
  readonly groups: readonly Given<Group>[]
}

export interface DynamicSecurity {
  /** The users that may come in. One without a password, or a disabled one, may not. */
  readonly users: ReadonlyMap<string, PasswordUser>
  readonly secured: ReadonlyMap<string, SecuredUser>
  /** The group of clients without a user name. */
  readonly anonymousGroup: Group | null
  readonly defaults: RoleDefaults
  readonly ruleCount: number
  readonly warnings: readonly Problem[]
}

/** Throws AccessFileError. `file` is the name of the file in error places. */
export function parseDynamicSecurity(bytes: Buffer, file: string): DynamicSecurity {
  return securityIn(parsedFile(bytes, file), file)
}

/** The first half of it. Throws AccessFileError. */
export function parsedFile(bytes: Buffer, file: string): JsonValue {
  try {
    return parseJson(utf8TextOf(bytes, file))
  } catch (error) {
    if (!(error instanceof WrongJson)) throw error
    throw new AccessFileError([{ place: `${file}:${error.line}`, sentence: error.message }])
  }
}

/** The second half. Throws AccessFileError. */
export function securityIn(value: JsonValue, file: string): DynamicSecurity {
  return new Reading(file).read(value)
}

/** By the name of the type in lower case. */
export const ACL_TYPES: ReadonlyMap<
  string,
  { readonly action: RoleAction; readonly isLiteral: boolean }
> = new Map([
  ['publishclientsend', { action: 'send', isLiteral: false }],
  ['publishclientreceive', { action: 'receive', isLiteral: false }],
  ['subscribeliteral', { action: 'subscribe', isLiteral: true }],
  ['subscribepattern', { action: 'subscribe', isLiteral: false }],
  ['unsubscribeliteral', { action: 'unsubscribe', isLiteral: true }],
  ['unsubscribepattern', { action: 'unsubscribe', isLiteral: false }],
])
const TYPES_SAID =
  'publishClientSend, publishClientReceive, subscribeLiteral, subscribePattern, unsubscribeLiteral and unsubscribePattern'

/** mosquitto's bound. */
const PRIORITY_MAX = 100_000
const ROLE_PRIORITY = -1
const RULE_PRIORITY = 0

class Reading {
  readonly #file: string
  readonly #problems: Problem[] = []
  readonly #warnings: Problem[] = []
  readonly #roles = new Map<string, Role>()
  readonly #groups = new Map<string, Group>()
  /** The groups of each user. */
  readonly #memberships = new Map<string, Given<Group>[]>()
  readonly #users = new Map<string, PasswordUser>()
  readonly #secured = new Map<string, SecuredUser>()
  #ruleCount = 0

  constructor(file: string) {
    this.#file = file
  }

  read(value: JsonValue): DynamicSecurity {
    const whole = this.#fieldsOf(value, TOP_NAMES)
    for (const each of whole.objects('roles', ROLE_NAMES)) this.#readRole(each)
    for (const each of whole.objects('groups', GROUP_NAMES)) this.#readGroup(each)
    for (const each of whole.objects('clients', CLIENT_NAMES)) this.#readClient(each)
    this.#warnOfStrangers()
    const anonymousGroup = this.#anonymousGroup(whole)
    const defaults = defaultsIn(whole)
    if (this.#problems.length > 0) throw new AccessFileError(this.#problems)
    return {
      users: this.#users,
      secured: this.#secured,
      anonymousGroup,
      defaults,
      ruleCount: this.#ruleCount,
      warnings: this.#warnings,
    }
  }

  #fieldsOf(value: JsonValue, names: readonly string[]): JsonFields {
    return new JsonFields(value, names, {
      wrong: (line, sentence) => this.#wrong(line, sentence),
      doubtful: (line, sentence) => this.#doubtful(line, sentence),
    })
  }

  #doubtful(line: number, sentence: string): void {
    this.#warnings.push({ place: `${this.#file}:${line}`, sentence })
  }

  #wrong(line: number, sentence: string): void {
    this.#problems.push({ place: `${this.#file}:${line}`, sentence })
    if (this.#problems.length >= PROBLEMS_MAX) throw new AccessFileError(this.#problems)
  }

  #readRole(fields: JsonFields): void {
    const name = this.#nameIn(fields, 'rolename', this.#roles)
    if (name === null) return
    const place = `${this.#file}:${fields.line} role ${name}`
    const seen = new Set<string>()
    const rules = fields
      .objects('acls', ACL_NAMES)
      .flatMap(each => this.#ruleIn(each, name, seen) ?? [])
    const allowsWildcards = fields.boolean('allowwildcardsubs') ?? true
    this.#ruleCount += rules.length
    this.#roles.set(name, new Role({ name, allowsWildcards, rules, place }))
  }

  #ruleIn(fields: JsonFields, role: string, seen: Set<string>): RoleRule | null {
    const type = fields.needed('acltype')
    const filter = fields.needed('topic')
    if (type === null || filter === null) return null
    const found = ACL_TYPES.get(type.toLowerCase())
    if (found === undefined) {
      this.#wrong(fields.line, `${quoted(type)} is none of ${TYPES_SAID}`)
      return null
    }
    if (!isTopicFilter(filter)) {
      // mosquitto takes them by its commands. They match nothing.
      if (fields.boolean('allow') === true) this.#doubtful(fields.line, leftOut(filter))
      else this.#wrong(fields.line, `${quoted(filter)} is no topic filter`)
      return null
    }
    const key = `${type.toLowerCase()} ${filter}`
    if (seen.has(key)) this.#wrong(fields.line, `role ${role} has ${type} ${filter} twice`)
    seen.add(key)
    return {
      ...found,
      filter,
      allows: fields.boolean('allow') ?? false,
      priority: priorityIn(fields, RULE_PRIORITY),
      place: `${this.#file}:${fields.line} role ${role}`,
    }
  }

  #readGroup(fields: JsonFields): void {
    const name = this.#nameIn(fields, 'groupname', this.#groups)
    if (name === null) return
    const group = { name, roles: this.#rolesIn(fields) }
    this.#groups.set(name, group)
    const seen = new Set<string>()
    for (const each of fields.objects('clients', MEMBER_NAMES)) {
      const username = each.needed('username')
      // A client that is in a group twice has the first priority.
      if (username === null || seen.has(username)) continue
      seen.add(username)
      const own = this.#memberships.get(username) ?? []
      own.push({ value: group, priority: priorityIn(each, ROLE_PRIORITY) })
      this.#memberships.set(username, own)
    }
  }

  #rolesIn(fields: JsonFields): readonly Given<Role>[] {
    const given = new Map<string, Given<Role>>()
    for (const each of fields.objects('roles', GIVEN_ROLE_NAMES)) {
      const name = each.needed('rolename')
      if (name === null || given.has(name)) continue
      const value = this.#roles.get(name)
      if (value === undefined) this.#wrong(each.line, `there is no role ${quoted(name)}`)
      else given.set(name, { value, priority: priorityIn(each, ROLE_PRIORITY) })
    }
    return [...given.values()]
  }

  #readClient(fields: JsonFields): void {
    const name = this.#nameIn(fields, 'username', this.#secured)
    if (name === null) return
    const isDisabled = fields.boolean('disabled') ?? false
    const roles = this.#rolesIn(fields)
    const groups = this.#memberships.get(name) ?? []
    this.#secured.set(name, { name, isDisabled, roles, groups })
    const written = writtenHash(fields)
    if (written === null || isDisabled) return
    const place = `${this.#file}:${fields.line}`
    try {
      const clientId = fields.text('clientid')
      const user = { name, hash: parseHash(written), written, line: fields.line, place }
      this.#users.set(name, clientId === null ? user : { ...user, clientId })
    } catch (error) {
      if (!(error instanceof WrongHash)) throw error
      this.#wrong(fields.line, error.message)
    }
  }

  #nameIn(fields: JsonFields, key: string, taken: ReadonlyMap<string, unknown>): string | null {
    const name = fields.needed(key)
    if (name === null) return null
    if (!taken.has(name)) return name
    this.#wrong(fields.line, `there are two with the ${key} ${quoted(name)}`)
    return null
  }

  #warnOfStrangers(): void {
    for (const [name, groups] of this.#memberships) {
      if (this.#secured.has(name)) continue
      const sentence = `group ${groups[0]?.value.name ?? ''} has a client ${quoted(name)} that does not exist`
      this.#warnings.push({ place: this.#file, sentence })
    }
  }

  #anonymousGroup(fields: JsonFields): Group | null {
    const name = fields.text('anonymousgroup')
    if (name === null) return null
    const group = this.#groups.get(name)
    if (group === undefined) this.#wrong(fields.line, `there is no group ${quoted(name)}`)
    return group ?? null
  }
}

/** About a rule that allows what is no topic filter. */
export function leftOut(filter: string): string {
  return `${quoted(filter)} is no topic filter: the rule is left out`
}

/** A number beyond mosquitto's bound counts as the bound. */
function priorityIn(fields: JsonFields, otherwise: number): number {
  const priority = fields.whole('priority') ?? otherwise
  return Math.min(PRIORITY_MAX, Math.max(-PRIORITY_MAX, priority))
}

/** Returns the hash as a password file has it. Version 2.1 writes one text, 2.0 the parts of a `$7$` hash. */
export function writtenHash(fields: JsonFields): string | null {
  const encoded = fields.text('encoded_password')
  if (encoded !== null) return encoded
  const password = fields.text('password')
  const salt = fields.text('salt')
  const iterations = fields.whole('iterations')
  if (password === null || salt === null || iterations === null) return null
  return `$7$${iterations}$${salt}$${password}`
}

function defaultsIn(whole: JsonFields): RoleDefaults {
  const fields = whole.object('defaultaclaccess', DEFAULT_NAMES)
  return {
    send: fields?.boolean('publishclientsend') ?? false,
    receive: fields?.boolean('publishclientreceive') ?? true,
    subscribe: fields?.boolean('subscribe') ?? false,
    unsubscribe: fields?.boolean('unsubscribe') ?? true,
  }
}

const TEXT_NAMES = ['textname', 'textdescription']
const TOP_NAMES = [
  'defaultaclaccess',
  'clients',
  'groups',
  'roles',
  'anonymousgroup',
  'changeindex',
]
const CLIENT_NAMES = [
  'username',
  'clientid',
  'disabled',
  'roles',
  'groups',
  'password',
  'salt',
  'iterations',
  'encoded_password',
  ...TEXT_NAMES,
]
const GROUP_NAMES = ['groupname', 'roles', 'clients', ...TEXT_NAMES]
const ROLE_NAMES = ['rolename', 'acls', 'allowwildcardsubs', ...TEXT_NAMES]
const ACL_NAMES = ['acltype', 'topic', 'priority', 'allow']
const GIVEN_ROLE_NAMES = ['rolename', 'priority']
const MEMBER_NAMES = ['username', 'priority']
const DEFAULT_NAMES = ['publishclientsend', 'publishclientreceive', 'subscribe', 'unsubscribe']

const QUOTED_MAX = 60

function quoted(text: string): string {
  return JSON.stringify(text.length <= QUOTED_MAX ? text : `${text.slice(0, QUOTED_MAX)}…`)
}
