// Writes the document of the dynamic security as mosquitto 2.0 and 2.1 read it, and makes the users and rules that reading the file would
// give: reading it would hold the loop.

import { isTopicFilter } from '../../routing/topic.ts'
import type { Problem } from '../access-file.ts'
import type { PasswordUser } from '../password/password-file.ts'
import { parseHash, SALT_BYTES } from '../password/password-hash.ts'
import { type Given, type Group, Role, type RoleRule } from '../rules/role-rules.ts'
import {
  ACL_TYPES,
  type DynamicSecurity,
  leftOut,
  type SecuredUser,
} from './dynamic-security-file.ts'
import {
  describedClient,
  describedGroup,
  describedRole,
  NO_PRIORITY,
  type Priorities,
  priorityShown,
  type SecurityClient,
  type SecurityDocument,
  type SecurityRole,
  type Slice,
} from './security-document.ts'

export interface WrittenSecurity {
  readonly bytes: Buffer
  readonly security: DynamicSecurity
}

/** All passwords must be hashed. `file` is the name of the file in places of rules. */
export async function writtenSecurity(
  document: SecurityDocument,
  file: string,
  slice: Slice,
): Promise<WrittenSecurity> {
  const writing = new Writing(slice)
  const bytes = await writing.write(document)
  const security = await new Making(document, file, writing.lines, slice).make()
  return { bytes, security }
}

/** Of a client, group or role: the lines where its object begins, and then the objects in it. */
type Lines = ReadonlyMap<object, readonly number[]>

class Writing {
  readonly lines = new Map<object, readonly number[]>()
  readonly #slice: Slice
  readonly #parts: string[] = []
  #line = 1

  constructor(slice: Slice) {
    this.#slice = slice
  }

  async write(document: SecurityDocument): Promise<Buffer> {
    const { clients, groups, roles, defaults, anonymousGroup, changeIndex } = document
    this.#add(`{\n\t"changeIndex": ${changeIndex}`)
    this.#member('defaultACLAccess', defaults)
    await this.#list('clients', clients.inOrder(), client => ({
      ...describedClient(client, false),
      ...writtenPassword(client.password),
    }))
    await this.#list('groups', groups.inOrder(), group => ({
      ...describedGroup(group),
      clients: [...group.clients].toSorted().map(username => ({
        username,
        ...priorityShown(clients.get(username)?.groups.get(group.name) ?? NO_PRIORITY),
      })),
    }))
    if (anonymousGroup !== null) this.#member('anonymousGroup', anonymousGroup)
    await this.#list('roles', roles.inOrder(), describedRole)
    this.#add('\n}\n')
    return Buffer.from(this.#parts.join(''))
  }

  #member(name: string, value: unknown): void {
    this.#add(`,\n\t"${name}": ${indented(value, '\t')}`)
  }

  async #list<Value extends object>(
    name: string,
    values: readonly Value[],
    described: (value: Value) => object,
  ): Promise<void> {
    this.#add(`,\n\t"${name}": [`)
    let separator = ''
    for (const value of values) {
      if (this.#slice.isOver) await this.#slice.next()
      this.#add(`${separator}\n\t\t`)
      this.lines.set(value, this.#add(indented(described(value), '\t\t')))
      separator = ','
    }
    this.#add(values.length === 0 ? ']' : '\n\t]')
  }

  /** Returns the lines where objects begin. */
  #add(text: string): readonly number[] {
    this.#parts.push(text)
    const begins: number[] = []
    for (const [index, line] of text.split('\n').entries()) {
      if (index > 0) this.#line += 1
      // No string of JSON has the end of a line in it.
      if (line.trimStart() === '{') begins.push(this.#line)
    }
    return begins
  }
}

function indented(value: unknown, by: string): string {
  return JSON.stringify(value, null, '\t').replaceAll('\n', `\n${by}`)
}

/** mosquitto 2.0 reads only the parts of a `$7$` hash, and only with its own length of the salt. */
function writtenPassword(password: SecurityClient['password']): object {
  if (typeof password !== 'string') return {}
  const hash = parseHash(password)
  if (hash.kind !== 'pbkdf2' || hash.salt.length !== SALT_BYTES)
    return { encoded_password: password }
  const { digest, salt, iterations } = hash
  return { password: digest.toString('base64'), salt: salt.toString('base64'), iterations }
}

class Making {
  readonly #document: SecurityDocument
  readonly #file: string
  readonly #lines: Lines
  readonly #slice: Slice
  readonly #roles = new Map<string, Role>()
  readonly #groups = new Map<string, Group>()
  readonly #warnings: Problem[] = []
  #ruleCount = 0

  constructor(document: SecurityDocument, file: string, lines: Lines, slice: Slice) {
    this.#document = document
    this.#file = file
    this.#lines = lines
    this.#slice = slice
  }

  async make(): Promise<DynamicSecurity> {
    const { clients, groups, roles, anonymousGroup, defaults } = this.#document
    for (const role of roles.inOrder()) {
      if (this.#slice.isOver) await this.#slice.next()
      this.#roles.set(role.name, this.#role(role))
    }
    for (const { name, roles: given } of groups.inOrder()) {
      if (this.#slice.isOver) await this.#slice.next()
      this.#groups.set(name, { name, roles: givenOf(given, this.#roles) })
    }
    const users = new Map<string, PasswordUser>()
    const secured = new Map<string, SecuredUser>()
    for (const client of clients.inOrder()) {
      if (this.#slice.isOver) await this.#slice.next()
      const { name, isDisabled, roles: given, groups: joined } = client
      const user = isDisabled ? null : this.#user(client)
      if (user !== null) users.set(name, user)
      secured.set(name, {
        name,
        isDisabled,
        roles: givenOf(given, this.#roles),
        groups: givenOf(joined, this.#groups),
      })
    }
    const { publishClientSend: send, publishClientReceive: receive, ...others } = defaults
    return {
      users,
      secured,
      anonymousGroup: this.#groups.get(anonymousGroup ?? '') ?? null,
      defaults: { send, receive, ...others },
      ruleCount: this.#ruleCount,
      warnings: this.#warnings,
    }
  }

  #role(role: SecurityRole): Role {
    const { name, allowsWildcards, acls } = role
    const [first = 0, ...others] = this.#lines.get(role) ?? []
    const placeOf = (line: number): string => `${this.#file}:${line} role ${name}`
    const rules = acls.flatMap(({ type, topic: filter, allows, priority }, index): RoleRule[] => {
      const found = ACL_TYPES.get(type.toLowerCase())
      const line = others[index] ?? first
      if (found === undefined) return []
      if (isTopicFilter(filter))
        return [{ ...found, filter, allows, priority, place: placeOf(line) }]
      this.#warnings.push({ place: `${this.#file}:${line}`, sentence: leftOut(filter) })
      return []
    })
    this.#ruleCount += rules.length
    return new Role({ name, allowsWildcards, rules, place: placeOf(first) })
  }

  #user(client: SecurityClient): PasswordUser | null {
    const { name, password: written, clientId } = client
    if (typeof written !== 'string') return null
    const [line = 0] = this.#lines.get(client) ?? []
    const user = { name, hash: parseHash(written), written, line, place: `${this.#file}:${line}` }
    return clientId === null ? user : { ...user, clientId }
  }
}

function givenOf<Value>(
  priorities: Priorities,
  values: ReadonlyMap<string, Value>,
): readonly Given<Value>[] {
  return Array.from(priorities).flatMap(([name, priority]) => {
    const value = values.get(name)
    return value === undefined ? [] : [{ value, priority }]
  })
}
