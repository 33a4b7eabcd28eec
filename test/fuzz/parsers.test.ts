// The second readings find faults that are planted in the parsers of files.

import { test } from 'tap'
import { fuzz } from '../../fuzz/driver.ts'
import { aclKind } from '../../fuzz/parsers/acl-kind.ts'
import { type FileKind, FileTarget } from '../../fuzz/parsers/file-target.ts'
import { passwordKind } from '../../fuzz/parsers/password-kind.ts'
import { heardBy, linkKind } from '../../fuzz/parsers/link-kind.ts'
import { partitionFrameKind } from '../../fuzz/parsers/partition-frame-kind.ts'
import { pskKind } from '../../fuzz/parsers/psk-kind.ts'
import { AccessFileError } from '../../src/access/access-file.ts'
import { parseAclFile } from '../../src/access/mosquitto/acl-file.ts'
import { parsePasswordFile } from '../../src/access/password/password-file.ts'
import { decodeFrame } from '../../src/partition/frame.ts'
import { parsePskFile } from '../../src/access/psk-file.ts'

const RUNS = 3_000

/** Parses a file with its wrong lines left out, as many programs do. */
function withoutWrongLines<Parsed>(
  parse: (bytes: Buffer, file: string) => Parsed,
): (bytes: Buffer, file: string) => Parsed {
  return (bytes, file) => {
    try {
      return parse(bytes, file)
    } catch (error) {
      if (!(error instanceof AccessFileError)) throw error
      const wrong = new Set(error.problems.map(({ place }) => Number(place.split(':').at(-1))))
      const lines = bytes.toString('latin1').split('\n')
      const kept = lines.filter((_, index) => !wrong.has(index + 1))
      return parse(Buffer.from(kept.join('\n'), 'latin1'), file)
    }
  }
}

const PLANTED: Readonly<Record<string, FileKind>> = {
  'an ACL file whose wrong lines are left out': aclKind(withoutWrongLines(parseAclFile)),
  'an ACL file whose denials are left out': aclKind((bytes, file) => {
    const { lines, warnings } = parseAclFile(bytes, file)
    return { lines: lines.filter(each => !('access' in each) || each.access !== 'deny'), warnings }
  }),
  'a password file whose wrong lines are left out': passwordKind(
    withoutWrongLines(parsePasswordFile),
  ),
  'a link whose broken rules are forgiven': linkKind((chunks, connections) => ({
    ...heardBy(chunks, connections),
    hasFailed: false,
  })),
  'a link that reads frames only where a chunk begins with one': linkKind((chunks, connections) =>
    heardBy(chunks.slice(0, 1), connections),
  ),
  'a partition that leaves out what comes beside a stream': partitionFrameKind(bytes => ({
    ...decodeFrame(bytes),
    beside: [],
  })),
  'a file of keys whose wrong lines are left out': pskKind(withoutWrongLines(parsePskFile)),
}

for (const [name, kind] of Object.entries(PLANTED)) {
  test(`${name}: this is found`, async t => {
    const range = { from: 1, count: RUNS, until: Infinity, findingsMax: 1 }
    const { findings } = await fuzz(new FileTarget(kind), range)

    t.ok(findings.length > 0)
  })
}
