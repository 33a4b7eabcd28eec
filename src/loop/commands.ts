// Commands of a program or an administrator, which come from outside of any connection. Each command runs in a
// turn and is answered when the changes that it recorded are committed.

import { type Asker, PROGRAM } from '../broker/admission.ts'
import { NotAdmitted } from '../broker/not-admitted.ts'
import type { Broker } from '../broker/broker.ts'
import type { GroupName, MemberOverride } from '../broker/share-overrides.ts'
import type { Hooked, HookPoints } from '../broker/hook-points.ts'
import { STEPS_PER_UNIT_BITS, WORK } from '../limits.ts'
import type { Publishable } from '../message.ts'
import {
  ADMINISTRATIVE_ACTION,
  NO_SUBSCRIPTION_EXISTED,
  type ReasonCode,
  SUCCESS,
  UNSPECIFIED_ERROR,
} from '../packet/reason.ts'
import type { Subscription } from '../routing/subscription.ts'
import type { ShareStrategyName } from '../routing/share-strategy.ts'
import { isReserved } from '../routing/topic.ts'
import type { CommitId, Journal } from '../store/journal.ts'
import { QueueCommands } from './queue-commands.ts'
import type { Flushable, Turn } from './turn.ts'

type PublishPoint = Exclude<HookPoints['publish'], null>

/** A command that has not finished its work. */
interface Command {
  /** Does a part of the work. Returns true when it was the last part. */
  step(): boolean
  failed(error: unknown): void
}

/** A command that has finished its work and waits for its commit. */
interface Answer {
  readonly commitId: CommitId
  readonly done: () => void
  readonly failed: (error: Error) => void
}

/**
 * How deep handlers of messages may publish further messages. Deeper calls are an endless recursion, which would overflow the stack
 * in the middle of a change.
 */
const PUBLISHES_WITHIN_MAX = 32

/** The number of retained topics and levels that are visited before the work of the turn is checked again. */
const RETAINED_STEPS = 256

export interface Published {
  readonly receivers: number
  /** Grows with each message; it goes on after a restart if there is a store. */
  readonly sequence: number
}

/** `unknown`: there is no such group or member. `no-room`: too many have settings of their own. */
type GroupChange = 'done' | 'unknown' | 'no-room'

/** A program or an administrator may not publish this, or there is no room for it. */
export class PublishRefused extends Error {
  readonly kind: NotAdmitted['kind']

  constructor({ kind, sentence }: NotAdmitted) {
    super(sentence)
    this.kind = kind
  }
}

// Wide on purpose: a method for each command.
export class Commands implements Flushable {
  readonly #broker: Broker
  readonly #turn: Turn
  readonly #commands = new Set<Command>()
  #isPostponed = false
  #answers: Answer[] = []
  #publishesWithin = 0
  /** Why no more commands are accepted. */
  #refusal: Error | null = null
  readonly queues: QueueCommands

  constructor(broker: Broker, turn: Turn) {
    this.#broker = broker
    this.#turn = turn
    this.queues = new QueueCommands(broker, {
      later: step => this.#later(step),
      whenCommitted: commitId => this.#whenCommitted(commitId),
    })
  }

  /**
   * Publishes before it returns, so messages have the order of the calls. Resolves with how many subscribers matched, and the number
   * that the message has among all. Rejects
   * when the caller may not publish this, when there is no room for it, or in an endless recursion of handlers.
   */
  async publish(said: Publishable, topic: string, asker: Asker): Promise<Published> {
    if (this.#refusal !== null) throw this.#refusal
    if (this.#publishesWithin === PUBLISHES_WITHIN_MAX) {
      throw new Error(
        `a handler publishes what calls it again, ${PUBLISHES_WITHIN_MAX} times by now`,
      )
    }
    this.#turn.begin()
    const { admission, journal, publishing, hooks } = this.#broker
    let hooked: Hooked | NotAdmitted = { said, topic }
    // The program's own publications are as it wants them.
    if (hooks.publish !== null && asker.clientId !== null) {
      const asked = { said, topic, asker, isWill: false }
      const answer = this.#hooked(asked, hooks.publish)
      hooked = answer instanceof Promise ? await answer : answer
    }
    if (hooked instanceof NotAdmitted) throw new PublishRefused(hooked)
    const message = admission.publish(hooked.said, hooked.topic, asker)
    if (message instanceof NotAdmitted) throw new PublishRefused(message)
    const recorded = new Recorded(journal)
    const receivers = this.#deeper(() => recorded.by(() => publishing.publish(message)))
    await this.#whenCommitted(recorded.commitId)
    return { receivers, sequence: message.sequence }
  }

  /**
   * Sends a message of the program to one client that is connected from this peer, whatever it has subscribed to. Resolves with false when
   * it is not connected, else when the message is stored, if it must be.
   */
  async publishTo(
    clientId: string,
    said: Publishable,
    topic: string,
    peer: object,
  ): Promise<boolean> {
    if (this.#refusal !== null) throw this.#refusal
    this.#turn.begin()
    const { sessions, admission, journal, publishing } = this.#broker
    const session = sessions.get(clientId)
    if (session === undefined || sessions.holderOf(clientId)?.peer !== peer) return false
    const message = admission.publish(said, topic, PROGRAM)
    if (message instanceof NotAdmitted) throw new PublishRefused(message)
    const recorded = new Recorded(journal)
    recorded.by(() => publishing.publishTo(session, message))
    await this.#whenCommitted(recorded.commitId)
    return true
  }

  /** Subscribes a client, connected or away, as if it had sent SUBSCRIBE, without hooks. Resolves with the reason code. */
  subscribeFor(clientId: string, subscription: Subscription): Promise<ReasonCode> {
    const broker = this.#broker
    return this.#later(() => {
      const session = broker.sessions.get(clientId)
      if (session === undefined) return UNSPECIFIED_ERROR
      const refusal = broker.admission.subscription(subscription, session)
      if (refusal !== null) return refusal.reason
      broker.changing += 1
      broker.subscribe(session, subscription)
      session.pump()
      broker.changing -= 1
      return subscription.qos
    })
  }

  unsubscribeFor(clientId: string, filter: string): Promise<ReasonCode> {
    const broker = this.#broker
    return this.#later(() => {
      const session = broker.sessions.get(clientId)
      const isRemoved = session !== undefined && broker.unsubscribe(session, filter)
      return isRemoved ? SUCCESS : NO_SUBSCRIPTION_EXISTED
    })
  }

  /** Asks the hooks. The promise is fulfilled in a turn. */
  #hooked(
    asked: Parameters<PublishPoint>[0],
    ask: PublishPoint,
  ): Hooked | NotAdmitted | Promise<Hooked | NotAdmitted> {
    let answered: (answer: Hooked | NotAdmitted) => void = () => {}
    const answer = ask(asked, late => answered(late))
    return answer ?? new Promise(resolve => (answered = resolve))
  }

  /**
   * Ends the client's connection. A client of MQTT 5 gets DISCONNECT with 0x98 (Administrative action) and the sentence
   * as Reason String. Its will is published and its session stays as if the connection was lost. Resolves with
   * false when no such client is connected, or not from the peer `only`.
   */
  disconnectClient(clientId: string, sentence: string, only?: object): Promise<boolean> {
    return this.#later(() => this.#disconnect(clientId, sentence, only))
  }

  /** Ends the client's connection, if it has one, and its session. Resolves with false when there is no such session. */
  endSession(clientId: string, sentence: string): Promise<boolean> {
    const broker = this.#broker
    return this.#later(() => {
      if (broker.sessions.get(clientId) === undefined) return false
      this.#disconnect(clientId, sentence)
      // The session may have ended with its connection.
      const session = broker.sessions.get(clientId)
      if (session === undefined) return true
      broker.changing += 1
      broker.clients.end(session)
      broker.changing -= 1
      return true
    })
  }

  /** Changes the strategy of a share group; null for what the configuration or a subscriber says. */
  setStrategy(name: GroupName, strategy: ShareStrategyName | null): Promise<GroupChange> {
    const { groups } = this.#broker.subscriptions
    return this.#later(() => {
      const group = groups.get(name)
      if (group === null) return 'unknown'
      if (!groups.overrides.hasRoomFor(group.owner, null)) return 'no-room'
      // An earlier change goes on.
      if (group.isMoving) return null
      this.#change(() => groups.setStrategy(group, strategy))
      return 'done'
    })
  }

  /** Changes the weight of a member of a share group, or whether it gets messages. */
  setMember(
    name: GroupName,
    clientId: string,
    change: Partial<MemberOverride>,
  ): Promise<GroupChange> {
    const { groups } = this.#broker.subscriptions
    return this.#later(() => {
      const group = groups.get(name)
      if (group === null || group.memberOf(clientId) === undefined) return 'unknown'
      if (!groups.overrides.hasRoomFor(group.owner, clientId)) return 'no-room'
      this.#change(() => groups.setMember(group, clientId, change))
      return 'done'
    })
  }

  /** Forgets what was set for a share group by the two commands above. Resolves with false when there was nothing. */
  resetGroup(name: GroupName): Promise<boolean> {
    const { groups } = this.#broker.subscriptions
    return this.#later(() => {
      if (groups.get(name)?.isMoving === true) return null
      return this.#change(() => groups.reset(name))
    })
  }

  /** Cancels a delayed message. Resolves with false when there is none with this number. */
  cancelDelayed(sequence: number): Promise<boolean> {
    return this.#later(() => this.#change(() => this.#broker.delayed.cancel(sequence)))
  }

  /** Decides a prepared transaction in place of its client. Resolves with false when there is none. */
  decideTransaction(clientId: string, id: string, decision: 'commit' | 'abort'): Promise<boolean> {
    const { transactions } = this.#broker
    return this.#later(() => this.#change(() => transactions.decide(clientId, id, decision)))
  }

  /**
   * Clears the retained messages that match the filter now. Subscribers are not informed. Many topics are cleared in several turns.
   * Resolves with how many were cleared.
   */
  clearRetained(filter: string): Promise<number> {
    if (isReserved(filter)) {
      return Promise.reject(new TypeError(`${filter} is for the broker itself to clear`))
    }
    const broker = this.#broker
    const { retained } = broker
    // Messages that are retained later have a larger sequence.
    const sequenceMax = broker.nextSequence()
    let found: ReturnType<typeof retained.matching> | null = null
    let cleared = 0
    return this.#later(() => {
      found ??= retained.matching(filter, sequenceMax)
      while (broker.turnWorkLeft > 0) {
        const before = found.steps
        const message = found.next(RETAINED_STEPS)
        broker.turnWorkLeft -= (found.steps - before) >> STEPS_PER_UNIT_BITS
        if (message === null) return cleared
        if (message === 'later') continue
        broker.changing += 1
        retained.clear(message.topic)
        broker.changing -= 1
        broker.turnWorkLeft -= WORK.durableChange
        cleared += 1
      }
      return null
    })
  }

  /** Accepts no more commands. Commands that were accepted are completed and answered. */
  close(refusal: Error): void {
    this.#refusal ??= refusal
  }

  /** Rejects all waiting commands, because nothing more will be committed. */
  fail(error: Error): void {
    this.close(error)
    for (const command of this.#commands) command.failed(error)
    this.#commands.clear()
    for (const answer of this.#answers.splice(0)) answer.failed(error)
    this.queues.fail(error)
  }

  /** Answers the commands whose changes are committed. */
  flush(committed: CommitId): boolean {
    const answers = this.#answers
    this.#answers = answers.filter(({ commitId }) => commitId > committed)
    for (const { commitId, done } of answers) if (commitId <= committed) done()
    return this.#answers.length > 0
  }

  /** Continues all commands, within the part of the turn that clients leave. */
  proceed(): void {
    this.#isPostponed = false
    for (const command of [...this.#commands]) {
      if (this.#commands.has(command) && this.#step(command)) this.#commands.delete(command)
    }
    if (this.#commands.size > 0) this.#postpone()
  }

  /** If it throws, the state of the broker may be wrong. */
  #change<Result>(change: () => Result): Result {
    this.#broker.changing += 1
    const result = change()
    this.#broker.changing -= 1
    return result
  }

  #deeper<Result>(publish: () => Result): Result {
    this.#publishesWithin += 1
    try {
      return publish()
    } finally {
      this.#publishesWithin -= 1
    }
  }

  #postpone(): void {
    if (this.#isPostponed) return
    this.#isPostponed = true
    this.#turn.begin()
    this.#broker.postponed.add(this)
  }

  /**
   * Starts a command in the next turn, never within a change: a handler of an event may give a command about the client of
   * that event. `step` returns null to continue in a later turn.
   */
  #later<Result>(step: () => Result | null): Promise<Result> {
    if (this.#refusal !== null) return Promise.reject(this.#refusal)
    return new Promise((resolve, failed) => {
      const recorded = new Recorded(this.#broker.journal)
      this.#commands.add({
        step: () => {
          const result = recorded.by(step)
          if (result === null) return false
          this.#answer({ commitId: recorded.commitId, done: () => resolve(result), failed })
          return true
        },
        failed,
      })
      this.#postpone()
    })
  }

  #whenCommitted(commitId: CommitId): Promise<void> {
    return new Promise((done, failed) => this.#answer({ commitId, done, failed }))
  }

  #answer(answer: Answer): void {
    this.#answers.push(answer)
    this.#turn.requestFlush(this)
  }

  #step(command: Command): boolean {
    const { changing } = this.#broker
    try {
      return command.step()
    } catch (error) {
      command.failed(error)
      if (this.#broker.changing > changing) this.#turn.stateFailed(error)
      return true
    }
  }

  #disconnect(clientId: string, sentence: string, only?: object): boolean {
    const holder = this.#broker.sessions.holderOf(clientId)
    if (holder === null || (only !== undefined && holder.peer !== only)) return false
    holder.disconnect(ADMINISTRATIVE_ACTION, sentence)
    return true
  }
}

/** Returns the commit of the changes that a command has recorded so far. */
class Recorded {
  commitId: CommitId = 0
  readonly #journal: Journal

  constructor(journal: Journal) {
    this.#journal = journal
  }

  by<Result>(change: () => Result): Result {
    const before = this.#journal.length
    const result = change()
    if (this.#journal.length > before) this.commitId = this.#journal.current
    return result
  }
}
