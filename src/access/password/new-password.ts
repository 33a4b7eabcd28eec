// Passwords that are made for people to type.

import { randomInt } from 'node:crypto'

/** Letters and digits that are not easily confused. */
const SIGNS = 'abcdefghijkmnpqrstuvwxyz23456789'
const GROUPS = 4
const GROUP_LENGTH = 4

/** Makes a random password of 80 bits that is easy to type: `k7fq-m2xw-9hdt-c3va`. */
export function newPassword(): string {
  const group = (): string =>
    Array.from({ length: GROUP_LENGTH }, () => SIGNS[randomInt(SIGNS.length)]).join('')
  return Array.from({ length: GROUPS }, group).join('-')
}
