// Refusals that several authenticators give.

import { BAD_USER_NAME_OR_PASSWORD, type ReasonCode } from '../packet/reason.ts'
import type { Refused } from './authenticator.ts'

export function refusal(sentence: string, reason: ReasonCode = BAD_USER_NAME_OR_PASSWORD): Refused {
  return { kind: 'refused', reason, sentence }
}

/** The same words whatever the cause. */
export const WRONG = refusal('user name or password is wrong')
