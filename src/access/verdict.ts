// Validates the answers of an access. An answer that is not a valid verdict counts as a refusal.

import { isFailure, isReasonCode, type ReasonCode } from '../packet/reason.ts'
import { sayable } from '../packet/text.ts'
import { FIELD_BYTES_MAX } from '../packet/writer.ts'
import type { Verdict } from './access.ts'
import type { Finding } from './identity.ts'
import type { Permissions } from './permissions.ts'

/** Returns the verdict with a shortened sentence; null if the answer is not a verdict. */
export function verdictIn(answer: unknown): Verdict | null {
  if (!isRecord(answer)) return null
  const { kind, data, reason, sentence, permissions } = answer
  switch (kind) {
    case 'allowed': {
      const { username, authentication, validForMs } = answer
      if (!isPermissions(permissions) || !isUsername(username) || !isWord(authentication))
        return null
      if (!isDuration(validForMs)) return null
      const finding: Finding = {
        ...(username !== undefined && { username }),
        ...(authentication !== undefined && { authentication }),
        ...(validForMs !== undefined && { validForMs }),
      }
      if (data === undefined) return { kind, permissions, ...finding }
      return isData(data) ? { kind, permissions, ...finding, data } : null
    }
    case 'refused':
      if (!isRefusal(reason) || typeof sentence !== 'string') return null
      return { kind, reason, sentence: sayable(sentence) }
    case 'continue':
      return data === null || isData(data) ? { kind, data } : null
    default:
      return null
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

export function isPermissions(value: unknown): value is Permissions {
  return (
    isRecord(value) &&
    typeof value['mayPublish'] === 'function' &&
    typeof value['maySubscribe'] === 'function' &&
    (value['mayUnsubscribe'] === undefined || typeof value['mayUnsubscribe'] === 'function') &&
    (value['mayReceive'] === undefined || typeof value['mayReceive'] === 'function') &&
    (value['mayShare'] === undefined || typeof value['mayShare'] === 'function')
  )
}

/** Whether it is a valid user name, null for none, or undefined. */
export function isUsername(value: unknown): value is string | null | undefined {
  return value === null || value === undefined || isText(value)
}

/** Whether it is a valid `authentication`, or undefined. */
export function isWord(value: unknown): value is string | undefined {
  return value === undefined || (isText(value) && value !== '')
}

/** Whether it is a number of milliseconds above 0, or undefined. */
export function isDuration(value: unknown): value is number | undefined {
  return value === undefined || (typeof value === 'number' && value > 0)
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && Buffer.byteLength(value) <= FIELD_BYTES_MAX
}

/** Whether the data fits into AUTH and CONNACK. */
function isData(value: unknown): value is Buffer {
  return Buffer.isBuffer(value) && value.length <= FIELD_BYTES_MAX
}

/** Whether it is a reason code of a refusal in the specification. */
export function isRefusal(value: unknown): value is ReasonCode {
  return typeof value === 'number' && isReasonCode(value) && isFailure(value)
}
