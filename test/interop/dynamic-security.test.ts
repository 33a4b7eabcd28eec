// Debian's mosquitto with its plugin for dynamic security, beside our rules from the same file: the same verdicts about random roles,
// groups and priorities. Where we refuse more, the reason is one of those below.

import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import mqtt, { type MqttClient } from 'mqtt'
import { test } from 'tap'
import { parseDynamicSecurity } from '../../src/access/mosquitto/dynamic-security-file.ts'
import { DynamicSecurityRules } from '../../src/access/mosquitto/dynamic-security-rules.ts'
import { newPbkdf2 } from '../../src/access/password/hashing.ts'
import { Gate } from '../../src/access/rules/gate.ts'
import { RememberedVerdicts } from '../../src/access/rules/remembered-verdicts.ts'
import { parseFilter } from '../../src/routing/topic.ts'
import { randomFrom } from '../access/rules/acl-oracle.ts'
import { freePort, Program } from './programs.ts'

/** How many files are compared. */
const FILES = Number(process.env['DYNSEC_FILES'] ?? 4)
const PLUGIN = pluginFile()
const TOPICS = ['a', 'a/b', 'a/b/c', 'b', 'b/a', '/a', 'a/', '$x/a', '$x']
const FILTERS = [...TOPICS, '#', '+', 'a/#', 'a/+', '+/b', 'a/+/c', '+/#', '$x/#', '/+', 'b/#']
const ASKED = [...FILTERS, '$share/g/a', '$share/g/a/#', '$share/g/b', '$share/g/#', '$share/h/a']
const RULES_ASKED = [...FILTERS, '$share/g/a', '$share/g/#', '$share/#']
const PASSWORD = 'x'
const HASH = newPbkdf2(Buffer.from(PASSWORD), 101)
const USERS = ['u0', 'u1', 'u2']
const ACLS = {
  publishClientSend: FILTERS,
  publishClientReceive: FILTERS,
  subscribeLiteral: RULES_ASKED,
  subscribePattern: RULES_ASKED,
  unsubscribeLiteral: RULES_ASKED,
  unsubscribePattern: RULES_ASKED,
}

type Verdicts = Map<string, boolean>

function pluginFile(): string | null {
  const folders = ['/usr/lib', ...namesIn('/usr/lib').map(name => join('/usr/lib', name))]
  const files = folders.map(folder => join(folder, 'mosquitto_dynamic_security.so'))
  return files.find(file => existsSync(file)) ?? null
}

function namesIn(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter(each => each.isDirectory())
    .map(each => each.name)
}

/** Random roles, groups and priorities, and an administrator who may do everything. */
function randomSecurity(seed: number): object {
  const below = randomFrom(seed)
  const chance = (percent: number) => below(100) < percent
  const one = <Value>(values: readonly Value[]): Value => values[below(values.length)] as Value
  const some = <Value>(most: number, make: (index: number) => Value) =>
    Array.from({ length: below(most + 1) }, (_, index) => make(index))
  const roles = ['r0', 'r1', 'r2', 'r3'].map(rolename => ({
    rolename,
    acls: unique(
      some(10, () => {
        const acltype = one(Object.keys(ACLS)) as keyof typeof ACLS
        return { acltype, topic: one(ACLS[acltype]), priority: below(3), allow: chance(60) }
      }),
    ),
  }))
  const given = () =>
    roles
      .filter(() => chance(40))
      .map(({ rolename }) => ({ rolename, ...(chance(70) && { priority: below(3) }) }))
  const everything = Object.keys(ACLS).flatMap(acltype =>
    ['#', '$x/#', '$share/#', '$CONTROL/#'].map(topic => ({ acltype, topic, allow: true })),
  )
  const groups = ['g0', 'g1', 'g2'].map(groupname => ({
    groupname,
    roles: given(),
    clients: USERS.filter(() => chance(50)).map(username => ({
      username,
      ...(chance(70) && { priority: below(3) }),
    })),
  }))
  const hash = {
    password: HASH.digest.toString('base64'),
    salt: HASH.salt.toString('base64'),
    iterations: 101,
  }
  return {
    defaultACLAccess: {
      publishClientSend: chance(50),
      publishClientReceive: chance(50),
      subscribe: chance(50),
      unsubscribe: chance(50),
    },
    clients: [
      ...USERS.map(username => ({ username, ...hash, roles: given() })),
      { username: 'admin', ...hash, roles: [{ rolename: 'all' }] },
    ],
    groups,
    roles: [...roles, { rolename: 'all', acls: everything }],
    ...(chance(70) && { anonymousGroup: 'g0' }),
  }
}

function unique<Each extends { acltype: string; topic: string }>(acls: readonly Each[]): Each[] {
  return [...new Map(acls.map(each => [`${each.acltype} ${each.topic}`, each])).values()]
}

/** What real mosquitto answers to one user, by question. */
class Asker {
  readonly #client: MqttClient
  readonly #heard: string[] = []
  #codes: readonly number[] = []

  private constructor(client: MqttClient) {
    this.#client = client
    client.on('message', (topic: string) => this.#heard.push(topic))
    client.on('packetreceive', packet => {
      if (packet.cmd === 'suback') this.#codes = packet.granted.map(Number)
      else if (packet.cmd === 'unsuback') this.#codes = (packet.granted ?? []).map(Number)
    })
  }

  static async connect(port: number, username: string | null): Promise<Asker> {
    const login = username === null ? {} : { username, password: PASSWORD }
    const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, {
      ...login,
      protocolVersion: 5,
      reconnectPeriod: 0,
      clientId: `c-${username ?? 'nameless'}`,
    })
    return new Asker(client)
  }

  async asks(admin: Asker): Promise<Verdicts> {
    const verdicts: Verdicts = new Map()
    for (const topic of TOPICS) verdicts.set(`send ${topic}`, await this.sends(topic))
    for (const filter of ASKED) {
      verdicts.set(`subscribe ${filter}`, await this.#is('subscribe', filter))
      verdicts.set(`unsubscribe ${filter}`, await this.#is('unsubscribe', filter))
    }
    // What is still subscribed to, because ending it was refused, is heard as well.
    for (const topic of TOPICS) {
      if (!(await this.#is('subscribe', topic))) continue
      this.#heard.length = 0
      await admin.sends(topic)
      await this.#is('subscribe', topic)
      verdicts.set(`receive ${topic}`, this.#heard.includes(topic))
    }
    return verdicts
  }

  sends(topic: string): Promise<boolean> {
    return new Promise(settle => {
      this.#client.publish(topic, 'x', { qos: 1 }, error => settle(!error))
    })
  }

  ends(): Promise<void> {
    return this.#client.endAsync(true)
  }

  async #is(action: 'subscribe' | 'unsubscribe', filter: string): Promise<boolean> {
    this.#codes = []
    const settled = new Promise<void>(settle => {
      if (action === 'subscribe') this.#client.subscribe(filter, { qos: 0 }, () => settle())
      else this.#client.unsubscribe(filter, () => settle())
    })
    await settled
    return (this.#codes[0] ?? 0) < 0x80
  }
}

/** What our gate answers. */
function ours(gate: Gate, question: string): boolean {
  const [action = '', text = ''] = question.split(' ')
  const { topicFilter, shareName } = parseFilter(text) ?? { topicFilter: text, shareName: null }
  if (action === 'send') return gate.maySend(text, 1, false)
  if (action === 'receive') return gate.mayReceive(text)
  if (action === 'subscribe') return gate.maySubscribe(topicFilter, shareName)
  return gate.mayUnsubscribe(topicFilter, shareName)
}

/** Why we may refuse more: a wildcard does not reach `$`, `+/#` is not `#`, and a share group is no way around a denial. */
function mayDiffer(question: string): boolean {
  return /subscribe (?:\$|#|\+\/#)/.test(question)
}

test(
  `mosquitto and we agree on the verdicts of ${FILES} files of dynamic security`,
  { skip: PLUGIN === null ? 'mosquitto has no plugin for dynamic security here' : false },
  async t => {
    const folder = t.testdir({})
    const file = resolve(folder, 'security.json')
    const conf = resolve(folder, 'conf')
    let compared = 0
    for (let seed = 1; seed <= FILES; seed++) {
      const port = await freePort()
      const written = JSON.stringify(randomSecurity(seed), null, '\t')
      writeFileSync(file, written, { mode: 0o644 })
      const lines = [
        `listener ${port} 127.0.0.1`,
        'allow_anonymous true',
        ...(process.getuid?.() === 0 ? ['user root'] : []),
        `plugin ${PLUGIN ?? ''}`,
        `plugin_opt_config_file ${file}`,
      ]
      writeFileSync(conf, `${lines.join('\n')}\n`)
      const broker = new Program('/usr/sbin/mosquitto', ['-c', conf])
      while (!/ running$/m.test(broker.errors)) {
        await new Promise(settle => broker.process.stderr?.once('data', settle))
      }
      const rules = new DynamicSecurityRules(parseDynamicSecurity(Buffer.from(written), 'f'))
      const admin = await Asker.connect(port, 'admin')
      for (const username of [...USERS, null]) {
        const asker = await Asker.connect(port, username)
        const clientId = `c-${username ?? 'nameless'}`
        const gate = new Gate(
          rules.rulesFor({ username, clientId, address: '' }),
          new RememberedVerdicts(),
        )
        for (const [question, allowed] of await asker.asks(admin)) {
          compared++
          const own = ours(gate, question)
          if (own === allowed) continue
          if (!own && mayDiffer(question)) continue
          t.equal(own, allowed, `seed ${seed}, ${username}: ${question}`)
        }
        await asker.ends()
      }
      await admin.ends()
      await broker.killed()
    }
    t.comment(`${compared} verdicts compared`)
    t.ok(compared > FILES * 100)
  },
)
