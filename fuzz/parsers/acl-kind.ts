// ACL files: refused exactly where the second reading refuses, and otherwise with its verdicts. So no damage makes a right wider
// than the lines that are left say.

import { AccessFileError } from '../../src/access/access-file.ts'
import { parseAclFile } from '../../src/access/mosquitto/acl-file.ts'
import { AclRules } from '../../src/access/mosquitto/acl-rules.ts'
import { CurrentRules, RulePermissions } from '../../src/access/rules/rule-permissions.ts'
import {
  fileOf,
  mayRead,
  mayWrite,
  type RandomLine,
  randomLines,
  TOPICS,
} from '../../test/access/rules/acl-oracle.ts'
import type { Random } from '../random.ts'
import type { Outcome } from '../target.ts'
import { count, type FileKind } from './file-target.ts'
import { referenceAcl } from './reference-acl.ts'
import { bytesOf, mutatedText } from './text-maker.ts'

const SUBJECTS = [
  { username: null, clientId: 'c', address: '10.0.0.1' },
  { username: 'u', clientId: 'c', address: '10.0.0.1' },
  { username: 'a', clientId: 'a', address: '10.0.0.1' },
  { username: 'a/b', clientId: 'c', address: '10.0.0.1' },
  { username: '$S', clientId: 'b/a', address: '10.0.0.1' },
  { username: 'u+', clientId: '#x', address: '10.0.0.1' },
]
const ASKED = TOPICS.filter((_, index) => index % 4 === 0)

/** Tests plant faults in the parser. */
export function aclKind(parse: typeof parseAclFile = parseAclFile): FileKind {
  return { name: 'acl', make, check: (bytes, counts) => check(parse, bytes, counts) }
}

function make(random: Random): Buffer {
  const lines = randomLines(sides => random.below(sides)).map(line => ({ ...line, subnet: null }))
  const text = fileOf(lines)
  return bytesOf(random.chance(4) ? text : mutatedText(text, random), random)
}

function check(parse: typeof parseAclFile, bytes: Buffer, counts: Record<string, number>): Outcome {
  // Subnets are not in the second reading.
  if (bytes.includes('cidr')) return null
  const expected = referenceAcl(bytes)
  try {
    const file = parse(bytes, 'rules.acl')
    count(counts, 'accepted')
    if (expected === null) return 'accepted what must be refused'
    return differenceOf(new CurrentRules(new AclRules(file)), expected)
  } catch (error) {
    if (!(error instanceof AccessFileError)) return `threw ${String(error)}`
    count(counts, 'refused')
    if (expected !== null) return `refused what must be accepted: ${error.message}`
    return /^rules\.acl:\d+: /.test(error.message)
      ? null
      : `the sentence has no place: ${error.message}`
  }
}

function differenceOf(rules: CurrentRules, lines: readonly RandomLine[]): string | null {
  for (const subject of SUBJECTS) {
    const permissions = new RulePermissions(rules, subject)
    const who = `${subject.username} as ${subject.clientId}`
    for (const topic of ASKED) {
      if (permissions.mayReceive(topic) !== mayRead(lines, subject, topic))
        return `${who} reading ${topic} is not what the lines say`
      if (permissions.mayPublish(topic, 1, true) !== mayWrite(lines, subject, topic, 1, true))
        return `${who} writing ${topic} is not what the lines say`
    }
  }
  return null
}
