// Debian's mosquitto is given single lines of an ACL file: what it starts with we take, and what it refuses we refuse.

import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { test } from 'tap'
import { parseAclFile } from '../../src/access/mosquitto/acl-file.ts'
import { freePort } from './programs.ts'

const LINES = [
  ...['topic', 'pattern', 'user', 'user  ', 'user a b c', 'user #x', 'topic user', '# c', ' # c'],
  ...['allow a', 'Topic a', '\ttopic a', 'topic\tread a', '\uFEFFtopic a', 'topic ü/+'],
  ...['topic raed a/b c', 'topic READ a', 'topic write\ta', 'topic read\ta', 'topic read \ta'],
  ...[
    'topic read',
    'topic deny',
    'topic readwrite',
    'topic  deny   #',
    '  topic   read    a b  \r',
  ],
  ...['topic a#', 'topic read  #a', 'topic read a/# # all', 'topic a/b+', 'topic ##', 'topic ++'],
  ...['topic #', 'topic +', 'topic +/a', 'topic /', 'topic read a//b', 'topic read $SYS/#'],
  ...['topic $share/g/a', 'pattern a', 'pattern write a/%c', 'pattern deny %u'],
  ...[199, 200, 201].map(count => `topic ${'/'.repeat(count)}`),
]

/** Whether mosquitto starts with this file: it ends with status 3 when it does not. */
async function isTaken(conf: string): Promise<boolean> {
  const mosquitto = spawn('/usr/sbin/mosquitto', ['-c', conf], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let errors = ''
  mosquitto.stderr.on('data', (bytes: Buffer) => {
    errors += bytes.toString()
    if (/ running$/m.test(errors)) mosquitto.kill('SIGKILL')
  })
  const status = await new Promise<number | null>(settle => mosquitto.once('close', settle))
  return status === null
}

function isTakenByUs(line: string): boolean {
  try {
    parseAclFile(Buffer.from(`${line}\n`), 'rules')
    return true
  } catch {
    return false
  }
}

test(`mosquitto and we agree on ${LINES.length} lines of ACL files`, async t => {
  const folder = t.testdir({})
  const file = resolve(folder, 'rules')
  const conf = resolve(folder, 'conf')
  const port = await freePort()
  const own = process.getuid?.() === 0 ? 'user root\n' : ''
  writeFileSync(conf, `listener ${port} 127.0.0.1\nallow_anonymous true\nacl_file ${file}\n${own}`)

  for (const line of LINES) {
    writeFileSync(file, `${line}\n`)
    t.equal(isTakenByUs(line), await isTaken(conf), JSON.stringify(line.slice(0, 40)))
  }
})
