// Signing in and out: a link with a key, which counts once, and the cookie that it is exchanged for.

import { checkPrivacy, cookieName, tooManyKeys } from '../caller.ts'
import { unknownCaller } from '../app.ts'
import { deletedAnswer } from '../contract/clients.ts'
import {
  idQuery,
  linkAnswer,
  linkRequest,
  sessionAnswer,
  sessionRequest,
  signInsAnswer,
} from '../contract/sign-in.ts'
import type { ApiParts } from '../parts.ts'
import { Problem } from '../problem.ts'
import { checkOrigin } from '../request-checks.ts'
import { EVERYBODY, OPERATORS, type Route, route, type Source } from '../route.ts'
import { expiryOf } from '../sign-ins.ts'
import { isoOf, isoOrNull } from '../times.ts'

/** The broker ends a sign-in by its own times; the browser forgets the cookie at the latest then. */
const COOKIE_SECONDS = 7 * 86_400

export function signInRoutes(parts: ApiParts): readonly Route[] {
  return [...sessionRoutes(parts), ...linkRoutes(parts)]
}

function sessionRoutes(parts: ApiParts): readonly Route[] {
  const { signIns, rates, log, isPlainAllowed } = parts
  return [
    route({
      method: 'POST',
      path: '/session',
      roles: null,
      summary: 'Signs a browser in by the key of a link, and sets its cookie',
      body: sessionRequest,
      answer: sessionAnswer,
      isUrgent: true,
      isQuiet: true,
      handle({ body, source, incoming, headers }) {
        const { address } = source
        checkPrivacy(source, isPlainAllowed)
        checkOrigin(incoming)
        if (!rates.mayTry(address)) throw tooManyKeys()
        const redeemed = signIns.redeem(body.key, address)
        if (redeemed === null) {
          rates.wrongKey(address)
          const cause = 'the key is wrong, was used, or is older than 10 minutes'
          log.warn({ event: 'sign-in.refused', address, cause }, 'refused')
          throw new Problem(401, `${cause}: pondhawk dashboard prints a new link`)
        }
        const { token, signIn } = redeemed
        const { id, role } = signIn
        log.info({ event: 'sign-in.made', address, id, role }, 'signed in')
        headers.set('set-cookie', cookieOf(source, token, COOKIE_SECONDS))
        return { role, username: null, expiresAt: isoOf(expiryOf(signIn)) }
      },
    }),
    route({
      method: 'GET',
      path: '/session',
      roles: EVERYBODY,
      summary: 'Who asks',
      answer: sessionAnswer,
      isUrgent: true,
      handle({ caller }) {
        if (caller === null) throw unknownCaller()
        const { role, username, expiresAt } = caller
        return { role, username, expiresAt: isoOrNull(expiresAt) }
      },
    }),
    route({
      method: 'DELETE',
      path: '/session',
      roles: EVERYBODY,
      summary: 'Signs the browser out',
      answer: deletedAnswer,
      isUrgent: true,
      isQuiet: true,
      handle({ caller, source, headers }) {
        const id = caller?.signInId ?? null
        if (id === null) throw new Problem(409, 'only a browser that is signed in can sign out')
        headers.set('set-cookie', cookieOf(source, '', 0))
        return { deleted: signIns.end(id) ? 1 : 0 }
      },
    }),
  ]
}

function linkRoutes({ signIns, webUrl }: ApiParts): readonly Route[] {
  return [
    route({
      method: 'POST',
      path: '/sign-ins',
      roles: OPERATORS,
      summary: 'Makes a link that signs a browser in once, within 10 minutes',
      body: linkRequest,
      answer: linkAnswer,
      status: 201,
      handle({ body: { role } }) {
        const { key, expiresAt } = signIns.newKey(role)
        const url = `${webUrl() ?? ''}/#key=${key}`
        return { key, url, role, expiresAt: isoOf(expiresAt) }
      },
    }),
    route({
      method: 'GET',
      path: '/sign-ins',
      roles: OPERATORS,
      summary: 'Browsers that are signed in',
      answer: signInsAnswer,
      handle() {
        const items = signIns.all.map(entry => {
          const { id, role, address, createdAt, lastUsedAt } = entry
          return {
            ...{ id, role, address },
            createdAt: isoOf(createdAt),
            lastUsedAt: isoOf(lastUsedAt),
            expiresAt: isoOf(expiryOf(entry)),
          }
        })
        return { items }
      },
    }),
    route({
      method: 'DELETE',
      path: '/sign-ins',
      roles: OPERATORS,
      summary: 'Ends the sign-in of a browser',
      query: idQuery,
      answer: deletedAnswer,
      handle: ({ query }) => ({ deleted: signIns.end(query.id) ? 1 : 0 }),
    }),
  ]
}

function cookieOf({ port, isSecure }: Source, token: string, seconds: number): string {
  const value = `${cookieName(port)}=${token}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Strict`
  return isSecure ? `${value}; Secure` : value
}
