// Rules by a number: lines at random, in most cases behind lines that let every user do everything that is not denied.

import { type RandomLine, randomFrom, randomLines } from '../../test/access/rules/acl-oracle.ts'
import { USERS } from './script.ts'

export function rulesOf(seed: number): readonly RandomLine[] {
  const lines = randomLines(randomFrom(seed)).filter(
    ({ kind }) => kind !== 'subscribe' || seed % 8 === 0,
  )
  return seed % 3 === 0 ? lines : [...lines, ...USERS.map(everything)]
}

function everything(user: string): RandomLine {
  return {
    kind: 'topic',
    user,
    client: null,
    subnet: null,
    access: 'readwrite',
    filter: '#',
    qosMax: 2,
    mayRetain: true,
  }
}
