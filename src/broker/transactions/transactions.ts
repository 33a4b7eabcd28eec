// All transactions: what clients stage, and how it is committed, aborted or forgotten.

import { type Publishable, renumber } from '../../message.ts'
import { QUOTA_EXCEEDED, TOPIC_NAME_INVALID } from '../../packet/reason.ts'
import type { TransactionTopic } from '../../packet/transaction-topics.ts'
import type { CommitId } from '../../store/journal.ts'
import { NotAdmitted } from '../not-admitted.ts'
import type { Broker } from '../broker.ts'
import type { Decision } from '../../store/decision-list.ts'
import { Decisions } from './decisions.ts'
import { tellOutcome } from './outcomes.ts'
import { type Client, OpenTransactions } from './open-transactions.ts'
import { commitFault, deliveryIdsIn, refused, stageable } from './staging.ts'
import { Transaction } from './transaction.ts'
import { Undecided } from './undecided.ts'
import { Reservation } from './reservation.ts'
import { keepOutcome, publishAll } from './applying.ts'
import {
  idIn,
  isCommand,
  requestIn,
  type TransactionId,
  UNREADABLE,
  UNREADABLE_ID,
} from './transaction-topic.ts'

const DIGIT_0 = 0x30
const COUNT = /^[0-9]{1,9}$/
const NO_COUNT =
  'the payload of commit and prepare is the number of PUBLISH packets that were staged'
const NOTHING_STAGED =
  'nothing is staged under this id: it was never begun, or was forgotten with its connection or its time'
const QOS_0 = 'a PUBLISH of QoS 0 came into the transaction, and only 1 and 2 may'
const OTHER_CONTENT = 'this number was decided before, with other content'
const ABORTED = 'this transaction was aborted before'
const TOO_LOW = 'this number is too low: numbers of a name grow, and higher ones were decided'

/** Bytes of payload that are added to a checksum in one unit of work, as a power of two. */
const CHECKSUM_BYTES_PER_UNIT_BITS = 6

export class Transactions {
  readonly decisions: Decisions
  readonly undecided: Undecided
  /** Those that have staged something, and are not prepared. */
  readonly open: OpenTransactions
  readonly #broker: Broker
  #lastId: TransactionId | null = null

  constructor(broker: Broker) {
    this.#broker = broker
    this.decisions = new Decisions(broker)
    this.undecided = new Undecided(broker)
    this.open = new OpenTransactions(broker, transaction => this.#overdue(transaction))
  }

  get count(): number {
    return this.open.count
  }

  /** Takes a PUBLISH that is a request by its topic or by its user property. Returns the commit that its answer waits for, or the refusal. */
  take(said: Publishable, topic: string, client: Client): CommitId | NotAdmitted {
    const request = requestIn(topic, said.properties.userProperties)
    if (typeof request === 'string') return refused(request, TOPIC_NAME_INVALID)
    return this.takeRead(said, request, client)
  }

  /** The same for one whose topic was read in its parts. */
  takeRead(
    said: Publishable,
    { id: text, command, topic }: TransactionTopic,
    client: Client,
  ): CommitId | NotAdmitted {
    const id = this.#idOf(text)
    if (id === null) return refused(UNREADABLE_ID, TOPIC_NAME_INVALID)
    if (command !== '' && !isCommand(command)) return refused(UNREADABLE, TOPIC_NAME_INVALID)
    if (said.qos === 0) return this.#spoil(client, id, refused(QOS_0))
    switch (command) {
      case '':
        return this.#stage(said, id, topic, client)
      case 'ack':
        return this.#stage(said, id, null, client)
      case 'commit':
        return this.#commit(said, id, client)
      case 'prepare':
        return this.#prepare(said, id, client)
      case 'abort':
        return this.#abort(id, client)
    }
  }

  /** The PUBLISH packets of one transaction come one after the other. */
  #idOf(text: string): TransactionId | null {
    if (this.#lastId?.text !== text) this.#lastId = idIn(text, this.#lastId?.name)
    return this.#lastId
  }

  /** An operator decides a prepared transaction. Returns false when there is none. */
  decide(clientId: string, text: string, decision: 'commit' | 'abort'): boolean {
    const id = idIn(text)
    const prepared = id === null ? null : this.undecided.find(clientId, id)
    if (prepared === null) return false
    this.undecided[decision](prepared)
    return true
  }

  /** The client has left, or another connection has its session. */
  left(clientId: string): void {
    for (const transaction of this.open.of(clientId)) this.#forget(transaction)
    this.open.left(clientId)
  }

  /** `topic`: of the message; null for delivery ids. */
  #stage(
    said: Publishable,
    id: TransactionId,
    topic: string | null,
    client: Client,
  ): CommitId | NotAdmitted {
    const transaction = this.open.begun(client, id)
    if (transaction instanceof NotAdmitted) return transaction
    this.#broker.turnWorkLeft -= said.payload.length >> CHECKSUM_BYTES_PER_UNIT_BITS
    const refusal = this.#added(transaction, said, topic, client)
    if (refusal !== null) transaction.culprit ??= refusal
    return refusal ?? 0
  }

  #added(
    transaction: Transaction,
    said: Publishable,
    topic: string | null,
    client: Client,
  ): NotAdmitted | null {
    if (topic === null) {
      const ids = deliveryIdsIn(this.#broker, said)
      return ids instanceof NotAdmitted ? ids : this.open.addSettlements(transaction, ids)
    }
    const message = stageable(this.#broker, said, topic, client)
    return message instanceof NotAdmitted ? message : this.open.addMessage(transaction, message)
  }

  #commit(said: Publishable, id: TransactionId, client: Client): CommitId | NotAdmitted {
    const { clientId } = client
    const ready = this.#ready(said, id, client)
    if (ready instanceof NotAdmitted) return this.#refuse(clientId, id, ready)
    if (ready instanceof Transaction) {
      if (this.#broker.refusesOverflow) {
        const room = this.#room(ready)
        if (room instanceof NotAdmitted) return this.#refuse(clientId, id, room)
        room.release()
      }
      return this.#apply(ready)
    }
    const prepared = this.undecided.find(clientId, id)
    if (prepared !== null) return this.undecided.commit(prepared)
    return this.#repeated(ready, id, clientId)
  }

  #prepare(said: Publishable, id: TransactionId, client: Client): CommitId | NotAdmitted {
    const { clientId } = client
    const ready = this.#ready(said, id, client)
    if (ready instanceof NotAdmitted) return this.#refuse(clientId, id, ready)
    if (!(ready instanceof Transaction)) return this.#repeated(ready, id, clientId)
    const room = this.#room(ready)
    if (room instanceof NotAdmitted) return this.#refuse(clientId, id, room)
    const commitId = this.undecided.prepare(ready, room)
    this.open.end(ready)
    return commitId
  }

  /** Returns the transaction that can be committed or prepared now, what became of it before, or why it cannot. */
  #ready(
    said: Publishable,
    id: TransactionId,
    client: Client,
  ): Transaction | Decision | NotAdmitted {
    const transaction = this.open.find(client.clientId, id)
    const count = countIn(said)
    const known = this.decisions.find(client.clientId, id)
    if (known === 'forgotten') return refused(TOO_LOW)
    if (known === null)
      return this.#fault(transaction, count, client) ?? transaction ?? refused(NOTHING_STAGED)
    const isStagedAgain = transaction !== null
    const isSame =
      known.count === count &&
      (!isStagedAgain || (transaction.count === count && transaction.checksum === known.checksum))
    if (!isSame) return refused(OTHER_CONTENT)
    if (isStagedAgain) this.open.end(transaction)
    return known
  }

  /** Returns the room for all that queues may refuse, or why there is not enough. */
  #room({ messages }: Transaction): Reservation | NotAdmitted {
    const room = new Reservation(this.#broker, messages)
    if (room.full === null) return room
    room.release()
    const sentence = `the queue ${room.full.name} has no room for all of it`
    return refused(sentence, QUOTA_EXCEEDED)
  }

  /** Returns why it is not committed; null if it is. */
  #fault(transaction: Transaction | null, count: number, client: Client): NotAdmitted | null {
    if (Number.isNaN(count)) return refused(NO_COUNT)
    if (transaction === null) return refused(NOTHING_STAGED)
    const { culprit, count: staged, id } = transaction
    if (culprit !== null) return culprit
    if (staged !== count) return refused(`${count} were to be staged, and ${staged} were`)
    const { statistics } = this.#broker
    const limit = this.decisions.limitFor(client.clientId, id.name)
    if (limit === null) return commitFault(this.#broker, transaction, client)
    statistics.limited[limit] += 1
    return refused(`no room for another name of transactions (limits.${limit})`, QUOTA_EXCEEDED)
  }

  /** The number was decided before: the answer is the same, and nothing is applied. */
  #repeated({ outcome }: Decision, id: TransactionId, clientId: string): CommitId | NotAdmitted {
    if (outcome === 'aborted') return this.#refuse(clientId, id, refused(ABORTED))
    tellOutcome(this.#broker, clientId, id.text, outcome)
    // The first one may be in a commit that is not done yet.
    return this.#broker.journal.latest
  }

  /** Nobody sees anything of it before its commit, and nobody's message comes between its own. */
  #apply(transaction: Transaction): CommitId {
    const broker = this.#broker
    const { clientId, messages, settlements, since } = transaction
    this.open.takeOut(transaction)
    broker.statistics.transactionsCommitted += 1
    const commitId = broker.withinTransaction(() => {
      for (const message of messages) renumber(message, since, broker)
      publishAll(broker, messages)
      for (const deliveryId of settlements) broker.heldMessages.find(clientId, deliveryId)?.settle()
      keepOutcome(broker, transaction, 'committed')
    })
    // Not before: the memory of what queues and windows keep now would be counted twice more.
    this.open.release(transaction)
    return commitId
  }

  #abort(id: TransactionId, { clientId }: Client): CommitId | NotAdmitted {
    const transaction = this.open.find(clientId, id)
    if (transaction !== null) this.#forget(transaction, 'transactionsAborted')
    const prepared = this.undecided.find(clientId, id)
    if (prepared !== null) return this.undecided.abort(prepared)
    if (transaction !== null) {
      tellOutcome(this.#broker, clientId, id.text, 'aborted')
      return 0
    }
    const known = this.decisions.find(clientId, id)
    const isCommitted = known !== null && known !== 'forgotten' && known.outcome === 'committed'
    return isCommitted ? refused('this transaction was committed before') : 0
  }

  /** The transaction ends, and nothing of it is applied. */
  #refuse(clientId: string, id: TransactionId, refusal: NotAdmitted): NotAdmitted {
    const transaction = this.open.find(clientId, id)
    if (transaction !== null) this.open.end(transaction)
    this.#broker.statistics.transactionsRefused += 1
    const { reason, sentence } = refusal
    tellOutcome(this.#broker, clientId, id.text, 'refused', reason, sentence)
    return refusal
  }

  /** A PUBLISH that cannot be staged: the transaction cannot be committed any more. */
  #spoil(client: Client, id: TransactionId, refusal: NotAdmitted): NotAdmitted {
    const transaction = this.open.begun(client, id)
    if (!(transaction instanceof NotAdmitted)) transaction.culprit ??= refusal
    return refusal
  }

  #overdue(transaction: Transaction): void {
    const broker = this.#broker
    const { transactionSecondsMax } = broker.limits
    broker.statistics.limited.transactionSecondsMax += 1
    this.#forget(transaction)
    const sentence = `it was open for ${transactionSecondsMax} seconds (limits.transactionSecondsMax)`
    const { clientId, id } = transaction
    tellOutcome(broker, clientId, id.text, 'aborted', QUOTA_EXCEEDED, sentence)
  }

  /** The transaction ends, and what it was to settle is given back. */
  #forget(
    transaction: Transaction,
    counter: 'transactionsForgotten' | 'transactionsAborted' = 'transactionsForgotten',
  ): void {
    const { heldMessages, statistics } = this.#broker
    const { clientId, settlements } = transaction
    this.open.end(transaction)
    statistics[counter] += 1
    for (const deliveryId of settlements) heldMessages.find(clientId, deliveryId)?.giveBack()
  }
}

function countIn({ payload }: Publishable): number {
  const { length } = payload
  if (length === 0 || length > 16) return Number.NaN
  let count = 0
  for (const byte of payload) {
    const digit = byte - DIGIT_0
    if (digit < 0 || digit > 9) return countInText(payload.toString().trim())
    count = 10 * count + digit
  }
  return length < 10 ? count : Number.NaN
}

function countInText(text: string): number {
  return COUNT.test(text) ? Number(text) : Number.NaN
}
