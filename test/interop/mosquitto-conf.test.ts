// Debian's mosquitto and we are started with the same mosquitto.conf: whom the one lets in the other lets in, and no one else.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import mqtt from 'mqtt'
import { test } from 'tap'
import { loadConfig } from '../../src/config/load.ts'
import { inputOf, mapConfFile } from '../../src/mosquitto/conf-config.ts'
import { SILENT } from '../../src/observe/log.ts'
import { startServer } from '../../src/server/server.ts'
import { freePort, run } from './programs.ts'

/** A and B stand for two ports. A name that nobody has proved is another thing here: see `conf.test.ts`. */
const CONFIGURATIONS = [
  'listener A 127.0.0.1',
  'listener A 127.0.0.1\nallow_anonymous true',
  'listener A 127.0.0.1\npassword_file PW\nlistener B 127.0.0.1',
  'listener A 127.0.0.1\npassword_file PW\nacl_file ACL\nallow_anonymous true',
  'listener A 127.0.0.1\npassword_file PW\nacl_file ACL',
  'port A\nbind_address 127.0.0.1\npassword_file PW\nlistener B 127.0.0.1',
  'per_listener_settings true\nlistener A 127.0.0.1\nallow_anonymous true\npassword_file PW\nlistener B 127.0.0.1\npassword_file PW',
  'per_listener_settings true\nlistener A 127.0.0.1\npassword_file PW\nlistener B 127.0.0.1\nallow_anonymous true\npassword_file PW',
  'per_listener_settings true\npassword_file PW\nport A\nbind_address 127.0.0.1\nallow_anonymous false',
]

/** Returns who gets in, and of these who may publish where. */
async function insiders(port: number): Promise<readonly string[]> {
  const logins = [{}, { username: 'home', password: 'secret' }, { username: 'home', password: 'x' }]
  const found: string[] = []
  for (const [index, login] of logins.entries()) {
    const options = { ...login, protocolVersion: 5, reconnectPeriod: 0 } as const
    try {
      const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, options)
      for (const topic of ['home/a', 'other/a']) {
        const may = await client.publishAsync(topic, 'x', { qos: 1 }).then(
          () => true,
          () => false,
        )
        if (may) found.push(`${index} ${topic}`)
      }
      await client.endAsync(true)
      found.push(`${index}`)
    } catch {
      // It was refused.
    }
  }
  return found
}

test(`mosquitto and we let in the same clients with ${CONFIGURATIONS.length} configurations`, async t => {
  const [first, second] = [await freePort(), await freePort()]
  const folder = t.testdir({
    pw: '',
    acl: 'topic readwrite home/#\nuser home\ntopic readwrite #\n',
  })
  const file = (name: string): string => resolve(folder, name)
  await run('mosquitto_passwd', ['-b', file('pw'), 'home', 'secret'])
  for (const name of ['pw', 'acl']) chmodSync(file(name), 0o644)
  const own = process.getuid?.() === 0 ? '\nuser root' : ''

  for (const lines of CONFIGURATIONS) {
    const text = lines
      .replace(/\bA\b/, `${first}`)
      .replace(/\bB\b/, `${second}`)
      .replaceAll(/\bPW\b/g, file('pw'))
      .replaceAll(/\bACL\b/g, file('acl'))
    writeFileSync(file('conf'), `${text}${own}\n`)
    const ports = lines.includes('B') ? [first, second] : [first]
    const all = async () => {
      const each = []
      for (const port of ports) each.push(await insiders(port))
      return each
    }
    const mosquitto = spawn('/usr/sbin/mosquitto', ['-c', file('conf'), '-v'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let said = ''
    mosquitto.stderr.on('data', (bytes: Buffer) => (said += bytes.toString()))
    while (!said.includes(' running')) await once(mosquitto.stderr, 'data')
    const theirs = await all()
    mosquitto.kill('SIGKILL')
    await once(mosquitto, 'close')

    const base = inputOf(mapConfFile(file('conf')).values)
    const config = loadConfig({ file: null, base, environment: {}, overrides: {} })
    const server = await startServer(config, SILENT)
    const ours = await all()
    await server.close()

    t.strictSame(ours, theirs, lines)
  }
})
