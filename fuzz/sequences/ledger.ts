// What must be true of a sequence: who may say and hear what at this moment, and what is owed to whom. It is a plain model that
// shares no code with the broker.

import {
  matches,
  mayRead,
  mayWrite,
  type RandomLine,
  type RandomSubject,
} from '../../test/access/rules/acl-oracle.ts'
import { maySubscribe } from '../../test/access/paths/path-oracle.ts'

export const ADDRESS = '192.0.2.1'

export interface Person {
  readonly clientId: string
  readonly username: string
}

export interface Said {
  readonly name: string
  readonly topic: string
  readonly qos: number
  readonly retain: boolean
  readonly by: Person
}

interface Fact extends Said {
  /** Whether it may be heard; `armed` for a will whose client is connected: then the rules of the moment decide. */
  state: 'allowed' | 'denied' | 'armed'
}

/** What the model knows of a session. */
interface SessionFacts {
  readonly user: string
  readonly isDurable: boolean
  hasShared: boolean
  readonly filters: Map<string, number>
  readonly everSubscribed: Set<string>
  /** Messages of QoS 2 by packet identifier, until they are released. */
  readonly unreleased: Map<number, string>
  /** What it has heard, and what of this it has heard at QoS 2. */
  readonly heard: Set<string>
  readonly heardAtQoS2: Set<string>
  readonly owed: Set<string>
}

export interface Heard {
  readonly name: string
  readonly topic: string
  readonly qos: number
  readonly retain: boolean
  readonly packetId: number
}

export class Ledger {
  readonly users: Set<string>
  rules: readonly RandomLine[] = []
  /** What is wrong, in the order in which it was found. */
  readonly faults: string[] = []
  heard = 0
  denied = 0
  readonly #facts = new Map<string, Fact>()
  readonly #sessions = new Map<string, SessionFacts>()

  constructor(users: readonly string[]) {
    this.users = new Set(users)
  }

  /** Says that new users or rules hold: nothing is owed to those who may not hear it or subscribe to it any more. */
  rulesChanged(): void {
    for (const [clientId, session] of this.#sessions) {
      const person = { clientId, username: session.user }
      this.#endRefused(person, session)
      for (const name of session.owed) {
        const fact = this.#facts.get(name)
        if (fact !== undefined && !this.mayHear(person, fact.topic)) session.owed.delete(name)
      }
    }
  }

  /** Subscriptions that a `subscribe` line refuses end. What waited for one may still be sent, or not. */
  #endRefused(person: Person, session: SessionFacts): void {
    if (!this.rules.some(({ kind }) => kind === 'subscribe')) return
    const moment = { lines: this.rules, users: [...this.users], found: new Map() }
    for (const filter of session.filters.keys()) {
      if (maySubscribe(moment, subjectOf(person), filter)) continue
      session.filters.delete(filter)
      session.owed.clear()
    }
  }

  mayHear(person: Person, topic: string): boolean {
    return this.users.has(person.username) && mayRead(this.rules, subjectOf(person), topic)
  }

  maySay({ topic, qos, retain, by }: Said): boolean {
    return this.users.has(by.username) && mayWrite(this.rules, subjectOf(by), topic, qos, retain)
  }

  /** A PUBLISH is about to arrive. Returns whether it may enter. */
  said(said: Said): boolean {
    const isAllowed = this.maySay(said)
    if (!isAllowed) this.denied++
    this.#facts.set(said.name, { ...said, state: isAllowed ? 'allowed' : 'denied' })
    return isAllowed
  }

  willArmed(will: Said): void {
    this.#facts.set(will.name, { ...will, state: 'armed' })
  }

  willDiscarded(name: string): void {
    const fact = this.#facts.get(name)
    if (fact?.state === 'armed') fact.state = 'denied'
  }

  /** The connection of an armed will has ended in this command. */
  willFired(name: string): void {
    const fact = this.#facts.get(name)
    if (fact?.state === 'armed') fact.state = this.maySay(fact) ? 'allowed' : 'denied'
  }

  /** The broker has acknowledged it: all whose sessions stay must hear it. */
  acknowledged(name: string): void {
    const fact = this.#facts.get(name)
    if (fact?.state !== 'allowed') return
    for (const [clientId, session] of this.#sessions) {
      const person = { clientId, username: session.user }
      if (!session.isDurable || session.heard.has(name)) continue
      const granted = [...session.filters].some(
        ([filter, qos]) => qos > 0 && matches(filter, fact.topic),
      )
      if (granted && fact.qos > 0 && this.mayHear(person, fact.topic)) session.owed.add(name)
    }
  }

  connected({ clientId, username }: Person, isDurable: boolean, sessionPresent: boolean): void {
    const before = this.#sessions.get(clientId)
    if (sessionPresent) {
      if (before === undefined) this.#fault(`${clientId} has a session that nobody began`)
      else if (before.user !== username)
        this.#fault(`${username} has the session of ${before.user}`)
      else this.#sessions.set(clientId, { ...before, isDurable })
      return
    }
    this.#sessions.set(clientId, {
      user: username,
      isDurable,
      hasShared: false,
      filters: new Map(),
      everSubscribed: new Set(),
      unreleased: new Map(),
      heard: new Set(),
      heardAtQoS2: new Set(),
      owed: new Set(),
    })
  }

  /** Whether a client that asks for its old session must find it. */
  hasSession({ clientId, username }: Person): boolean {
    const session = this.#sessions.get(clientId)
    return session?.isDurable === true && session.user === username
  }

  sessionEnded(clientId: string): void {
    this.#sessions.delete(clientId)
  }

  granted(clientId: string, filter: string, qos: number): void {
    const session = this.#sessions.get(clientId)
    const plain = filter.replace(/^\$share\/g\//, '')
    if (session === undefined) return
    session.everSubscribed.add(plain)
    if (plain === filter) session.filters.set(filter, qos)
    else session.hasShared = true
  }

  unsubscribed(clientId: string, filter: string): void {
    const session = this.#sessions.get(clientId)
    session?.filters.delete(filter)
    // What waited for it may still be sent, or not.
    session?.owed.clear()
  }

  hears(person: Person, { name, topic, qos, retain, packetId }: Heard): void {
    this.heard++
    const who = `${person.username} as ${person.clientId}`
    const fact = this.#facts.get(name)
    const session = this.#sessions.get(person.clientId)
    if (fact === undefined || fact.topic !== topic)
      return this.#fault(`${who} heard ${name} on ${topic}, which nobody said`)
    const isAllowed = fact.state === 'armed' ? this.maySay(fact) : fact.state === 'allowed'
    if (!isAllowed) this.#fault(`${name} on ${topic} entered without the right`)
    if (!this.mayHear(person, topic))
      this.#fault(`${who} heard ${name} on ${topic} without the right`)
    if (session === undefined) return this.#fault(`${who} heard ${name} without a session`)
    if (![...session.everSubscribed].some(filter => matches(filter, topic)))
      this.#fault(`${who} heard ${name} on ${topic} without a subscription`)
    session.heard.add(name)
    session.owed.delete(name)
    if (qos === 2) this.#hearsExactlyOnce(who, session, { name, topic, qos, retain, packetId })
  }

  released(clientId: string, packetId: number): void {
    this.#sessions.get(clientId)?.unreleased.delete(packetId)
  }

  /** At the end, when everybody has come back and heard all that waited. */
  owedTo({ clientId }: Person): void {
    for (const name of this.#sessions.get(clientId)?.owed ?? [])
      this.#fault(`${clientId} never heard ${name}, which was acknowledged`)
  }

  /** The sessions that outlive their connections. */
  durable(): readonly Person[] {
    return [...this.#sessions]
      .filter(([, { isDurable }]) => isDurable)
      .map(([clientId, { user }]) => ({ clientId, username: user }))
  }

  expect(isSo: boolean, sentence: string): void {
    if (!isSo) this.#fault(sentence)
  }

  #hearsExactlyOnce(who: string, session: SessionFacts, heard: Heard): void {
    const { name, retain, packetId } = heard
    const earlier = session.unreleased.get(packetId)
    if (earlier === name) return
    if (earlier !== undefined)
      this.#fault(`${who} heard ${name} with the identifier of ${earlier}, which is not released`)
    session.unreleased.set(packetId, name)
    // A new subscription may bring a retained message once more, and each share group brings its own.
    if (retain || session.hasShared) return
    if (session.heardAtQoS2.has(name)) this.#fault(`${who} heard ${name} twice at QoS 2`)
    session.heardAtQoS2.add(name)
  }

  #fault(sentence: string): void {
    this.faults.push(sentence)
  }
}

function subjectOf({ clientId, username }: Person): RandomSubject {
  return { clientId, username, address: ADDRESS }
}
