// Inserts the names of a client into filters of rules. Clients choose their names, so a name must never stand for others.

import type { RuleSubject } from './rule.ts'

/** The signs that stand for names, for example `%u` and `%c`. */
export interface NameSigns {
  /** Matches both signs, with the flag `g`. */
  readonly all: RegExp
  readonly username: string
}

/** mosquitto's. */
export const PERCENT_SIGNS: NameSigns = { all: /%[cu]/g, username: '%u' }
/** Those of its dynamic security: only where they are whole levels. */
export const LEVEL_SIGNS: NameSigns = { all: /(?<=^|\/)%[cu](?=\/|$)/g, username: '%u' }
/** EMQX's. */
export const NAMES_IN_BRACES: NameSigns = {
  all: /\$\{(?:clientid|username)\}/g,
  username: '${username}',
}

/** Returns the names that are inserted into this filter. A client without a user name has null. */
export function namesIn(
  filter: string,
  { all, username }: NameSigns,
  subject: RuleSubject,
): readonly (string | null)[] {
  const signs = filter.match(all) ?? []
  return signs.map(sign => (sign === username ? subject.username : subject.clientId))
}

/** Whether the name is exactly one level of a topic. */
export function isOneLevel(name: string | null): boolean {
  return name !== null && name !== '' && !name.includes('/') && !hasWildcardSign(name)
}

export function hasWildcardSign(name: string): boolean {
  return name.includes('+') || name.includes('#')
}

/** Returns the filter with the names in it. It is called only with names that are not null and have no wildcard. */
export function withNames(
  filter: string,
  names: readonly (string | null)[],
  { all }: NameSigns,
): string {
  let next = 0
  return filter.replaceAll(all, () => names[next++] ?? '')
}

/** A filter that does not begin with `$` does not match topics that do, whatever the names are. */
export function becomesHidden(filter: string, whole: string, { all }: NameSigns): boolean {
  return whole.startsWith('$') && !filter.replaceAll(all, 'x').startsWith('$')
}
