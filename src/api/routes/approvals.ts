// Lets a client in that was refused: makes its user.

import {
  APPROVAL_MS,
  type Approval,
  APPROVALS_MAX,
} from '../../access/password/awaited-passwords.ts'
import { newPassword } from '../../access/password/new-password.ts'
import { nameProblem } from '../../access/password/password-file.ts'
import { BAD_USER_NAME_OR_PASSWORD } from '../../packet/reason.ts'
import { deletedAnswer } from '../contract/clients.ts'
import {
  approvalAnswer,
  approvalQuery,
  approvalRequest,
  approvalsAnswer,
} from '../contract/records.ts'
import { attempted, edited } from '../file-problems.ts'
import type { ApiParts } from '../parts.ts'
import { Problem } from '../problem.ts'
import { OPERATORS, READERS, type Route, route } from '../route.ts'
import { isoOf } from '../times.ts'

export function approvalRoutes(parts: ApiParts): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/refused/approvals',
      roles: READERS,
      summary: `Approved clients whose next try is awaited; ${APPROVALS_MAX} at most`,
      answer: approvalsAnswer,
      handle: () => ({
        items: (parts.approvals?.waiting ?? []).map(({ clientId, username, address }) => ({
          ...{ clientId, username, address },
        })),
      }),
    }),
    route({
      method: 'DELETE',
      path: '/refused/approvals',
      roles: OPERATORS,
      summary: 'Waits no more for the next try of a client',
      query: approvalQuery,
      answer: deletedAnswer,
      handle: ({ query }) => ({ deleted: parts.approvals?.cancel(query) === true ? 1 : 0 }),
    }),
    route({
      method: 'POST',
      path: '/refused/approve',
      roles: OPERATORS,
      summary: 'Makes a user for a client that was refused because it has none',
      body: approvalRequest,
      answer: approvalAnswer,
      async handle({ body: { password: how, ...approval } }) {
        const approvals = checked(parts, approval, how)
        const { username } = approval
        if (how === 'next-try') {
          if (approvals.await(approval)) {
            return { username, password: null, expiresAt: isoOf(parts.now() + APPROVAL_MS) }
          }
          throw new Problem(
            409,
            `${APPROVALS_MAX} clients are awaited, which is the most: wait, or cancel one`,
          )
        }
        const password = newPassword()
        await edited(() => approvals.make(approval, Buffer.from(password)))
        return { username, password, expiresAt: null }
      },
    }),
  ]
}

/** Throws Problem. */
function checked({ approvals, records }: ApiParts, approval: Approval, how: string) {
  const { clientId, username, address } = approval
  const nameIsWrong = nameProblem(username)
  if (nameIsWrong !== null) throw new Problem(422, `username: ${nameIsWrong}`)
  const refused = records.refusedClients.all.find(
    each =>
      each.clientId === clientId &&
      each.address === address &&
      each.reasonCode === BAD_USER_NAME_OR_PASSWORD &&
      (each.username === username || each.username === null),
  )
  if (refused === undefined) {
    throw new Problem(
      404,
      'no such client was refused for its user name or password: take client id, user name and address from GET refused',
    )
  }
  if (refused.username === null && how === 'next-try') {
    throw new Problem(409, 'it sends no user name: make a password, and set both on the device')
  }
  if (approvals === null) {
    throw new Problem(409, 'there is no users file: set access.usersFile, and restart the broker')
  }
  const problem = attempted(() => approvals.problemWith(approval))
  if (problem === null) return approvals
  throw new Problem(409, problem)
}
