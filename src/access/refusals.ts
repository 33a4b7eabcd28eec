// Refusals that several authenticators give, with the same words whatever the cause.

import { BAD_USER_NAME_OR_PASSWORD } from '../packet/reason.ts'
import type { Refused } from './authenticator.ts'

export const WRONG: Refused = {
  kind: 'refused',
  reason: BAD_USER_NAME_OR_PASSWORD,
  sentence: 'user name or password is wrong',
}
