// What an administrator changes of a share group while messages wait and are in flight.

import { test } from 'tap'
import { UNRESTRICTED } from '../../src/access/permissions.ts'
import { SHARE_STRATEGY_NAMES, type ShareStrategyName } from '../../src/routing/share-strategy.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import type { PondClient } from '../pond-client.ts'
import { Pond, type PondOptions } from '../pond.ts'

const JOBS = { shareName: 'g', topicFilter: 'jobs/#' }
const FILTER = '$share/g/jobs/#'
const PROGRAM = { clientId: null, permissions: UNRESTRICTED, identity: null }

function member(pond: Pond, clientId: string, options = {}): PondClient {
  const client = pond.client(clientId, options)
  client.subscribes(FILTER, 1)
  client.hears()
  return client
}

function payloads(client: PondClient): string[] {
  return client.receivesMessages().map(message => message.payload.toString())
}

/** Gives a command, and lets turns pass until it is answered. */
async function commanded<Result>(pond: Pond, command: Promise<Result>): Promise<Result> {
  pond.settles()
  return command
}

test('a drained member gets nothing new, settles what it has, and then it is said', async t => {
  const told: string[] = []
  const pond = new Pond({ observer: { memberDrained: (_, clientId) => told.push(clientId) } })
  const alice = pond.client('alice')
  const [one, two] = [member(pond, 'one'), member(pond, 'two')]
  for (const job of ['1', '2']) alice.publishes('jobs/a', job, { qos: 1 })
  const [first] = one.receivesMessages()
  two.receives()

  t.equal(await commanded(pond, pond.commands.setMember(JOBS, 'one', { isDrained: true })), 'done')
  for (const job of ['3', '4']) alice.publishes('jobs/a', job, { qos: 1 })

  t.strictSame([payloads(one), payloads(two), told], [[], ['3', '4'], []])
  one.acknowledges('puback', first?.packetId ?? 0)
  t.strictSame(told, ['one'])
  await commanded(pond, pond.commands.setMember(JOBS, 'two', { isDrained: true }))
  alice.publishes('jobs/a', '5', { qos: 1 })
  t.strictSame([payloads(one), payloads(two)], [[], []])
  await commanded(pond, pond.commands.setMember(JOBS, 'one', { isDrained: false }))
  t.strictSame([payloads(one), payloads(two)], [['5'], []])
})

test('the weight of a drained member bounds the windows of the others no more', async t => {
  const pond = new Pond({ share: { defaultStrategy: 'weighted' } })
  const alice = pond.client('alice')
  const [heavy, light] = ['heavy', 'light'].map(name => member(pond, name))
  await commanded(pond, pond.commands.setMember(JOBS, 'heavy', { weight: 10, isDrained: true }))

  for (let job = 0; job < 20; job++) alice.publishes('jobs/a', `${job}`, { qos: 1 })

  t.equal(heavy?.receivesMessages().length, 0)
  t.equal(light?.receivesMessages().length, 20)
})

test('what an administrator set outlives the group, and is forgotten when he says so', async t => {
  const pond = new Pond({ share: { defaultStrategy: 'weighted', strategyOf: () => 'sticky' } })
  const { groups } = pond.broker.subscriptions
  const one = member(pond, 'one')
  const chosen = () => groups.get(JOBS)?.chosen.name

  await commanded(pond, pond.commands.setStrategy(JOBS, 'random'))
  await commanded(pond, pond.commands.setMember(JOBS, 'one', { weight: 5 }))
  t.equal(chosen(), 'random')
  one.unsubscribes(FILTER)
  t.equal(groups.get(JOBS), null)
  t.equal(await commanded(pond, pond.commands.setStrategy(JOBS, 'random')), 'unknown')
  one.subscribes(FILTER, 1)
  t.equal(chosen(), 'random')
  t.equal(await commanded(pond, pond.commands.resetGroup(JOBS)), true)
  t.equal(chosen(), 'sticky')
  t.equal(await commanded(pond, pond.commands.resetGroup(JOBS)), false)
  t.equal(groups.overrides.count, 0)
})

test('at most 1,000 groups and members have settings of their own', async t => {
  const pond = new Pond()
  const { overrides } = pond.broker.subscriptions.groups
  for (let index = 0; index < 999; index++) {
    overrides.setMember(JOBS, `m${index}`, { weight: 2, isDrained: false })
  }
  const name = { shareName: 'h', topicFilter: 'a' }
  pond.client('one').subscribes('$share/h/a', 1)

  t.equal(overrides.count, 1_000)
  t.equal(await commanded(pond, pond.commands.setStrategy(name, 'random')), 'no-room')
  overrides.setMember(JOBS, 'm0', { weight: null, isDrained: false })
  t.equal(await commanded(pond, pond.commands.setStrategy(name, 'random')), 'done')
})

test('a long queue moves to another strategy over many turns, and keeps its order', async t => {
  const pond = new Pond({ limits: { turnWorkTotalMax: 2_000 } })
  const one = member(pond, 'one', { acknowledges: true })
  const alice = pond.client('alice')
  await commanded(pond, pond.commands.setMember(JOBS, 'one', { isDrained: true }))
  for (let job = 0; job < 3_000; job++) {
    alice.publishes(`jobs/${job >> 9}`, `${job}`, { qos: 1, packetId: 1 })
  }
  const turns = pond.broker.turn

  const changes = [
    pond.commands.setStrategy(JOBS, 'hash-topic'),
    pond.commands.setStrategy(JOBS, 'random'),
    pond.commands.setStrategy(JOBS, 'hash-topic'),
    pond.commands.setMember(JOBS, 'one', { isDrained: false }),
  ]
  // It comes while the others are on their way, and one of its topic is at their end.
  const last = { payload: Buffer.from('3000'), qos: 1, retain: false, properties: {} } as const
  const publish = () => pond.commands.publish(last, `jobs/${3_000 >> 9}`, PROGRAM)
  pond.broker.postponed.add({ proceed: () => void publish() })
  pond.settles()
  t.strictSame(await Promise.all(changes), ['done', 'done', 'done', 'done'])

  t.ok(pond.broker.turn - turns > 10, `${pond.broker.turn - turns} turns`)
  const order = Array.from({ length: 3_001 }, (_, job) => `${job}`)
  const heard: string[] = []
  for (let got = payloads(one); got.length > 0; got = payloads(one)) heard.push(...got)
  t.strictSame(heard, order)
})

/** Random steps of a publisher, three members and an administrator. Throws nothing; returns what each key's messages were, in order. */
class Trial {
  readonly lost: string[]
  readonly outOfOrder: string[] = []
  readonly #pond: Pond
  readonly #random: () => number
  readonly #publisher: PondClient
  readonly #members = new Map<string, PondClient>()
  readonly #heard = new Set<string>()
  #published = 0
  #strategy: ShareStrategyName = 'round-robin'
  #lastByMember = new Map<string, number>()

  constructor(seed: number, options: PondOptions) {
    let state = seed
    this.#random = () => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff
      return state / 0x8000_0000
    }
    this.#pond = new Pond({ store: new MemoryStore(), ...options })
    this.#publisher = this.#pond.client('publisher')
    for (const name of NAMES) this.#comes(name)
    this.lost = []
  }

  async run(): Promise<void> {
    for (let step = 0; step < 120; step++) await this.#step()
    for (const name of NAMES) {
      this.#comes(name)
      await this.#set(name, { isDrained: false })
    }
    for (let round = 0; round < 40; round++) this.#hear()
    for (let job = 0; job < this.#published; job++) {
      if (!this.#heard.has(`${job}`)) this.lost.push(`${job}`)
    }
  }

  async #step(): Promise<void> {
    const name = this.#of(NAMES)
    switch (this.#of(STEPS)) {
      case 'publish':
        for (let count = 1 + Math.floor(this.#random() * 9); count > 0; count--) {
          const topic = `jobs/${Math.floor(this.#random() * 4)}`
          this.#publisher.publishes(topic, `${this.#published++}`, { qos: 1, packetId: 1 })
        }
        break
      case 'hear':
        this.#hear()
        break
      case 'strategy':
        this.#strategy = this.#of(SHARE_STRATEGY_NAMES)
        await commanded(this.#pond, this.#pond.commands.setStrategy(JOBS, this.#strategy))
        break
      case 'member':
        await this.#set(name, { weight: 1 + Math.floor(this.#random() * 9) })
        await this.#set(name, { isDrained: this.#random() < 0.4 })
        break
      case 'reset':
        await commanded(this.#pond, this.#pond.commands.resetGroup(JOBS))
        break
      case 'cut':
        this.#hear()
        this.#members.get(name)?.vanishes()
        this.#members.delete(name)
        break
      case 'come':
        this.#comes(name)
    }
  }

  #comes(name: string): void {
    if (this.#members.has(name)) return
    const client = this.#pond.stranger(name, {
      cleanStart: false,
      properties: { sessionExpiryInterval: 3_600, receiveMaximum: 3 },
      acknowledges: true,
    })
    client.connects()
    client.subscribes(FILTER, 1)
    this.#members.set(name, client)
    this.#lastByMember = new Map()
  }

  /** Whoever hears two messages of one topic for the first time hears them in the order of publishing. */
  #hear(): void {
    for (const [name, client] of this.#members) {
      for (const message of client.receivesMessages()) {
        const text = message.payload.toString()
        if (!this.#heard.has(text) && !message.duplicate) {
          const key = `${name} ${message.topic}`
          const last = this.#lastByMember.get(key) ?? -1
          if (Number(text) < last) this.outOfOrder.push(`${key}: ${text} after ${last}`)
          this.#lastByMember.set(key, Number(text))
        }
        this.#heard.add(text)
      }
    }
  }

  async #set(name: string, change: { weight?: number; isDrained?: boolean }): Promise<void> {
    await commanded(this.#pond, this.#pond.commands.setMember(JOBS, name, change))
  }

  #of<Choice>(choices: readonly Choice[]): Choice {
    return choices[Math.floor(this.#random() * choices.length)] as Choice
  }
}

const NAMES = ['one', 'two', 'three']
const STEPS = [
  'publish',
  'publish',
  'publish',
  'hear',
  'strategy',
  'member',
  'reset',
  'cut',
  'come',
] as const

test('nothing is lost or out of order while strategies, weights and members change in any order', async t => {
  for (let seed = 1; seed <= 12; seed++) {
    const options = { limits: { queuedInMemoryMax: seed % 3 === 0 ? 8 : 1_000 } }
    const trial = new Trial(seed, options)
    await trial.run()
    if (trial.lost.length > 0 || trial.outOfOrder.length > 0) {
      t.strictSame([trial.lost, trial.outOfOrder], [[], []], `seed ${seed}`)
    }
  }
  t.pass('12 seeds')
})
