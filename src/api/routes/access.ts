// The users of the users file, and the rules.

import { existsSync } from 'node:fs'
import { readAccessFile } from '../../access/access-file.ts'
import { parseAclFile } from '../../access/mosquitto/acl-file.ts'
import { editFile } from '../../access/edit-file.ts'
import { removeUser, setUser } from '../../access/password/edit-password-file.ts'
import { newPbkdf2Elsewhere } from '../../access/password/hashing.ts'
import { newPassword } from '../../access/password/new-password.ts'
import { nameProblem, parsePasswordFile } from '../../access/password/password-file.ts'
import { formatHash, isWeak } from '../../access/password/password-hash.ts'
import {
  rulesAnswer,
  rulesRequest,
  userAnswer,
  userQuery,
  userRequest,
  usersAnswer,
} from '../contract/administration.ts'
import { deletedAnswer } from '../contract/clients.ts'
import { attempted, edited } from '../file-problems.ts'
import { askedVersion, checkVersion, versionOf } from '../file-version.ts'
import type { ApiParts } from '../parts.ts'
import { Problem } from '../problem.ts'
import { OPERATORS, READERS, type Route, route } from '../route.ts'

export function accessRoutes(parts: ApiParts): readonly Route[] {
  return [...userRoutes(parts), ...rulesRoutes(parts)]
}

function userRoutes(parts: ApiParts): readonly Route[] {
  const { reloadAccess } = parts
  return [
    usersRoute(parts),
    route({
      method: 'PUT',
      path: '/user',
      roles: OPERATORS,
      summary: 'Makes a user, or gives it another password: its clients must sign in again',
      query: userQuery,
      body: userRequest,
      answer: userAnswer,
      async handle({ query: { username }, body: { password, generate } }) {
        const source = usersFileOf(parts)
        const problem = nameProblem(username)
        if (problem !== null) throw new Problem(422, `username: ${problem}`)
        if (usersIn(source).get(username)?.hash.kind === 'scram') {
          throw new Problem(
            409,
            'this user signs in by SCRAM: pondhawk user passwd changes that password',
          )
        }
        const made = generate ? newPassword() : null
        const hash = await newPbkdf2Elsewhere(Buffer.from(made ?? password ?? ''))
        const done = await edited(() => setUser(source, username, formatHash(hash)))
        attempted(reloadAccess)
        return { username, isNew: done === 'added', password: made }
      },
    }),
    route({
      method: 'DELETE',
      path: '/user',
      roles: OPERATORS,
      summary: 'Removes a user, and disconnects its clients',
      query: userQuery,
      answer: deletedAnswer,
      async handle({ query: { username } }) {
        const source = usersFileOf(parts)
        if (!usersIn(source).has(username)) return { deleted: 0 }
        await edited(() => removeUser(source, username))
        attempted(reloadAccess)
        return { deleted: 1 }
      },
    }),
  ]
}

function usersRoute(parts: ApiParts): Route {
  const { scans, core } = parts
  return route({
    method: 'GET',
    path: '/users',
    roles: READERS,
    summary: 'The users of the users file, without their hashes',
    answer: usersAnswer,
    async handle() {
      const source = usersFileOf(parts)
      const connected = new Map<string, number>()
      await scans.run(async slice => {
        for (const { clientId, rights } of core.broker.sessions.all()) {
          if (slice.isOver) await slice.next()
          const { username } = rights.identity
          if (username === null || core.broker.sessions.holderOf(clientId) === null) continue
          connected.set(username, (connected.get(username) ?? 0) + 1)
        }
      })
      const items = [...usersIn(source).values()].map(({ name, hash }) => ({
        username: name,
        hash: hash.kind,
        isWeak: isWeak(hash),
        clientsConnected: connected.get(name) ?? 0,
      }))
      return { source, items }
    },
  })
}

/** Throws Problem. */
function usersFileOf({ config }: ApiParts): string {
  const { usersFile } = config.access
  if (usersFile !== undefined) return usersFile
  throw new Problem(409, 'there is no users file: set access.usersFile, and restart the broker')
}

function rulesRoutes({ config, reloadAccess }: ApiParts): readonly Route[] {
  const { rulesFile, rules = '' } = config.access
  const read = (): string => {
    if (rulesFile === undefined) return rules
    return existsSync(rulesFile) ? attempted(() => readAccessFile(rulesFile)).toString() : ''
  }
  return [
    route({
      method: 'GET',
      path: '/rules',
      roles: READERS,
      summary: 'The rules, as they are written',
      answer: rulesAnswer,
      handle({ headers }) {
        const text = read()
        headers.set('etag', versionOf(text))
        return { source: rulesFile ?? null, text, version: versionOf(text) }
      },
    }),
    route({
      method: 'PUT',
      path: '/rules',
      roles: OPERATORS,
      summary:
        'Replaces the rules of the rules file, if they are still as If-Match says. They count at once',
      body: rulesRequest,
      answer: rulesAnswer,
      async handle({ body: { text }, asked, headers }) {
        if (rulesFile === undefined) {
          throw new Problem(409, 'there is no rules file: set access.rulesFile, and restart')
        }
        const version = askedVersion(asked, 'rules')
        attempted(() => parseAclFile(Buffer.from(text), rulesFile))
        await edited(() =>
          editFile(rulesFile, before => {
            checkVersion(before, version, 'the rules file')
            return text
          }),
        )
        attempted(reloadAccess)
        headers.set('etag', versionOf(text))
        return { source: rulesFile, text, version: versionOf(text) }
      },
    }),
  ]
}

function usersIn(file: string) {
  if (!existsSync(file)) return new Map<string, never>()
  return attempted(() => parsePasswordFile(readAccessFile(file), file)).users
}
