// The form of an explanation: a verdict, and its steps. A step is `recorded` if it was written down when it happened, and `now` if it
// is what the rules, subscriptions and queues of this moment would do. No step is both.

import { isRuled, NO_RULE, type Permissions, type RuledPermissions } from '../access/permissions.ts'
import { shortened } from '../packet/text.ts'

export interface Step {
  /** Milliseconds since 1970; null for `now`. */
  readonly at: number | null
  readonly source: 'recorded' | 'now'
  readonly level: 'ok' | 'warning' | 'fault'
  readonly clientId: string | null
  /** 0 where there is none. */
  readonly reasonCode: number
  readonly cause: string
  /** What changes it; null where nothing needs to. */
  readonly mend: string | null
}

export interface Explanation {
  readonly verdict: string
  readonly steps: readonly Step[]
}

const NAME_BYTES_MAX = 128

export function now(
  level: Step['level'],
  clientId: string | null,
  cause: string,
  mend: string | null = null,
): Step {
  return { at: null, source: 'now', level, clientId: cut(clientId), reasonCode: 0, cause, mend }
}

export function recorded(
  at: number,
  level: Step['level'],
  clientId: string | null,
  cause: string,
  reasonCode = 0,
): Step {
  return { at, source: 'recorded', level, clientId: cut(clientId), reasonCode, cause, mend: null }
}

/** Whether a right is there. A check that throws is no right, as for a client. */
export function has(check: () => boolean): boolean {
  try {
    return check()
  } catch {
    return false
  }
}

/** Returns ` by RULE`, or nothing where no rules decide. */
export function byRule(
  permissions: Permissions,
  ruleOf: (ruled: RuledPermissions) => string | null,
): string {
  return isRuled(permissions) ? ` by ${ruleOf(permissions) ?? NO_RULE}` : ''
}

function cut(clientId: string | null): string | null {
  return clientId === null ? null : shortened(clientId, NAME_BYTES_MAX)
}
